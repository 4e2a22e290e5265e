"""Which category an item has, as far as it is known; what a user had of a category is added up when it is read."""

from datetime import datetime

import polars as pl

from recsys.timeline import known_before

CATEGORY_DTYPES = {"item_id": pl.String, "category": pl.String}


def merge_categories(newer: pl.DataFrame, older: pl.DataFrame) -> pl.DataFrame:
    """Return every item's category: the newer one where there is one, else the first in alphabetical order."""
    kept = pl.concat([newer, older.join(newer, on="item_id", how="anti")])
    return kept.sort("item_id", "category").unique("item_id", keep="first", maintain_order=True)


def read_categories(items: pl.LazyFrame | pl.DataFrame | None, as_of: datetime) -> pl.DataFrame:
    """Return the category of each item as known before `as_of`.

    Args:
        items: `item_id`, `category` and, where items have versions, `known_at`; None for no categories.
        as_of: the logical now.

    Returns:
        `item_id`, `category`; one row per item that has one, sorted.
    """
    if items is None:
        return pl.DataFrame(schema=CATEGORY_DTYPES)
    items_lf = items.lazy()
    order = ["item_id", "category"]
    if "known_at" in items_lf.collect_schema():
        items_lf = items_lf.filter(known_before(as_of))
        order = ["item_id", "known_at", "category"]
    latest_lf = items_lf.sort(order).group_by("item_id", maintain_order=True).agg(pl.col("category").last())
    return latest_lf.drop_nulls("category").sort("item_id").collect(engine="in-memory")
