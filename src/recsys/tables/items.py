"""The item contract: one version of one catalogue item, from the moment it became known."""

import dataframely as dy
import polars as pl

from recsys.tables.events import IDENTIFIER
from recsys.timeline import INSTANT

ITEM_DTYPES: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "known_at": INSTANT,
    "title": pl.String(),
    "category": pl.String(),
    "brand": pl.String(),
    "price": pl.Float64(),
    "available_from": INSTANT,
    "available_to": INSTANT,
}
"""Declared columns of an item version in order; a table may have further ones."""


class ItemVersion(dy.Schema):
    """What was known of an item from `known_at` until its next version.

    `item_id` follows the rules of the identifiers of events, or no event could name the item.
    """

    item_id = dy.String(primary_key=True, check=IDENTIFIER)
    known_at = dy.Datetime(primary_key=True, time_zone="UTC")
    title = dy.String(nullable=True)
    category = dy.String(nullable=True)
    brand = dy.String(nullable=True)
    price = dy.Float64(nullable=True)
    available_from = dy.Datetime(nullable=True, time_zone="UTC")
    available_to = dy.Datetime(nullable=True, time_zone="UTC")
