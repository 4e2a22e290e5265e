"""How often and when each user came, and came back for each item, in whole days."""

import polars as pl

from recsys.knowledge import Knowledge
from recsys.timeline import age_days


def taken(knowledge: Knowledge) -> pl.LazyFrame:
    """Return the events of known users that earned the target reward: what users took."""
    return knowledge.history.events.lazy().filter(pl.col("user_idx").is_not_null() & (pl.col("reward") > 0))


def pair_visits(knowledge: Knowledge) -> pl.DataFrame:
    """Count the days on which each user took each item.

    Time:
        Reads the history, `known_at < as_of`.

    Returns:
        One row per (user_idx, item_idx): `n_days`, `first_age` and `last_age` (days before as_of), and `span` (the days
        between the two; 0 where all is on one day); sorted.
    """
    return _visits(knowledge, ["user_idx", "item_idx"])


def user_visits(knowledge: Knowledge) -> pl.DataFrame:
    """Count the days on which each user took anything; columns as of `pair_visits`, one row per user_idx."""
    return _visits(knowledge, ["user_idx"])


def _visits(knowledge: Knowledge, keys: list[str]) -> pl.DataFrame:
    day, age = pl.col("event_time").dt.date(), age_days(pl.col("event_time"), knowledge.as_of)
    return (
        taken(knowledge)
        .group_by(keys)
        .agg(n_days=day.n_unique().cast(pl.Float64), first_age=age.max(), last_age=age.min())
        .with_columns(span=pl.when(pl.col("n_days") > 1).then(pl.col("first_age") - pl.col("last_age")).otherwise(0.0))
        .sort(keys)
        .collect()
    )
