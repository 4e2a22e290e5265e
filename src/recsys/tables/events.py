"""The event contract: one row of the log, an interaction or an exposure."""

from collections.abc import Callable

import dataframely as dy
import polars as pl

from recsys.timeline import INSTANT

EXPOSURE = "exposure"
"""The reserved event type of an item that was shown: it has a position and a propensity, and is no interaction."""

MAX_ID_LENGTH = 256
"""Longest identifier, in bytes; a longer one is a fault of the sender."""

EVENT_DTYPES: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event_type": pl.String(),
    "event_time": INSTANT,
    "known_at": INSTANT,
    "value": pl.Float64(),
    "quantity": pl.Float64(),
    "price": pl.Float64(),
    "basket_id": pl.String(),
    "market": pl.String(),
    "position": pl.Int32(),
    "propensity": pl.Float64(),
}
"""Columns of the log in order. The Delta table adds `event_date`, the partition, which is the date of `event_time`."""

IDENTIFIER: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "is_short": lambda text: text.str.len_bytes() <= MAX_ID_LENGTH,
    "is_printable": lambda text: ~text.str.contains(r"\p{Cc}"),
}
"""The rules of every identifier: at most `MAX_ID_LENGTH` bytes, no control characters."""


class ArrivedEvent(dy.Schema):
    """One event before it has its identity: what a delivered row must fulfil.

    `user_id` is null for an anonymous event, which still counts for items and baskets.
    `known_at` is when we could know of it, never before `event_time`.
    """

    event_id = dy.String(nullable=True, check=IDENTIFIER)
    user_id = dy.String(nullable=True, check=IDENTIFIER)
    item_id = dy.String(check=IDENTIFIER)
    event_type = dy.String(check=IDENTIFIER)
    event_time = dy.Datetime(time_zone="UTC")
    known_at = dy.Datetime(time_zone="UTC")
    value = dy.Float64(nullable=True)
    quantity = dy.Float64(nullable=True)
    price = dy.Float64(nullable=True)
    basket_id = dy.String(nullable=True, check=IDENTIFIER)
    market = dy.String(nullable=True, check=IDENTIFIER)
    position = dy.Int32(nullable=True, min=1)
    propensity = dy.Float64(nullable=True, min_exclusive=0.0, max=1.0)

    @dy.rule()
    def known_when_it_happened_or_later(cls) -> pl.Expr:
        """Nothing is known before it happens."""
        return pl.col("known_at") >= pl.col("event_time")


class Event(ArrivedEvent):
    """One event as it stands in the log: an arrived event with an `event_id` of its own."""

    event_id = dy.String(primary_key=True, check=IDENTIFIER)
