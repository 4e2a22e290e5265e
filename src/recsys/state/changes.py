"""What became different between two instants: new events, and older ones that a return or a late purchase altered.

Every non-linear thing follows one rule: change = F(rows visible now) - F(rows visible before), over the few rows that
can differ. A return, or a purchase that takes a return over from another, alters only purchases of the same user and
item at most one return window before it, so both sides are computed on those and everything else cancels.
"""

from datetime import datetime, timedelta

import polars as pl

from recsys.rewards import RewardSettings, add_rewards
from recsys.state.kinds import type_rank
from recsys.tables import EXPOSURE
from recsys.timeline import instant_literal, known_before

_CONTEXT = ["user_id", "item_id", "market", "basket_id", "event_time"]


def find_changes(
    events: pl.LazyFrame, *, since: datetime | None, as_of: datetime, rewards: RewardSettings
) -> pl.DataFrame:
    """Return the contributions that appeared, vanished or shrank between two instants.

    Time:
        Compares the rows with `known_at < as_of` with those with `known_at < since`.

    Args:
        events: the log, in any order.
        since: the earlier instant; None means that nothing was visible.
        as_of: the later instant.
        rewards: the reward definitions.

    Returns:
        One row per event with a change: user_id, item_id, market, basket_id, event_time, `type_rank`, `touch_time`
        (event_time unless the row is a return), `n_events` (-1, 0 or 1), and per reward its change and that of its
        `n_`.
    """
    fresh_lf = events.filter(visible(as_of) if since is None else visible(as_of) & ~known_before(since))
    if since is None or not (types := _entangled_types(rewards)):
        return _contributions(fresh_lf, rewards).filter(_matters(rewards)).collect()
    is_entangled = pl.col("event_type").is_in(types) & pl.col("user_id").is_not_null()
    fresh = fresh_lf.collect()
    entangled = fresh.filter(is_entangled)
    plain = _contributions(fresh.filter(~is_entangled).lazy(), rewards).filter(_matters(rewards)).collect()
    if entangled.is_empty():
        return plain
    region_lf = _region(events.filter(visible(as_of) & is_entangled), entangled, return_reach(rewards))
    return pl.concat([plain, _differences(region_lf.collect(), since, rewards)])


def visible(as_of: datetime) -> pl.Expr:
    """Interactions known before `as_of`."""
    return known_before(as_of) & (pl.col("event_type") != EXPOSURE)


def return_reach(rewards: RewardSettings) -> timedelta:
    """How far back a return may reach under any definition."""
    return max((one.return_window for one in rewards.definitions.values() if one.returns), default=timedelta())


def _entangled_types(rewards: RewardSettings) -> list[str]:
    """Event types whose rows can alter each other."""
    return sorted({name for one in rewards.definitions.values() for pair in one.returns.items() for name in pair})


def _region(related_lf: pl.LazyFrame, entangled: pl.DataFrame, reach: timedelta) -> pl.LazyFrame:
    """Rows that the new ones may alter, and those that decide how."""
    start, end = entangled["event_time"].min(), entangled["event_time"].max()
    in_reach = pl.col("event_time").is_between(
        pl.lit(start, dtype=entangled["event_time"].dtype) - reach,
        pl.lit(end, dtype=entangled["event_time"].dtype) + reach,
    )
    pairs = entangled.lazy().select("user_id", "item_id").unique()
    return related_lf.filter(in_reach).join(pairs, on=["user_id", "item_id"], how="semi")


def _contributions(rows_lf: pl.LazyFrame, rewards: RewardSettings, *extra: str) -> pl.LazyFrame:
    """Return what each row adds to the sums."""
    is_return = pl.col("event_type").is_in(list(rewards.target_definition.returns))
    return add_rewards(rows_lf, rewards).select(
        *extra,
        *_CONTEXT,
        type_rank(rewards.target_definition).alias("type_rank"),
        pl.when(~is_return).then("event_time").alias("touch_time"),
        pl.col("is_kept").cast(pl.Int64).alias("n_events"),
        *((pl.col(name) != 0).cast(pl.Int64).alias(f"n_{name}") for name in rewards.columns),
        *rewards.columns,
    )


def _matters(rewards: RewardSettings) -> pl.Expr:
    """Return whether a row adds or touches anything; a plain return does neither."""
    names = ["n_events", *rewards.columns]
    return pl.col("touch_time").is_not_null() | pl.any_horizontal(pl.col(name) != 0 for name in names)


def _differences(region: pl.DataFrame, since: datetime, rewards: RewardSettings) -> pl.DataFrame:
    """Subtract row by row, so that what did not change cancels to exactly 0."""
    names = ["n_events", *(f"n_{name}" for name in rewards.columns), *rewards.columns]
    now = _contributions(region.lazy(), rewards, "event_id", "known_at").collect()
    before = _contributions(region.lazy().filter(known_before(since)), rewards, "event_id").collect()
    both = now.join(before.select("event_id", *names), on="event_id", how="left", suffix="_before")
    changed = both.with_columns(pl.col(name) - pl.col(f"{name}_before").fill_null(0) for name in names)
    is_changed = pl.any_horizontal(pl.col(name) != 0 for name in names)
    is_fresh = pl.col("known_at") >= instant_literal(since)
    counts = is_changed | (is_fresh & _matters(rewards))
    return changed.filter(counts).select(*_CONTEXT, "type_rank", "touch_time", *names)
