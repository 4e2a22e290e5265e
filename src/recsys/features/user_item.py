"""What a user had of an item: how much, how lately, how regularly, and whether it is due again."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.features.visits import pair_visits, taken
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, PairTable, ordered_sum
from recsys.timeline import format_duration

_PRIOR = 2.0
"""Gaps that a shorter prior interval counts for."""

_STATE, _HISTORY, _HAD, _DUE = "user-item state", "history", "you had it before", "due again"

_REST = (
    Feature("pair_events", "ln(1 + events)", "decayed interactions of any kind, longest half-life", _STATE, _HAD),
    Feature("pair_share", "share", "of the user's reward at the longest half-life", _STATE, _HAD),
    Feature("pair_silence", "days", "since the user last took the item", _HISTORY, _HAD),
    Feature("pair_tenure", "days", "since the user first took the item", _HISTORY, _HAD),
    Feature("pair_days", "days", "days on which the user took the item", _HISTORY, _HAD),
    Feature("pair_day_share", "share", "of the user's days since the first time, those with the item", _HISTORY, _HAD),
    Feature(
        "pair_gap",
        "days",
        "expected days between two takings: own, shrunk to the item's, and that to all",
        _HISTORY,
        _DUE,
    ),
    Feature("pair_overdue", "ratio", "pair_silence over (pair_gap + 1 day)", _HISTORY, _DUE),
    Feature(
        "pair_visits_since", "days", "days on which the user came since the last time with the item", _HISTORY, _HAD
    ),
)


@dataclass(frozen=True)
class UserItemFeatures:
    """User-item grain, at each half-life of the state; NaN where the user never met the item, or never took it."""

    half_lives: tuple[timedelta, ...]
    name: str = "user_item"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Masses, recency, regularity."""
        hs = [format_duration(h) for h in self.half_lives]
        masses = (Feature(f"pair_reward_{h}", "reward", f"decayed reward, half-life {h}", _STATE, _HAD) for h in hs)
        return (*masses, *_REST)

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compute every feature of every pair of the history."""
        hs, keys = [format_duration(h) for h in self.half_lives], ["user_idx", "item_idx"]
        visits = _with_gaps(pair_visits(knowledge))
        facts = (
            knowledge.grain("user_item")
            .join(visits, on=keys, how="left")
            .join(_days_since(knowledge), on=keys, how="left")
            .sort(keys)
        )
        mass = pl.col(f"reward_{knowledge.target}_{hs[-1]}")
        table = facts.select(
            *keys,
            *(pl.col(f"reward_{knowledge.target}_{h}").alias(f"pair_reward_{h}") for h in hs),
            pair_events=pl.col(f"events_{hs[-1]}").clip(lower_bound=0.0).log1p(),
            pair_share=mass / ordered_sum(mass).over("user_idx"),
            pair_silence="last_age",
            pair_tenure="first_age",
            pair_days="n_days",
            pair_day_share=pl.col("n_days") / (pl.col("days_since_first")),
            pair_gap="gap",
            pair_overdue=pl.col("last_age") / (pl.col("gap") + 1.0),
            pair_visits_since="days_since_last",
        )
        numbers = pl.exclude(keys).cast(pl.Float32).fill_null(float("nan"))
        return {"pairs": table.with_columns(numbers)}

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Look the pairs up."""
        return list(PairTable(tables["pairs"]).take(candidates.keys).values())


def _with_gaps(visits: pl.DataFrame) -> pl.DataFrame:
    """Add `gap`: the expected interval of each pair, shrunk to its item's mean, and that to the mean of all."""
    gaps, span = pl.col("n_days") - 1.0, pl.col("span")
    ordered = visits.sort("item_idx", "user_idx")
    totals = ordered.select(span=span.sum(), gaps=gaps.sum()).row(0, named=True)
    overall = totals["span"] / totals["gaps"] if totals["gaps"] else None
    item = ordered.group_by("item_idx", maintain_order=True).agg(
        item_gap=(ordered_sum(span) + _PRIOR * pl.lit(overall, pl.Float64)) / (gaps.sum() + _PRIOR)
    )
    own = (span + _PRIOR * pl.col("item_gap")) / (gaps + _PRIOR)
    return visits.join(item, on="item_idx", how="left").with_columns(gap=own)


def _days_since(knowledge: Knowledge) -> pl.DataFrame:
    """Count the user's days since the first (that one too) and since the last day with the item (without it)."""
    taken_lf = taken(knowledge).select("user_idx", "item_idx", day=pl.col("event_time").dt.date())
    left = (pl.len().over("user_idx") - pl.int_range(pl.len()).over("user_idx")).cast(pl.Float64)
    came_lf = taken_lf.select("user_idx", "day").unique().sort("user_idx", "day").with_columns(left=left)
    ends_lf = taken_lf.group_by("user_idx", "item_idx").agg(first=pl.col("day").min(), last=pl.col("day").max())
    return (
        ends_lf.join(came_lf.rename({"day": "first", "left": "days_since_first"}), on=["user_idx", "first"])
        .join(came_lf.rename({"day": "last", "left": "days_since_last"}), on=["user_idx", "last"])
        .select("user_idx", "item_idx", "days_since_first", pl.col("days_since_last") - 1.0)
        .collect()
    )
