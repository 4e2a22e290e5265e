"""Which share of each event is left after the returns that undo it.

Matching looks at the rows given and no others, so whoever filters them decides what is visible.
"""

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from recsys.rewards.settings import RewardSettings


def with_kept_share(rows_lf: pl.LazyFrame, returns: Mapping[str, str], window: timedelta, name: str) -> pl.LazyFrame:
    """Add the share of each event that is not returned, from 0 (all of it is) to 1.

    A return undoes the latest event, at its own time or earlier, of the type it undoes, of the same user and item, at
    most `window` back; of several at that instant the one with the greatest `event_id`. The share it undoes is
    |quantity returned| / |quantity bought|, and all of it where either is unknown or nothing was bought. Several
    returns add up, to at most all. Anonymous returns and those that find nothing change nothing.

    Args:
        rows_lf: interactions; `event_id` unique.
        returns: return event type -> event type undone.
        window: how far back a return reaches.
        name: of the column.

    Returns:
        The rows in their order with one more column.
    """
    if not returns:
        return rows_lf.with_columns(pl.lit(1.0).alias(name))
    key = ["user_id", "item_id", "undone"]
    known_lf = rows_lf.filter(pl.col("user_id").is_not_null())
    undoing_lf = (
        known_lf.filter(pl.col("event_type").is_in(list(returns)))
        .with_columns(undone=pl.col("event_type").replace_strict(dict(returns), return_dtype=pl.String))
        .select(*key, "event_time", n_returned=pl.col("quantity").abs())
        .sort("event_time")
    )
    bought_lf = (
        known_lf.filter(pl.col("event_type").is_in(list(set(returns.values()))))
        .select("user_id", "item_id", "event_time", "event_id", undone="event_type", n_bought=pl.col("quantity").abs())
        .sort("event_time", "event_id")
    )
    matched_lf = undoing_lf.join_asof(
        bought_lf, on="event_time", by=key, strategy="backward", tolerance=window, check_sortedness=False
    ).filter(pl.col("event_id").is_not_null())
    left = (1 - _returned_share()).alias(name)
    shares_lf = matched_lf.group_by("event_id").agg(left)
    return rows_lf.join(shares_lf, on="event_id", how="left", maintain_order="left").with_columns(
        pl.col(name).fill_null(1.0)
    )


def _returned_share() -> pl.Expr:
    """Share of one event that its matched returns undo."""
    returned, bought = pl.col("n_returned"), pl.col("n_bought").first()
    everything = returned.is_null().any() | (bought.fill_null(0.0) == 0)
    # NOTE: sums of floats depend on their order, so the order is fixed before adding.
    return pl.when(everything).then(1.0).otherwise((returned.sort().sum() / bought).clip(upper_bound=1.0))


def with_is_kept(rows_lf: pl.LazyFrame, settings: RewardSettings) -> pl.LazyFrame:
    """Add `is_kept`: the row is an interaction that counts, neither a return nor wholly returned.

    The returns are those of the target definition.

    Args:
        rows_lf: interactions.
        settings: the reward definitions.
    """
    target = settings.target_definition
    share_lf = with_kept_share(rows_lf, target.returns, target.return_window, "_kept_share")
    return share_lf.with_columns(is_kept=is_kept(settings, pl.col("_kept_share"))).drop("_kept_share")


def is_kept(settings: RewardSettings, share: pl.Expr) -> pl.Expr:
    """Return whether a row is no return of the target definition and has some of its `share` left."""
    return ~pl.col("event_type").is_in(list(settings.target_definition.returns)) & (share > 0)
