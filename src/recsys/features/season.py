"""What the calendar says: the same weeks last year, the weekday, and how long an item stays on offer."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.features.dense import dense, gather
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats
from recsys.timeline import Window, age_days

_YEAR = timedelta(days=365)
_WEEKS = timedelta(days=28)
_PRIOR = 5.0


@dataclass(frozen=True)
class SeasonFeatures:
    """Item grain; NaN in a log younger than a year where last year is asked."""

    name: str = "season"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Season, weekday, end of the offer."""
        return (
            Feature(
                "season_ratio",
                "ratio",
                "events in these 28 days last year over the mean of 28 days, smoothed",
                "history",
                "in season",
            ),
            Feature(
                "season_week_share",
                "share",
                "of the item's events on the weekday of as_of, smoothed",
                "history",
                "in season",
            ),
            Feature(
                "season_days_left",
                "days",
                "until the item is no longer available",
                "item table",
                "available for a short time",
            ),
        )

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compute every feature of every item."""
        items, events = knowledge.history.items, knowledge.history.events
        is_day = pl.col("event_time").dt.weekday() == knowledge.as_of.isoweekday()
        counts = events.group_by("item_idx").agg(
            n=pl.len().cast(pl.Float64), on_day=is_day.sum().cast(pl.Float64), last_year=self._last_year(knowledge)
        )
        overall = counts.select(share=pl.col("on_day").sum() / pl.col("n").sum()).item()
        span = events.select(age_days(pl.col("event_time").min(), knowledge.as_of)).item()
        mean = pl.col("n") * _WEEKS.days / max(span, _WEEKS.days)
        season = (pl.col("last_year") + 1.0) / (mean + 1.0)
        facts = items.select("item_idx", season_days_left=-age_days(pl.col("available_to"), knowledge.as_of)).join(
            counts, on="item_idx", how="left"
        )
        table = facts.select(
            "item_idx",
            season_ratio=season if span >= _YEAR.days else pl.lit(None, pl.Float64),
            season_week_share=(pl.col("on_day") + _PRIOR * overall) / (pl.col("n") + _PRIOR),
            season_days_left="season_days_left",
        )
        return {"items": dense(table, "item_idx", items.height)}

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Look the items up."""
        return gather(tables["items"], candidates.item_idx)

    def _last_year(self, knowledge: Knowledge) -> pl.Expr:
        start = knowledge.as_of - _YEAR
        return Window(start, start + _WEEKS).holds(pl.col("event_time")).sum().cast(pl.Float64)
