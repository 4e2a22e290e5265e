"""The assembled system at one instant: fit a plan, make every user's list, save, load.

A saved model is a folder of Parquet tables and one `model.json`; nothing in it is executable.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from recsys.candidates import AnyItem, ItemList, Knowledge, Tables
from recsys.data.history import History
from recsys.errors import ArtifactError
from recsys.recommender.plan import BLEND, Plan, source_of, source_of_plan
from recsys.recommender.registry import RUNGS, RecommenderSettings
from recsys.recommender.slates import full_slates
from recsys.replacing import replacing
from recsys.settings import Instant, Settings
from recsys.tables import SLATE_DTYPES

FORMAT = 1
"""Version of the folder's layout; another one is refused."""

LAST_RESORT = "any_item"
"""Source of rows that even the fallback cannot fill: every other available item."""

_USERS_PER_CHUNK = 20_000


class Manifest(Settings):
    """What a saved model is made of, and from what.

    Attributes:
        format: version of the layout.
        as_of: what was known before it was learned from.
        log_version: version of the event log that was read.
        config_digest: SHA-256 of the resolved configuration.
        settings: the recommender's settings, which name the variants of the plan.
        plan: what makes the lists.
    """

    format: int
    as_of: Instant
    log_version: int | None
    config_digest: str
    settings: RecommenderSettings
    plan: Plan


@dataclass(frozen=True)
class Model:
    """A fitted plan with the id maps of its history.

    Attributes:
        manifest: what it is and from what it was learned.
        tables: what the plan's source learned.
        fallback: ranking of the plan's fallback, then of every other available item.
        users: `user_idx`, `user_id`, `market`.
        items: `item_idx`, `item_id`.
        seen: pairs (`user_idx`, `item_idx`) of the history, for lists without repeats.
    """

    manifest: Manifest
    tables: Tables
    fallback: pl.DataFrame
    last_resort: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame
    seen: pl.DataFrame

    @property
    def as_of(self) -> datetime:
        """The instant before which everything in the model was known."""
        return self.manifest.as_of

    def recommend(self, user_ids: pl.Series, k: int, *, repeats: str | None = None) -> Iterator[pl.DataFrame]:
        """Make every user's list of `k` items (fewer only where the catalogue is smaller).

        Args:
            user_ids: external ids; duplicates and nulls are dropped, unknown users get the fallback.
            k: list depth.
            repeats: `allow` or `exclude` instead of what the plan says.

        Yields:
            Slates of some thousand users, sorted by user and rank; users in the order of their ids.
        """
        distinct = user_ids.cast(pl.String).drop_nulls().unique().sort().alias("user_id").to_frame()
        known = distinct.join(self.users.select("user_id", "user_idx", "market"), on="user_id", how="left")
        strangers = (pl.int_range(pl.len()) + self.users.height).cast(pl.UInt32)
        users = known.sort("user_id").with_columns(user_idx=pl.coalesce("user_idx", strangers))
        for start in range(0, users.height, _USERS_PER_CHUNK):
            yield self._with_ids(self.slates(users.slice(start, _USERS_PER_CHUNK), k, repeats=repeats), users)

    def slates(self, users: pl.DataFrame, k: int, *, repeats: str | None = None) -> pl.DataFrame:
        """Make lists for users given by `user_idx` and `market`; see `full_slates` for the result."""
        plan = self.manifest.plan
        exclude = None
        if (repeats or plan.repeats) == "exclude":
            exclude = self.seen.join(users, on="user_idx", how="semi")
        source = source_of_plan(plan, self.manifest.settings)
        return full_slates(
            source.retrieve(self.tables, users, k, exclude),
            [(plan.fallback.rung, self.fallback), (LAST_RESORT, self.last_resort)],
            users,
            name=plan.rung,
            k=k,
            exclude=exclude,
        )

    def _with_ids(self, slates: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
        reasons = {name: rung.reason for name, rung in RUNGS.items()} | {
            BLEND: "picked for you",
            LAST_RESORT: "also in the shop",
        }
        return (
            slates.join(users.select("user_idx", "user_id"), on="user_idx", how="left", maintain_order="left")
            .join(self.items.select("item_idx", "item_id"), on="item_idx", how="left", maintain_order="left")
            .with_columns(reason=pl.col("source").replace_strict(reasons))
            .select(pl.col(name).cast(dtype) for name, dtype in SLATE_DTYPES.items())
            .sort("user_id", "rank")
        )


def fit(knowledge: Knowledge, manifest: Manifest) -> Model:
    """Learn what a plan needs from what is known at its `as_of`."""
    history, settings, plan = knowledge.history, manifest.settings, manifest.plan
    last_resort = ItemList(LAST_RESORT, AnyItem(max(settings.popularity_half_lives)))
    return Model(
        manifest=manifest,
        tables=source_of_plan(plan, settings).fit(knowledge),
        fallback=source_of(plan.fallback, settings).fit(knowledge)["ranking"],
        last_resort=last_resort.fit(knowledge)["ranking"],
        users=history.users.select("user_idx", "user_id", "market"),
        items=history.items.select("item_idx", "item_id"),
        seen=seen_pairs(history),
    )


def seen_pairs(history: History) -> pl.DataFrame:
    """Return the distinct pairs (`user_idx`, `item_idx`) of a history, sorted."""
    pairs = history.events.select("user_idx", "item_idx").drop_nulls("user_idx").unique()
    return pairs.sort("user_idx", "item_idx")


def save(model: Model, folder: Path) -> None:
    """Write a model; a folder already there is replaced only when the new one is complete."""
    with replacing(folder) as fresh:
        fresh.mkdir()
        for name, table in _parquet_tables(model).items():
            table.write_parquet(fresh / f"{name}.parquet")
        (fresh / "model.json").write_text(model.manifest.model_dump_json(indent=2))


def load(folder: Path) -> Model:
    """Read a saved model.

    Raises:
        ArtifactError: if the folder is no complete model of this version.
    """
    try:
        manifest = Manifest.model_validate_json((folder / "model.json").read_text())
        if manifest.format != FORMAT:
            raise ArtifactError(f"{folder}: has layout {manifest.format}, not {FORMAT}; train it again")
        own = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
        learned = {name.removeprefix("source."): own.pop(name) for name in list(own) if name.startswith("source.")}
        return Model(manifest=manifest, tables=learned, **own)
    except (OSError, ValidationError, TypeError, pl.exceptions.PolarsError, json.JSONDecodeError) as error:
        problem = str(error).splitlines()[0]
        raise ArtifactError(f"{folder}: is no complete model ({problem}); run `recsys train --out {folder}`") from error


def _parquet_tables(model: Model) -> dict[str, pl.DataFrame]:
    learned = {f"source.{name}": table for name, table in model.tables.items()}
    own = {name: getattr(model, name) for name in ("fallback", "last_resort", "users", "items", "seen")}
    return own | learned
