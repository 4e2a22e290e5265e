"""Which items one user took together or soon after each other: the co-visit table of one segment.

C(x, y) = sum over pairs (x at a, y at b) of one user, 0 <= b - a <= window, x != y, of
factor x 2^(-(b - a) / gap_half_life) x 2^(-(T - b) / half_life).

The factor is that of the kind of co-visit; the table holds the sums without it, one per class of pairs (see `kinds`).
What a user did at one instant is a visit. Inside a visit, and inside a basket wherever its rows lie, a pair has no
order: it counts in both directions with gap weight 1. The group of a pair is the user, or the basket of an anonymous
event; an anonymous event without a basket pairs with nothing. An item counts once a visit; what is wholly returned
does not count. Of several events of one item in a visit, the weight of the type is the greatest of theirs.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
import polars_hash as plh

from recsys.state.coded import Coded
from recsys.state.layout import COVISITS, Layout
from recsys.state.pairs import add_up_ranges, pair_sums
from recsys.state.settings import CovisitSettings

VISIT = ["group", "event_time"]


def pair_up(changes: Coded, landmark: datetime, layout: Layout) -> pl.DataFrame:
    """Pair up everything, for a state that starts from nothing.

    Args:
        changes: changed events with coded user_id, item_id and basket_id, and `type_rank`.
        landmark: the instant at which a weight is 1.
        layout: the columns to make.

    Returns:
        Sorted pair sums, as `pair_sums` returns them.
    """
    rows = visit_rows(changes.frame.filter(pl.col("n_events") > 0), changes)
    rows = rows.with_columns(is_changed=pl.lit(True), n_changed=pl.lit(0, dtype=pl.Int64))
    return pair_rows(rows, changes.ids["item_id"], landmark, layout)


def pair_rows(rows: pl.DataFrame, items: pl.Series, landmark: datetime, layout: Layout) -> pl.DataFrame:
    """Draw from visits that are too large, and pair up the rows whose visits are marked as changed."""
    return pair_sums(_draw(rows, items, layout.settings.covisits), len(items), landmark, layout)


def to_table(parts: Sequence[pl.DataFrame], items: pl.Series, layout: Layout) -> pl.DataFrame:
    """Add sorted pair sums up and name their items, a range at a time because names take more room than sums.

    Args:
        parts: pair sums over the same items.
        items: the items that the codes stand for, sorted.
        layout: the columns to make.

    Returns:
        The co-visit table, pairs that cancel wholly left out; sorted.
    """
    differs = pl.any_horizontal(pl.exclude("pair") != 0)
    schema, n_items, n_classes = layout.schema(COVISITS), max(len(items), 1), len(layout.classes)
    ends = pl.col("pair") // n_classes
    tables = []
    for sums in add_up_ranges(parts):
        codes = sums.filter(differs).with_columns(
            item_id=ends // n_items,
            next_item_id=ends % n_items,
            pair_class=(pl.col("pair") % n_classes).cast(schema["pair_class"]),
        )
        names = {name: items.gather(codes[name]) for name in ("item_id", "next_item_id")}
        tables.append(codes.with_columns(**names).select(list(schema)))
    return pl.concat(tables)


def visit_rows(coded_rows: pl.DataFrame, coded: Coded) -> pl.DataFrame:
    """Return one row per group, visit and item, sorted by them."""
    n_users = len(coded.ids["user_id"])
    basket = pl.col("basket_id").cast(pl.Int64)
    rows = (
        coded_rows.lazy()
        .select(
            pl.coalesce(pl.col("user_id").cast(pl.Int64), basket + n_users).alias("group"),
            "event_time",
            pl.col("item_id").cast(pl.Int64).alias("item"),
            basket.fill_null(-1).alias("basket"),
            "type_rank",
        )
        .drop_nulls("group")
        .sort("group", "event_time", "item", "basket")
        .collect(engine="in-memory")
    )
    if rows.is_empty():
        return rows
    key = ["group", "event_time", "item"]
    is_first = rows.select(pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in key).fill_null(True))
    first = np.flatnonzero(is_first.to_series().to_numpy())
    rank = np.maximum.reduceat(rows["type_rank"].to_numpy(), first)
    return rows[first].with_columns(type_rank=rank)


def _draw(rows: pl.DataFrame, items: pl.Series, settings: CovisitSettings) -> pl.DataFrame:
    """Of visits with too many items keep those with the smallest hash of item and instant.

    NOTE: the hash must be the same for ever, because an update subtracts what an earlier night drew.
    """
    most = settings.max_visit_items
    reaches = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-most) for name in VISIT)
    too_large = rows.filter(reaches).select(VISIT).unique()
    if too_large.is_empty():
        return rows
    large = rows.join(too_large, on=VISIT, how="semi")
    text = pl.concat_str(items.gather(large["item"]), pl.col("event_time").to_physical().cast(pl.String), separator="@")
    drawn = (
        large.with_columns(text=text)
        .with_columns(draw=plh.col("text").nchash.xxh3_64())
        .sort(*VISIT, "draw", "item")
        .filter(pl.int_range(pl.len()).over(VISIT) < most)
    )
    rest = rows.join(too_large, on=VISIT, how="anti")
    return pl.concat([rest, drawn.select(rest.columns)]).sort(*VISIT, "item")
