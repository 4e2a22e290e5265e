"""What is put under the probes: a log, a system that learns from it at an instant, and what can be seen of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, Protocol

import polars as pl

from recsys.candidates import Tables
from recsys.evaluation.trial import Trial
from recsys.features import Feature
from recsys.knowledge import Knowledge
from recsys.recommender import RUNGS, Examples, Pick, Plan, RankerSet, TwoStage, build_examples
from recsys.tables import CandidateSet, Floats

_FALLBACK = "popularity_decayed"


@dataclass(frozen=True, eq=False)
class Log:
    """Every row there is, whenever it became known.

    Attributes:
        events: rows of the event contract.
        items: every version of every item; None where there is no item table.
    """

    events: pl.LazyFrame
    items: pl.LazyFrame | None = None


class Subject(Protocol):
    """A system that has learned at one instant, and the label window that followed. Users: `user_idx`, `market`."""

    @property
    def knowledge(self) -> Knowledge:
        """What it learned from; it names users and items."""
        ...

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the columns of its matrices are."""
        ...

    def label_users(self, n: int) -> list[str]:
        """Return at most `n` users who have a history and a label, by a rule that does not depend on the order."""
        ...

    def labels(self) -> pl.DataFrame:
        """Return the label window's `user_id`, `item_id` and `reward`, of known items; one row per pair."""
        ...

    def positions(self) -> pl.DataFrame:
        """Return `user_id`, `item_id` and the `position` in which the label window showed them; one row per pair."""
        ...

    def propose(self, users: pl.DataFrame) -> tuple[CandidateSet, Floats]:
        """Return the users' candidates and their features, as for lists."""
        ...

    def examples(self, users: pl.DataFrame) -> Examples:
        """Return the users' candidates, features and grades, as for training."""
        ...

    def slates(self, users: pl.DataFrame, rankers: RankerSet, k: int) -> pl.DataFrame:
        """Return the users' lists."""
        ...

    def features_from(self, knowledge: Knowledge, candidates: CandidateSet) -> Floats:
        """Compute the features of candidates again, from other knowledge of the same instant."""
        ...


class System(Protocol):
    """Learns from whatever log it is given."""

    def learn(self, log: Log, cutoff: datetime, as_of: datetime) -> Subject:
        """Learn at `cutoff`; the labels that follow are those known before `as_of`."""
        ...


@dataclass(frozen=True)
class TrialSubject:
    """The recommender itself, through the trial that also judges it. A `Subject`.

    Attributes:
        trial: the ladder at one cutoff.
        repeats: whether lists may hold what the user had.
    """

    trial: Trial
    repeats: Literal["allow", "exclude"] = "allow"

    @property
    def knowledge(self) -> Knowledge:
        """What the trial's fits learned from."""
        return self.trial.fits.knowledge

    @cached_property
    def stage(self) -> TwoStage:
        """Retrieval and features."""
        return TwoStage(self.trial.fits.settings)

    @property
    def tables(self) -> Tables:
        """What the stage learned."""
        return self.trial.fits.stage

    @property
    def features(self) -> tuple[Feature, ...]:
        """The catalogue of the stage."""
        return self.stage.features

    def label_users(self, n: int) -> list[str]:
        """Return known users of the trial's own sample."""
        return self.trial.sample(n).filter(pl.col("n_events") > 0)["user_id"].to_list()

    def labels(self) -> pl.DataFrame:
        """Name the pairs of the target reward."""
        return self._named(self.trial.truth, "reward")

    def positions(self) -> pl.DataFrame:
        """Name the pairs that were shown."""
        return self._named(self.trial.shown, "position")

    def propose(self, users: pl.DataFrame) -> tuple[CandidateSet, Floats]:
        """Retrieve and compute features."""
        candidates = self.stage.candidates(self.tables, users, self.trial.excluded(self.repeats, users))
        return candidates, self.stage.matrix(self.tables, candidates)

    def examples(self, users: pl.DataFrame) -> Examples:
        """Build examples of these users."""
        return build_examples(
            self.stage,
            self.tables,
            users,
            self.trial.truths,
            cutoff=self.trial.fold.cutoff,
            exclude=self.trial.excluded(self.repeats, users),
        ).with_positions(self.trial.shown)

    def _named(self, pairs: pl.DataFrame, value: str) -> pl.DataFrame:
        users, items = self.trial.everyone, self.knowledge.history.items
        named = pairs.join(users, on="user_idx").join(items, on="item_idx")
        return named.select("user_id", "item_id", value).sort("user_id", "item_id")

    def slates(self, users: pl.DataFrame, rankers: RankerSet, k: int) -> pl.DataFrame:
        """Make lists as a ranked plan does."""
        plan = Plan(fallback=_fallback(self.trial), repeats=self.repeats, ranking=rankers.plan)
        return self.trial.slates(plan, users, k, rankers)

    def features_from(self, knowledge: Knowledge, candidates: CandidateSet) -> Floats:
        """Fit the feature groups on the knowledge; the sources stay as they are."""
        return self.stage.matrix(self.stage.fit(knowledge, self.trial.fits.tables), candidates)


def users_of(knowledge: Knowledge, user_ids: Sequence[str]) -> pl.DataFrame:
    """Return `user_idx`, `user_id`, `market`, ascending; users without history are numbered above all others."""
    wanted = pl.DataFrame({"user_id": sorted(set(user_ids))})
    known = wanted.join(knowledge.history.users.select("user_id", "user_idx", "market"), on="user_id", how="left")
    strange = pl.col("user_idx").is_null().cum_sum() - 1 + knowledge.history.users.height
    numbered = known.sort("user_id").with_columns(user_idx=pl.coalesce("user_idx", strange).cast(pl.UInt32))
    return numbered.select("user_idx", "user_id", "market").sort("user_idx")


def _fallback(trial: Trial) -> Pick:
    """Return a popularity list of the settings."""
    variants = RUNGS[_FALLBACK].variants(_FALLBACK, trial.fits.settings)
    return Pick(rung=_FALLBACK, variant=next(iter(variants)))
