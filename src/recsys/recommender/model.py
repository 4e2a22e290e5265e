"""The assembled system at one instant: fit a plan, make every user's list, save, load.

A saved model is a folder of Parquet tables and one `model.json`; nothing in it is executable.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from recsys.candidates import Tables
from recsys.errors import ArtifactError
from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy import SlatePolicy, blocked_items
from recsys.recommender.fitted import LAST_RESORT, USERS_PER_CHUNK, FittedPlan, any_item_ranking, seen_pairs
from recsys.recommender.plan import BLEND, Plan
from recsys.recommender.plan_source import learn_plan
from recsys.recommender.ranked import RankerSet
from recsys.recommender.ranking_plan import RANKED
from recsys.recommender.registry import RUNGS, RecommenderSettings
from recsys.recommender.slate_rules import fit_policy
from recsys.recommender.sources import source_of
from recsys.recommender.two_stage import Fitted
from recsys.replacing import replacing_folder
from recsys.rewards import RewardSettings
from recsys.settings import Instant, Settings
from recsys.state import StateSettings
from recsys.tables import PROPENSITY, SLATE_DTYPES

FORMAT = 4
"""Version of the folder's layout; another one is refused."""

_OWN_TABLES = ("fallback", "last_resort", "users", "items", "seen")
"""The tables that every model has. What its source learned stands beside them as `source.<name>`, and what the rules of
its lists learned as `slate.<name>`."""

_LEARNED, _SLATE = "source.", "slate."


class Origin(Settings):
    """An earlier model that a model went on from."""

    as_of: Instant
    config_digest: str


class Manifest(Settings):
    """What a saved model is made of, and from what.

    Attributes:
        format: version of the layout.
        as_of: what was known before it was learned from.
        log_version: version of the event log that was read.
        item_version: version of the item table that was read; null where there is none.
        config_digest: SHA-256 of the resolved configuration.
        rewards: the reward definitions of what was learned.
        state: half-lives and co-visits of what was learned.
        settings: the recommender's settings, which name the variants of the plan.
        plan: what makes the lists.
        tables: names of the model's tables, sorted; `fit` fills them in and `load` finds exactly these.
        warm_start: the model from whose vectors learning started; None from nothing.
        refreshed_from: the model that was brought to a later instant without training; None where it was trained.
    """

    format: int
    as_of: Instant
    log_version: int | None
    item_version: int | None = None
    config_digest: str
    rewards: RewardSettings = RewardSettings()
    state: StateSettings = StateSettings()
    settings: RecommenderSettings
    plan: Plan
    tables: tuple[str, ...] = ()
    warm_start: Origin | None = None
    refreshed_from: Origin | None = None


@dataclass(frozen=True)
class Model:
    """A fitted plan with the id maps of its history.

    Attributes:
        manifest: what it is and from what it was learned.
        tables: what the plan's source learned.
        fallback: ranking of the plan's fallback.
        last_resort: ranking of every available item.
        users: `user_idx`, `user_id`, `market`.
        items: `item_idx`, `item_id`.
        seen: what users had, as `seen_pairs` gives it, for lists without repeats.
        rankers: the fitted rankers of a plan that ranks.
        slate: what the rules of the final list learned; nothing where none is on.
    """

    manifest: Manifest
    tables: Tables
    fallback: pl.DataFrame
    last_resort: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame
    seen: pl.DataFrame
    rankers: RankerSet | None = None
    slate: Tables = field(default_factory=dict)

    @property
    def as_of(self) -> datetime:
        """The instant before which everything in the model was known."""
        return self.manifest.as_of

    def recommend(self, user_ids: pl.Series, k: int, *, repeats: str | None = None) -> Iterator[pl.DataFrame]:
        """Make every user's list of `k` items, fewer only where that is all there is to show.

        The plan was chosen under its own repeats policy. Under another one its lists keep to that policy and are full,
        but another rung might serve better: `train --repeats X` chooses for it.

        Args:
            user_ids: external ids; duplicates and nulls are dropped, unknown users get the fallback.
            k: list depth.
            repeats: `allow` or `exclude` instead of what the plan says.

        Yields:
            Slates of some thousand users, sorted by user and rank; users in the order of their ids. Where lists
            explore, with the column `propensity`.
        """
        distinct = user_ids.cast(pl.String).drop_nulls().unique().sort().alias("user_id").to_frame()
        known = distinct.join(self.users.select("user_id", "user_idx", "market"), on="user_id", how="left")
        strangers = (pl.int_range(pl.len()) + self.users.height).cast(pl.UInt32)
        users = known.sort("user_id").with_columns(user_idx=pl.coalesce("user_idx", strangers))
        for start in range(0, users.height, USERS_PER_CHUNK):
            chunk = users.slice(start, USERS_PER_CHUNK).sort("user_idx")
            yield self._with_ids(self.slates(chunk, k, repeats=repeats), chunk)

    def slates(self, users: pl.DataFrame, k: int, *, repeats: str | None = None) -> pl.DataFrame:
        """Make lists for users given by `user_idx` and `market`; see `FittedPlan.slates`."""
        return self._fitted.slates(users, k, repeats=repeats)

    @property
    def _fitted(self) -> FittedPlan:
        plan, settings = self.manifest.plan, self.manifest.settings
        policy = SlatePolicy.of(settings.slate, self.slate, self.as_of)
        return FittedPlan(plan, settings, self.tables, self.fallback, self.last_resort, self.seen, self.rankers, policy)

    def blocking(self, item_ids: Iterable[str]) -> "Model":
        """Return the model with further items blocked: no list of it shows them.

        Args:
            item_ids: external ids; those that the model does not know change nothing.
        """
        settings = self.manifest.settings
        more = set(item_ids) - set(settings.slate.blocked)
        if not more:
            return self
        ids = (*settings.slate.blocked, *sorted(more))
        changed = settings.model_copy(update={"slate": settings.slate.model_copy(update={"blocked": ids})})
        blocked = blocked_items(self.items, more)
        if "blocked" in self.slate:
            blocked = pl.concat([self.slate["blocked"], blocked]).unique().sort("item_idx")
        names = sorted({*self.manifest.tables, f"{_SLATE}blocked"})
        manifest = self.manifest.model_copy(update={"settings": changed, "tables": tuple(names)})
        return replace(self, manifest=manifest, slate={**self.slate, "blocked": blocked})

    def _with_ids(self, slates: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
        reasons = {name: rung.reason for name, rung in RUNGS.items()} | {
            BLEND: "picked for you",
            RANKED: "picked for you",
            LAST_RESORT: "also in the shop",
        }
        return (
            slates.join(users.select("user_idx", "user_id"), on="user_idx", how="left", maintain_order="left")
            .join(self.items.select("item_idx", "item_id"), on="item_idx", how="left", maintain_order="left")
            .with_columns(reason=pl.col("source").replace_strict(reasons))
            .select(*(pl.col(n).cast(dtype) for n, dtype in SLATE_DTYPES.items()), pl.col(f"^{PROPENSITY}$"))
            .sort("user_id", "rank")
        )


def fit(
    knowledge: Knowledge, manifest: Manifest, rankers: RankerSet | None = None, fitted: Fitted | None = None
) -> Model:
    """Learn what a plan needs from what is known at its `as_of`, and name its tables in the manifest.

    Args:
        knowledge: everything known at `as_of`.
        manifest: what the model is to be.
        rankers: fitted on earlier windows, for a plan that ranks.
        fitted: what learns a variant; by default from nothing, from what is known.
    """
    history, settings, plan = knowledge.history, manifest.settings, manifest.plan
    learn = fitted or (lambda pick: source_of(pick, settings).fit(knowledge))
    learned = learn_plan(plan, settings, rankers, knowledge, learn)
    slate = fit_policy(knowledge, settings, learn).tables
    names = sorted([*_OWN_TABLES, *_prefixed(learned, _LEARNED), *_prefixed(slate, _SLATE)])
    return Model(
        manifest=manifest.model_copy(update={"tables": tuple(names)}),
        tables=learned,
        fallback=learn(plan.fallback)["ranking"],
        last_resort=any_item_ranking(knowledge, settings),
        users=history.users.select("user_idx", "user_id", "market"),
        items=history.items.select("item_idx", "item_id"),
        seen=seen_pairs(history),
        rankers=rankers,
        slate=slate,
    )


def save(model: Model, folder: Path) -> None:
    """Write a model; one already there is replaced only when the new one is complete.

    Raises:
        ConfigError: if the folder holds anything but a model, or cannot be written.
    """
    with replacing_folder(folder, marker="model.json") as fresh:
        for name, table in _parquet_tables(model).items():
            table.write_parquet(fresh / f"{name}.parquet")
        if model.rankers is not None:
            model.rankers.save(fresh)
        (fresh / "model.json").write_text(model.manifest.model_dump_json(indent=2))


def load(folder: Path) -> Model:
    """Read a saved model.

    Raises:
        ArtifactError: if the folder is no complete model of this version.
    """
    try:
        manifest = _read_manifest(folder)
        tables = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
        _require_tables(folder, manifest, set(tables))
        rankers = None if manifest.plan.ranking is None else RankerSet.load(folder, manifest.plan.ranking)
    # NOTE: a ValueError is text that is no UTF-8, no JSON or no manifest.
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{folder}: is no complete model ({problem}); run `recsys train --out {folder}`") from error
    own = {name: tables.pop(name) for name in _OWN_TABLES}
    return Model(manifest, _under(tables, _LEARNED), **own, rankers=rankers, slate=_under(tables, _SLATE))


def _read_manifest(folder: Path) -> Manifest:
    """Read `model.json`; of another layout nothing is read but its number."""
    text = (folder / "model.json").read_text(encoding="utf-8")
    content = json.loads(text)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ArtifactError(f"{folder}: has layout {found}, not {FORMAT}; train it again")
    return Manifest.model_validate_json(text)


def _require_tables(folder: Path, manifest: Manifest, found: set[str]) -> None:
    """Refuse a folder whose tables are not exactly those of the manifest."""
    named = {*manifest.tables, *_OWN_TABLES}
    for problem, names in (("lacks", sorted(named - found)), ("has beside its own", sorted(found - named))):
        if names:
            raise ArtifactError(
                f"{folder}: is no complete model: it {problem} {len(names)} table(s); first: {names[0]}.parquet; "
                f"run `recsys train --out {folder}`"
            )


def _parquet_tables(model: Model) -> dict[str, pl.DataFrame]:
    own = {name: getattr(model, name) for name in _OWN_TABLES}
    return own | _prefixed(model.tables, _LEARNED) | _prefixed(model.slate, _SLATE)


def _prefixed(tables: Tables, prefix: str) -> dict[str, pl.DataFrame]:
    return {f"{prefix}{name}": table for name, table in tables.items()}


def _under(tables: Tables, prefix: str) -> dict[str, pl.DataFrame]:
    return {name.removeprefix(prefix): table for name, table in tables.items() if name.startswith(prefix)}
