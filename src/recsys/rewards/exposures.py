"""Where the items of a label window were shown: a click says less about an item the further down it stood."""

import polars as pl

from recsys.tables import EXPOSURE
from recsys.timeline import Fold


def shown_positions(events: pl.LazyFrame, fold: Fold) -> pl.DataFrame:
    """Return the slot in which each user was first shown each item in the label window.

    Of several exposures at one instant the highest slot counts. An exposure without a position tells no slot, and an
    anonymous one no user: both are left out.

    Time:
        Exposures have `event_time` in the label window and `cutoff <= known_at < as_of`, as labels have.

    Args:
        events: rows of the event contract, in any order.
        fold: cutoff, horizon, gap and as_of.

    Returns:
        One row per (user_id, item_id) that was shown: `position` (i32, 1-based); sorted by user and item.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> start = datetime(2024, 1, 1, tzinfo=UTC)
        >>> times = [start, start + timedelta(days=1), start + timedelta(days=1)]
        >>> events = pl.LazyFrame({"user_id": "u", "item_id": ["a", "a", "b"], "position": [3, 1, 2],
        ...     "event_type": ["exposure", "exposure", "click"], "event_time": times, "known_at": times})
        >>> shown_positions(events, Fold(cutoff=start, horizon=timedelta(7), as_of=start + timedelta(7))).rows()
        [('u', 'a', 3)]
    """
    is_told = pl.col("user_id").is_not_null() & pl.col("position").is_not_null()
    return (
        events.filter((pl.col("event_type") == EXPOSURE) & fold.is_label() & is_told)
        .select("user_id", "item_id", "event_time", pl.col("position").cast(pl.Int32))
        .sort("user_id", "item_id", "event_time", "position")
        .unique(["user_id", "item_id"], keep="first", maintain_order=True)
        .drop("event_time")
        .collect()
    )
