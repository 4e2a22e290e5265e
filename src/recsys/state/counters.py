"""From changed events to the counter tables of one segment."""

from datetime import datetime

import polars as pl

from recsys.state.coded import Coded
from recsys.state.layout import KEYS, Layout
from recsys.timeline import age_days, format_duration, half_life_weight


def count(changes: Coded, landmark: datetime, layout: Layout) -> dict[str, pl.DataFrame]:
    """Add changes up by user, item, user and item, market and item.

    Args:
        changes: changed events with coded user_id, item_id and market, all with `event_time` < landmark.
        landmark: the instant at which a weight is 1.
        layout: the columns to make.

    Returns:
        The counter tables, each with one row per key, sorted by key.
    """
    weights = {format_duration(h): h for h in layout.settings.half_lives}
    # NOTE: sums of floats depend on their order, so the order is fixed before adding; rows equal in all that is
    # sorted by add the same to any group, so ties do not matter.
    rows = (
        changes.frame.sort("user_id", "item_id", "event_time", "n_events", *layout.rewards.columns)
        .with_columns(
            half_life_weight(age_days(pl.col("event_time"), landmark), h).alias(f"w_{name}")
            for name, h in weights.items()
        )
        .with_columns(pl.col("touch_time").alias("first_time"), pl.col("touch_time").alias("last_time"))
    )
    value = {measure: "n_events" if measure == "events" else measure for measure in layout.measures}
    products = [
        (pl.col(value[measure]) * pl.col(f"w_{name}")).alias(f"{measure}_{name}")
        for measure in layout.measures
        for name in weights
    ]
    rows = rows.select("user_id", "item_id", "market", *layout.counts("item"), "first_time", "last_time", *products)
    user_items = _totals(rows, "user_item", layout)
    tables = {
        "user_item": user_items,
        "user": _totals(user_items, "user", layout),
        "item": _totals(rows, "item", layout),
        "market_item": _totals(rows, "market_item", layout),
    }
    return {name: changes.texts(table, {key: key for key in KEYS[name]}) for name, table in tables.items()}


def _totals(rows: pl.DataFrame, table: str, layout: Layout) -> pl.DataFrame:
    keys = list(KEYS[table])
    return (
        rows.lazy()
        .drop_nulls(keys)
        .group_by(keys, maintain_order=True)
        .agg(layout.totals(table))
        .sort(keys)
        .select(list(layout.schema(table)))
        .collect(engine="in-memory")
    )
