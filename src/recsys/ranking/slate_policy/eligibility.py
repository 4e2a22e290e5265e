"""Rules of what a list may hold at all: no blocked item, and nothing that the user had lately."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import polars as pl

from recsys.errors import ConfigError
from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy.rule import SlateRule, Tables
from recsys.ranking.slate_policy.settings import SlateSettings
from recsys.timeline import age_days, in_days


@dataclass(frozen=True)
class Blocked(SlateRule):
    """Items that no list shows, whatever their score; ids that are in no catalogue are ignored."""

    ids: tuple[str, ...] = ()
    file: str | None = None
    name: ClassVar[str] = "blocked"
    reorders: ClassVar[bool] = False

    def fit(self, knowledge: Knowledge, lent: Tables) -> Tables:
        """Number the ids."""
        return {"blocked": blocked_items(knowledge.history.items, [*self.ids, *read_ids(self.file)])}

    def hides(self, tables: Tables) -> pl.DataFrame:
        """Hide them from everyone."""
        return tables["blocked"]


@dataclass(frozen=True)
class Resting(SlateRule):
    """Pairs whose last target reward is younger than a rest: a user who just bought milk is not shown milk today.

    What earned nothing was not had, so a purchase that was wholly returned does not rest.
    """

    rest: timedelta | None = None
    rest_of: Mapping[str, timedelta] = field(default_factory=dict)
    name: ClassVar[str] = "resting"
    reorders: ClassVar[bool] = False

    def fit(self, knowledge: Knowledge, lent: Tables) -> Tables:
        """Find the pairs whose rest is not over at `as_of`, which is when lists are made."""
        had = knowledge.history.events.filter(pl.col("user_idx").is_not_null() & (pl.col("reward") > 0))
        last = had.group_by("user_idx", "item_idx").agg(age=age_days(pl.col("event_time").max(), knowledge.as_of))
        names = list(self.rest_of)
        general = pl.lit(None if self.rest is None else in_days(self.rest), dtype=pl.Float64)
        own = pl.Series([in_days(self.rest_of[name]) for name in names], dtype=pl.Float64)
        rest = pl.col("category").replace_strict(pl.Series(names, dtype=pl.String), own, default=None)
        pairs = last.join(knowledge.history.items.select("item_idx", "category"), on="item_idx", how="left")
        resting = pairs.filter(pl.col("age") < pl.coalesce(rest, general))
        return {"resting": resting.select("user_idx", "item_idx").sort("user_idx", "item_idx")}

    def hides(self, tables: Tables) -> pl.DataFrame:
        """Hide each pair from its user."""
        return tables["resting"]


def blocked_ids(settings: SlateSettings) -> tuple[str, ...]:
    """Return all blocked ids, those of the file too.

    Raises:
        ConfigError: if the file cannot be read.
    """
    return (*settings.blocked, *read_ids(settings.blocked_file))


def read_ids(file: str | None) -> list[str]:
    """Read ids, one a line; blank lines are skipped.

    Raises:
        ConfigError: if the file cannot be read as text.
    """
    if file is None:
        return []
    try:
        lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise ConfigError(f"slate.blocked_file {file}: cannot be read ({reason}); write one item id a line") from error
    return [line.strip() for line in lines if line.strip()]


def blocked_items(items: pl.DataFrame, ids: Iterable[str]) -> pl.DataFrame:
    """Return `item_idx` of the named items, ascending; `items` has `item_idx` and `item_id`."""
    named = pl.DataFrame({"item_id": sorted(set(ids))}, schema={"item_id": pl.String})
    return items.join(named, on="item_id", how="semi").select("item_idx").sort("item_idx")
