"""The measures of a profile, each a few lazy group-bys over the interactions of a log.

Intervals are taken between distinct instants, because the order inside equal timestamps means nothing. Ids are coded
as integers first: sorting 10 million pairs of them takes 1.1 s, of strings several times that.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

_DAY_US = 86_400_000_000
_CLOCKS = {"day": _DAY_US, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}
_OPTIONAL = ("value", "quantity", "price", "basket_id", "market")
_TIME = pl.col("event_time")


def volume(events_lf: pl.LazyFrame) -> dict[str, Any]:
    """Count rows, ids, filled columns and late rows, and find the range and the resolution of the clock."""
    lag = (pl.col("known_at") - _TIME).dt.total_microseconds() / _DAY_US
    facts = (
        events_lf.select(
            n_events=pl.len(),
            first_event=_TIME.min(),
            last_event=_TIME.max(),
            n_users=pl.col("user_id").drop_nulls().n_unique(),
            n_items=pl.col("item_id").n_unique(),
            n_baskets=pl.col("basket_id").drop_nulls().n_unique(),
            n_markets=pl.col("market").drop_nulls().n_unique(),
            anonymous_share=pl.col("user_id").is_null().mean(),
            filled_share=pl.struct(pl.col(name).is_not_null().mean() for name in _OPTIONAL),
            late_share=(lag > 0).mean(),
            **{f"on_{name}": (_TIME.dt.timestamp("us") % size == 0).all() for name, size in _CLOCKS.items()},
        )
        .collect()
        .row(0, named=True)
    )
    clocks = [name for name in _CLOCKS if facts.pop(f"on_{name}")]
    late = events_lf.select(lag.alias("lag")).filter(pl.col("lag") > 0).collect()
    return facts | {"resolution": clocks[0] if clocks else "below a second", "lag_days": quantiles(late["lag"])}


def code(events_lf: pl.LazyFrame) -> pl.LazyFrame:
    """Collect what the other measures read: user_id and item_id as integers, type, time, has_value.

    The integers differ from run to run; only their equality is used.
    """
    ids = pl.col("user_id", "item_id").cast(pl.Categorical).to_physical()
    has_value = pl.col("value").is_not_null().alias("has_value")
    return events_lf.select(ids, "event_type", "event_time", has_value).collect().lazy()


def event_types(events_lf: pl.LazyFrame) -> list[dict[str, Any]]:
    """Describe each event type, the most frequent first."""
    types = (
        events_lf.group_by("event_type")
        .agg(
            n_events=pl.len(),
            n_users=pl.col("user_id").drop_nulls().n_unique(),
            n_items=pl.col("item_id").n_unique(),
            value_share=pl.col("has_value").mean(),
        )
        .sort("n_events", "event_type", descending=[True, False])
        .collect()
    )
    return [
        row | repeats(events_lf.filter(pl.col("event_type") == row["event_type"]))
        for row in types.iter_rows(named=True)
    ]


def repeats(events_lf: pl.LazyFrame) -> dict[str, Any]:
    """Measure how many events follow an earlier one of the same user and item, and after how long."""
    pair = (pl.col("user_id").cast(pl.UInt64) * 2**32 + pl.col("item_id")).alias("key")
    ordered = events_lf.filter(pl.col("user_id").is_not_null()).select(pair, "event_time").sort(pl.all()).collect()
    first = pl.when(pl.col("key").ne_missing(pl.col("key").shift())).then(_TIME).forward_fill()
    return {
        "repeat_share": ordered.select((first < _TIME).mean()).item(),
        "repeat_days": quantiles(_steps(ordered)),
    }


def intervals(events_lf: pl.LazyFrame) -> dict[str, Any]:
    """Measure the time from one instant of a user to the next, and from one active day to the next."""
    with_user_lf = events_lf.filter(pl.col("user_id").is_not_null())
    ordered = with_user_lf.select(pl.col("user_id").alias("key"), "event_time").sort(pl.all()).collect()
    return {
        "gap_days": quantiles(_steps(ordered)),
        "return_days": quantiles(_steps(ordered.with_columns(_TIME.dt.truncate("1d")))),
    }


def rhythm(events_lf: pl.LazyFrame) -> dict[str, Any]:
    """Measure events per day, the longest gap, and the seasons of the week and of the year."""
    seen = events_lf.group_by(day=_TIME.dt.date()).agg(n_events=pl.len()).sort("day").collect()
    days = seen.upsample("day", every="1d").with_columns(pl.col("n_events").fill_null(0))
    mean = days["n_events"].mean()
    weekdays = days.group_by(key=pl.col("day").dt.weekday()).agg(pl.col("n_events").sum())
    share_of = dict(zip(weekdays["key"], weekdays["n_events"] / days["n_events"].sum(), strict=True))
    months = (
        days.group_by(key=pl.col("day").dt.month().cast(pl.Int64)).agg(pl.col("n_events").mean() / mean).sort("key")
    )
    gaps = seen.select("day", gap=pl.col("day").diff().shift(-1).dt.total_days() - 1)
    longest = gaps.filter((pl.col("gap") > 0) & (pl.col("gap") == pl.col("gap").max())).head(1)
    return {
        "daily_mean": mean,
        "daily_p95": days["n_events"].quantile(0.95, "nearest"),
        "longest_gap_days": longest["gap"].sum(),
        "longest_gap_from": longest.select(pl.col("day").dt.offset_by("1d")).to_series().first(),
        "weekday_share": [share_of.get(weekday, 0.0) for weekday in range(1, 8)],
        "month_index": dict(zip(months["key"], months["n_events"], strict=True)),
    }


def novelty(events_lf: pl.LazyFrame) -> dict[str, Any]:
    """Measure which share of each week's users and items had never been seen before that week."""
    week_lf = events_lf.select("user_id", "item_id", week=_TIME.dt.truncate("1w").dt.date())
    counts_lf = week_lf.group_by("week").agg(n_events=pl.len())
    weeks = (
        counts_lf.join(_weekly_newcomers(week_lf, "user"), on="week", how="left")
        .join(_weekly_newcomers(week_lf, "item"), on="week", how="left")
        .with_columns(pl.col("n_users").fill_null(0))
        .sort("week")
        .collect()
    )
    later = weeks.tail(weeks.height - weeks.height // 2)
    return {
        "weeks": weeks.to_dicts(),
        "new_user_share": later["new_user_share"].median(),
        "new_item_share": later["new_item_share"].median(),
    }


def quantiles(values: pl.Series) -> Mapping[str, float | None] | None:
    """Return the quantiles p10, p50, p90 and p99 of a measure, or nothing where it was never taken."""
    if values.is_empty():
        return None
    return {f"p{percent}": values.quantile(percent / 100, "nearest") for percent in (10, 50, 90, 99)}


def _weekly_newcomers(week_lf: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Count the distinct ids of each week, and the share of them in their first week."""
    active_lf = week_lf.select(f"{name}_id", "week").drop_nulls().unique()
    first_lf = active_lf.group_by(f"{name}_id").agg(first=pl.col("week").min())
    return (
        active_lf.join(first_lf, on=f"{name}_id")
        .group_by("week")
        .agg(
            pl.len().alias(f"n_{name}s"),
            (pl.col("week") == pl.col("first")).mean().alias(f"new_{name}_share"),
        )
    )


def _steps(ordered: pl.DataFrame) -> pl.Series:
    """Return the days from each instant to the next one of its key; rows are sorted by `key` and `event_time`."""
    days = _TIME.diff().dt.total_microseconds() / _DAY_US
    is_step = (pl.col("key") == pl.col("key").shift()) & (days > 0)
    return ordered.select(pl.when(is_step).then(days).alias("days"))["days"].drop_nulls()
