"""Sources that show everyone the same ranked items: popularity in its forms, trend, season and new arrivals.

They need no user, so they are also what a cold user gets and what fills the end of a short list.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import polars as pl

from recsys.candidates.source import Tables, best_for_all
from recsys.knowledge import Knowledge
from recsys.tables import ordered_sum
from recsys.timeline import Window, age_days, half_life_weight, in_days

_YEAR = timedelta(days=365)


class ItemScorer(Protocol):
    """Scores items without looking at a user."""

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Return `item_idx` and `score`, one row per item that deserves a place."""
        ...


@dataclass(frozen=True)
class ItemList:
    """The candidate source made of one item scorer."""

    name: str
    scorer: ItemScorer

    def fit(self, knowledge: Knowledge) -> Tables:
        """Rank the available items once, for everyone."""
        scores = self.scorer.score(knowledge).join(knowledge.available, on="item_idx", how="inner")
        ordered = scores.sort("score", "tie", "item_idx", descending=[True, False, False])
        return {"ranking": ordered.select("item_idx", pl.col("score").cast(pl.Float64))}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Give every user the head of the ranking."""
        return best_for_all(tables["ranking"], users, k, exclude)


@dataclass(frozen=True)
class AllTimePopularity:
    """Sum of the target reward over all history: the rung that everything must beat."""

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Sum the reward per item."""
        return _sum_rewards(knowledge.history.events)


@dataclass(frozen=True)
class WindowedPopularity:
    """Sum of the target reward over the last `window` before `as_of`."""

    window: timedelta

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Sum the reward per item over [as_of - window, as_of)."""
        recent = Window(knowledge.as_of - self.window, knowledge.as_of)
        return _sum_rewards(knowledge.history.events.filter(recent.holds(pl.col("event_time"))))


@dataclass(frozen=True)
class DecayedPopularity:
    """Decayed sum of the target reward, read from the state."""

    half_life: timedelta

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Read the item grain at this half-life."""
        return knowledge.decayed("item", self.half_life).rename({"mass": "score"})


@dataclass(frozen=True)
class Trending:
    """How much faster an item sells now than lately: (r_fast + e) / (r_slow + e).

    r_h = mass_h x ln 2 / h is a rate per day; e, the mean slow rate of an item, keeps rare items from the top.
    """

    fast: timedelta
    slow: timedelta

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Compare the two rates per item."""
        slow = knowledge.decayed("item", self.slow).select("item_idx", slow=pl.col("mass") / in_days(self.slow))
        fast = knowledge.decayed("item", self.fast).select("item_idx", fast=pl.col("mass") / in_days(self.fast))
        smoothing = pl.col("slow").mean()
        return slow.join(fast, on="item_idx", how="left").select(
            "item_idx", score=(pl.col("fast").fill_null(0.0) + smoothing) / (pl.col("slow") + smoothing)
        )


@dataclass(frozen=True)
class SameSeasonLastYear:
    """Sum of the target reward in the weeks that follow this date a year ago: [as_of - 365 d, + window).

    Empty in a log younger than a year; the list then comes from the fallback, and says so in `source`.
    """

    window: timedelta

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Sum the reward per item over the window one year back."""
        start = knowledge.as_of - _YEAR
        season = Window(start, start + self.window)
        return _sum_rewards(knowledge.history.events.filter(season.holds(pl.col("event_time"))))


@dataclass(frozen=True)
class NewArrivals:
    """Items launched within `window`: those with a reward by rate = reward / (age + 1 d), then the others by age.

    The added day keeps the first hours from exploding. Items that nobody took yet get the lowest rate / (age + 2 d),
    so that they stand below all others, the newest first, and still have a score that a blend can scale.
    """

    window: timedelta

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Rank young items by their rate since the launch."""
        age = age_days(pl.col("first_time"), knowledge.as_of)
        young = knowledge.history.items.select("item_idx", age=age).filter(
            pl.col("age").is_between(0, in_days(self.window))
        )
        rates = young.join(_sum_rewards(knowledge.history.events), on="item_idx", how="left").with_columns(
            rate=pl.col("score") / (pl.col("age") + 1.0)
        )
        lowest = pl.col("rate").min().fill_null(1.0)
        return rates.select("item_idx", score=pl.coalesce("rate", lowest / (pl.col("age") + 2.0)))


@dataclass(frozen=True)
class AnyItem:
    """Every item by decayed popularity, then those never seen in an event: no list can run short of it."""

    half_life: timedelta

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        """Score each item by its decayed reward without the state, 0 where it has none."""
        weight = half_life_weight(age_days(pl.col("event_time"), knowledge.as_of), self.half_life)
        groups = knowledge.history.events.group_by("item_idx", maintain_order=True)
        popularity = groups.agg(score=ordered_sum(pl.col("reward") * weight))
        scores = knowledge.history.items.select("item_idx").join(popularity, on="item_idx", how="left")
        return scores.with_columns(pl.col("score").fill_null(0.0))


def _sum_rewards(events: pl.DataFrame) -> pl.DataFrame:
    sums = events.group_by("item_idx", maintain_order=True).agg(score=ordered_sum(pl.col("reward")))
    return sums.filter(pl.col("score") > 0)
