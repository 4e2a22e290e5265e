"""One cutoff under trial: what was known, what came, and every variant of the ladder, each fitted once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

import polars as pl
import polars_hash as plh

from recsys.candidates import CandidateSource, Tables
from recsys.data.history import with_idx
from recsys.knowledge import Knowledge
from recsys.recommender import (
    LAST_RESORT,
    Examples,
    FittedPlan,
    Pick,
    Plan,
    Ranked,
    RankerSet,
    RecommenderSettings,
    Stopwatch,
    TwoStage,
    any_item_ranking,
    build_examples,
    full_slates,
    learn_plan,
    seen_pairs,
    source_of,
    source_of_plan,
)
from recsys.timeline import Fold

_SAMPLE_SALT = "selection"


class Trials(Protocol):
    """Where trials come from: a log, a catalogue and a configuration."""

    def has_history(self, cutoff: datetime) -> bool:
        """Whether enough was known at a cutoff to learn from."""
        ...

    def event_days(self, as_of: datetime) -> list[datetime]:
        """Return the midnights of the days with an event known before `as_of`, ascending."""
        ...

    def trial(self, cutoff: datetime, as_of: datetime) -> "Trial":
        """Put the ladder on trial at a cutoff, with the labels known before `as_of`."""
        ...

    def examples(self, cutoff: datetime, as_of: datetime, repeats: str) -> Examples | None:
        """Return what a ranker learns from a window with the labels known before `as_of`; None if it has no label."""
        ...


class Fits:
    """What every variant learned at one cutoff, each on first use."""

    def __init__(self, knowledge: Knowledge, settings: RecommenderSettings) -> None:
        self.knowledge, self.settings = knowledge, settings
        self._tables: dict[tuple[str, str], Tables] = {}
        self._watch = Stopwatch()
        self.seen = seen_pairs(knowledge.history)
        self.last_resort = any_item_ranking(knowledge, settings)

    def tables(self, pick: Pick) -> Tables:
        """Return what a variant learned, whatever its weight."""
        key = (pick.rung, pick.variant)
        if key not in self._tables:
            with self._watch.measure(_called(pick)):
                self._tables[key] = source_of(pick, self.settings).fit(self.knowledge)
        return self._tables[key]

    def fit_seconds(self, pick: Pick) -> float | None:
        """Return how long a variant took to learn; what variants share is charged to the first. None: not yet."""
        return self._watch.seconds.get(_called(pick))

    def plan(self, plan: Plan, rankers: RankerSet | None = None) -> FittedPlan:
        """Return a plan with what it learned, put together from what its parts learned."""
        source = source_of_plan(plan, self.settings, rankers)
        fallback = self.tables(plan.fallback)["ranking"]
        tables = self._tables_of(source, plan)
        return FittedPlan(plan, self.settings, tables, fallback, self.last_resort, self.seen, rankers)

    def _tables_of(self, source: CandidateSource, plan: Plan) -> Tables:
        if isinstance(source, Ranked):
            return {**self.stage, **source.own_tables(self.knowledge)}
        return learn_plan(plan, self.settings, None, self.knowledge, self.tables)

    @cached_property
    def stage(self) -> Tables:
        """What retrieval and features learned."""
        return TwoStage(self.settings).fit(self.knowledge, self.tables)

    @property
    def ties(self) -> pl.DataFrame:
        """`item_idx` and `tie` of all items."""
        return self.knowledge.history.items.select("item_idx", "tie")


@dataclass(frozen=True)
class Trial:
    """The ladder at one cutoff.

    Attributes:
        fits: everything known at the cutoff and what was learned from it.
        fold: cutoff, label window and the instant before which labels must be known.
        truths: reward -> `user_idx`, `item_idx`, `reward`, `first_event_time` of the label window, the target first;
            users and items that the history does not know have ids above its own.
        everyone: `user_idx`, `user_id`, `market`, `n_events`, `last_time` of all users of any truth.
        shown: `user_idx`, `item_idx`, `position` of what these users were shown in the label window, of items that the
            history knows; empty where nothing was.
    """

    fits: Fits
    fold: Fold
    truths: dict[str, pl.DataFrame]
    everyone: pl.DataFrame
    shown: pl.DataFrame

    @property
    def truth(self) -> pl.DataFrame:
        """The labels of the target reward."""
        return self.truths[self.fits.knowledge.target]

    @property
    def users(self) -> pl.DataFrame:
        """All users with a label of the target reward."""
        return self.everyone.join(self.truth, on="user_idx", how="semi", maintain_order="left")

    def candidates(self, pick: Pick, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None) -> pl.DataFrame:
        """Retrieve from one variant."""
        return source_of(pick, self.fits.settings).retrieve(self.fits.tables(pick), users, k, exclude)

    def fill(
        self, candidates: pl.DataFrame, fallback: Pick | None, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None
    ) -> pl.DataFrame:
        """Fill candidates up to full lists, from the fallback and then from any other item."""
        fallbacks = [] if fallback is None else [(fallback.rung, self.fits.tables(fallback)["ranking"])]
        fallbacks.append((LAST_RESORT, self.fits.last_resort))
        return full_slates(candidates, fallbacks, users, name="own", k=k, exclude=exclude)

    def slates(self, plan: Plan, users: pl.DataFrame, k: int, rankers: RankerSet | None = None) -> pl.DataFrame:
        """Make the lists of a plan, as a model fitted at the cutoff does; see `FittedPlan.slates`."""
        return self.fits.plan(plan, rankers).slates(users, k)

    def examples(self, repeats: str) -> Examples:
        """Build what a ranker learns from this window, of a sample of its users, and say what each channel cost."""
        settings = self.fits.settings
        stage = TwoStage(settings)
        users = self.sample(settings.ranking.max_users).select("user_idx", "market")
        examples = build_examples(
            stage,
            self.fits.stage,
            users,
            self.truths,
            cutoff=self.fold.cutoff,
            exclude=self.excluded(repeats, users),
        )
        learning = [self.fits.fit_seconds(stage.picks[name]) for name in examples.costs["channel"]]
        costs = examples.costs.with_columns(fit_seconds=pl.Series(learning, dtype=pl.Float64))
        return replace(examples.with_positions(self.shown), costs=costs)

    def excluded(self, repeats: str, users: pl.DataFrame) -> pl.DataFrame | None:
        """Return the pairs that lists of these users may not hold under a repeats policy."""
        return self.fits.seen.join(users, on="user_idx", how="semi") if repeats == "exclude" else None

    def sample(self, max_users: int) -> pl.DataFrame:
        """Return at most `max_users` users of the truth, chosen by a hash of their ids."""
        order = plh.concat_str(pl.lit(_SAMPLE_SALT), pl.col("user_id")).nchash.xxh3_64()
        return self.users.sort(order).head(max_users).sort("user_idx")


def _called(pick: Pick) -> str:
    return f"{pick.rung} {pick.variant}"


def build_trial(fits: Fits, fold: Fold, labels: Mapping[str, pl.DataFrame], positions: pl.DataFrame) -> Trial:
    """Attach a fold's labels, and where items were shown, to what was known at its cutoff.

    Time:
        What was learned comes from rows with `known_at < fold.cutoff`; labels and exposures are known before
        `fold.as_of`.

    Args:
        fits: everything known at `fold.cutoff`.
        fold: cutoff, label window and the instant before which labels must be known.
        labels: per named reward the fold's pairs: `user_id`, `item_id`, `reward`, `first_event_time`.
        positions: `user_id`, `item_id`, `position` of what was shown in the label window; see `shown_positions`.
    """
    history = fits.knowledge.history
    users = numbered(pl.concat([pairs["user_id"] for pairs in labels.values()]), history.users, "user")
    items = numbered(pl.concat([pairs["item_id"] for pairs in labels.values()]), history.items, "item")
    truths = {
        name: pairs.join(users, on="user_id")
        .join(items, on="item_id")
        .select("user_idx", "item_idx", "reward", "first_event_time")
        .sort("user_idx", "item_idx")
        for name, pairs in labels.items()
    }
    facts = history.users.select("user_id", "market", "n_events", "last_time")
    known = users.join(facts, on="user_id", how="left").with_columns(pl.col("n_events").fill_null(0))
    shown = with_idx(positions, {"user": users, "item": history.items})
    return Trial(fits, fold, truths, known.sort("user_idx"), shown.sort("user_idx", "item_idx"))


def numbered(ids: pl.Series, known: pl.DataFrame, name: str) -> pl.DataFrame:
    """Number the distinct ids: as the history does, and above its own numbers where it does not know them.

    Example:
        >>> known = pl.DataFrame({"item_id": ["b"], "item_idx": [0]}, schema_overrides={"item_idx": pl.UInt32})
        >>> numbered(pl.Series("item_id", ["c", "b", "a"]), known, "item").rows()
        [('a', 1), ('b', 0), ('c', 2)]
    """
    distinct = ids.unique().sort().to_frame()
    table = distinct.join(known.select(f"{name}_id", f"{name}_idx"), on=f"{name}_id", how="left")
    strange = (pl.col(f"{name}_idx").is_null().cum_sum() - 1 + known.height).cast(pl.UInt32)
    return table.sort(f"{name}_id").with_columns(pl.coalesce(f"{name}_idx", strange).alias(f"{name}_idx"))
