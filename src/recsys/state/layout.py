"""Which tables a state has, which columns they have, and the three operations that all tables share.

Every decayed column holds a sum in landmark form, A = sum of v x 2^((t - L) / h) with L the landmark of its segment.
L is never before any t, so no exponent is positive and nothing overflows, however old the log grows. Moving the
landmark from L to a later L' multiplies by 2^(-(L' - L) / h) <= 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import polars as pl

from recsys.rewards import RewardSettings
from recsys.state.kinds import PairClasses, type_weights
from recsys.state.settings import StateSettings
from recsys.tables import ordered_sum
from recsys.timeline import INSTANT, format_duration, in_days

COVISITS = "covisits"
KEYS: dict[str, tuple[str, ...]] = {
    "user": ("user_id",),
    "item": ("item_id",),
    "user_item": ("user_id", "item_id"),
    "market_item": ("market", "item_id"),
    COVISITS: ("item_id", "next_item_id", "pair_class"),
}
"""The stored tables and their keys."""


@dataclass(frozen=True)
class Layout:
    """The columns of every table under given settings."""

    settings: StateSettings
    rewards: RewardSettings

    @cached_property
    def classes(self) -> PairClasses:
        """The classes of co-visit pairs that the kinds of the settings tell apart under the target reward."""
        return PairClasses.of(self.settings.covisits.kinds, type_weights(self.rewards.target_definition))

    @property
    def measures(self) -> list[str]:
        """What is counted: `events`, and `reward_<name>` per definition."""
        return ["events", *self.rewards.columns]

    def counts(self, table: str) -> list[str]:
        """Integer columns of a table; the first says whether the key is still there."""
        return ["n_pairs"] if table == COVISITS else [f"n_{measure}" for measure in self.measures]

    def decayed(self, table: str) -> dict[str, timedelta]:
        """Decayed columns of a table and their half-lives."""
        if table == COVISITS:
            return {f"covisit_{format_duration(h)}": h for h in self.settings.covisits.half_lives}
        return {f"{m}_{format_duration(h)}": h for m in self.measures for h in self.settings.half_lives}

    @property
    def count_of(self) -> dict[str, str]:
        """Decayed column of the counters -> the integer column that counts what it adds up."""
        return {f"{m}_{format_duration(h)}": f"n_{m}" for m in self.measures for h in self.settings.half_lives}

    def schema(self, table: str) -> dict[str, pl.DataType]:
        """Columns and dtypes of a table in order."""
        times = [] if table == COVISITS else ["first_time", "last_time"]
        count = pl.Int32() if table == COVISITS else pl.Int64()
        keys = {name: pl.UInt16() if name == "pair_class" else pl.String() for name in KEYS[table]}
        return {
            **keys,
            **dict.fromkeys(self.counts(table), count),
            **dict.fromkeys(times, INSTANT),
            **dict.fromkeys(self.decayed(table), pl.Float64()),
        }

    def totals(self, table: str) -> list[pl.Expr]:
        """Add up a table within groups: sums, the first `first_time` and the last `last_time`."""
        times = [] if table == COVISITS else [pl.col("first_time").min(), pl.col("last_time").max()]
        return [pl.col(self.counts(table)).sum(), *times, ordered_sum(pl.col(list(self.decayed(table))))]

    def moved(self, table: str, age: timedelta) -> list[pl.Expr]:
        """Move the landmark later by `age`; every factor is at most 1."""
        return [pl.col(name) * 2.0 ** (-in_days(age) / in_days(h)) for name, h in self.decayed(table).items()]


def sum_by_key(parts: Sequence[pl.LazyFrame], table: str, layout: Layout) -> pl.DataFrame:
    """Add the parts of one table up by key.

    Sums of floats depend on their order: parts are added in the order given, by the one engine that keeps it.

    Args:
        parts: frames of the table under one landmark.
        table: its name.
        layout: its columns.

    Returns:
        One row per key, sorted by key.
    """
    keys = list(KEYS[table])
    whole_lf = pl.concat(parts)
    if len(parts) > 1:
        whole_lf = whole_lf.group_by(keys, maintain_order=True).agg(layout.totals(table))
    return whole_lf.sort(keys).select(list(layout.schema(table))).collect(engine="in-memory")
