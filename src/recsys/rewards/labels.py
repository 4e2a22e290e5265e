"""What is learned from: the reward of user and item in a label window, and that of each exposure.

No reward and not yet known are different things: a label window, or an exposure, is mature once its attribution window
has passed, and only then does the absence of a reward say anything.
"""

from datetime import datetime, timedelta

import polars as pl

from recsys.errors import ConfigError
from recsys.rewards.events import add_rewards
from recsys.rewards.settings import RewardSettings
from recsys.tables import EXPOSURE, ordered_sum
from recsys.timeline import Fold, age_days, half_life_weight, instant_literal, known_before


def label_pairs(events: pl.LazyFrame, fold: Fold, settings: RewardSettings) -> pl.DataFrame:
    """Add up what each user had of each item in the label window.

    Rewards are net of every return known before `fold.as_of`, and discounted by 2^(-delay / delay_half_life), where
    the delay runs from the start of the label window.

    Time:
        Labels have `event_time` in the label window and `cutoff <= known_at < as_of`.

    Args:
        events: rows of the event contract, in any order.
        fold: cutoff, horizon, gap and as_of.
        settings: the reward definitions.

    Returns:
        One row per (user_id, item_id) with a positive target reward: `reward_<name>` per definition and
        `first_event_time`, that of the first event with a target reward; sorted by user and item. Anonymous events
        are no labels. Whether a pair that is absent is a negative, `fold_is_mature` says.

    Example:
        >>> from datetime import UTC
        >>> start = datetime(2024, 1, 1, tzinfo=UTC)
        >>> times = [start - timedelta(days=1), start, start + timedelta(days=1)]
        >>> events = pl.LazyFrame({"event_id": ["1", "2", "3"], "user_id": "u", "item_id": ["a", "a", "a"],
        ...     "event_type": "click", "event_time": times, "known_at": times})
        >>> fold = Fold(cutoff=start, horizon=timedelta(days=7), as_of=start + timedelta(days=7))
        >>> label_pairs(events, fold, RewardSettings())["reward_interaction"].to_list()
        [2.0]
    """
    target = f"reward_{settings.target}"
    window = fold.label_window
    # NOTE: an event of the window is undone only by a return after it, so older rows cannot matter.
    visible_lf = events.filter(known_before(fold.as_of) & (pl.col("event_time") >= instant_literal(window.start)))
    is_positive = pl.col(target) > 0
    return (
        add_rewards(visible_lf, settings)
        .filter(fold.is_label() & pl.col("user_id").is_not_null())
        .select("user_id", "item_id", "event_time", *_discounted(settings, window.start))
        # NOTE: sums of floats depend on their order, so the order is fixed before adding.
        .sort("user_id", "item_id", "event_time", *settings.columns)
        .group_by("user_id", "item_id", maintain_order=True)
        .agg(ordered_sum(pl.col(settings.columns)), first_event_time=pl.col("event_time").filter(is_positive).min())
        .filter(is_positive)
        .collect(engine="in-memory")
    )


def fold_is_mature(fold: Fold, settings: RewardSettings) -> bool:
    """Tell whether a pair without a label in this fold is a negative, or merely not yet known.

    Mature means end of the label window + the target's attribution window (none: 0) <= as_of. A return may still
    lessen a label later: waiting for that too would cost as much data as the return window is long.

    Time:
        Compares instants of the fold only.

    Args:
        fold: cutoff, horizon, gap and as_of.
        settings: the reward definitions.

    Example:
        >>> from datetime import UTC
        >>> start = datetime(2024, 1, 1, tzinfo=UTC)
        >>> fold_is_mature(Fold(cutoff=start, horizon=timedelta(7), as_of=start + timedelta(6)), RewardSettings())
        False
    """
    wait = settings.target_definition.attribution_window or timedelta()
    return fold.label_window.end + wait <= fold.as_of


def attribute_exposures(events: pl.LazyFrame, settings: RewardSettings, *, as_of: datetime) -> pl.DataFrame:
    """Credit each exposure with the target reward that followed it.

    An event is credited to the latest exposure of the same user and item at its own time or earlier, if it lies in
    [exposure, exposure + attribution_window); of several at one instant, to the one with the greatest `event_id`. The
    reward is discounted by 2^(-delay / delay_half_life), the delay running from the exposure.

    Time:
        Reads rows with `known_at < as_of`.

    Args:
        events: rows of the event contract with exposures among them, in any order.
        settings: the reward definitions; the target needs an attribution window.
        as_of: the logical now.

    Returns:
        One row per exposure of a known user: `event_id`, `user_id`, `item_id`, `event_time`, `position`, `propensity`,
        `is_mature` and `reward`, which is null while the window is open and nothing came; sorted by time and id.

    Raises:
        ConfigError: if the target has no attribution window.
    """
    target = settings.target_definition
    if target.attribution_window is None:
        raise ConfigError(f"rewards.definitions.{settings.target}: has no attribution_window; write one such as 7d")
    visible_lf = events.filter(known_before(as_of) & pl.col("user_id").is_not_null())
    exposures_lf = visible_lf.filter(pl.col("event_type") == EXPOSURE).sort("event_time", "event_id")
    is_mature = instant_literal(as_of) - pl.col("event_time") >= target.attribution_window
    reward = pl.when(is_mature).then(pl.col("reward").fill_null(0.0)).otherwise(pl.col("reward"))
    return (
        exposures_lf.join(
            _credits(visible_lf, exposures_lf, settings), on="event_id", how="left", maintain_order="left"
        )
        .with_columns(is_mature=is_mature, reward=reward)
        .select("event_id", "user_id", "item_id", "event_time", "position", "propensity", "is_mature", "reward")
        .collect()
    )


def _credits(visible_lf: pl.LazyFrame, exposures_lf: pl.LazyFrame, settings: RewardSettings) -> pl.LazyFrame:
    """Sum the target reward by the `event_id` of the exposure that it is credited to."""
    target = settings.target_definition
    delay = pl.col("event_time") - pl.col("exposed_at")
    reward = pl.col(f"reward_{settings.target}")
    if target.delay_half_life is not None:
        days = delay.dt.total_microseconds() / timedelta(days=1).total_seconds() / 1e6
        reward = reward * half_life_weight(days, target.delay_half_life)
    shown_lf = exposures_lf.select("user_id", "item_id", "event_time", "event_id", exposed_at="event_time")
    return (
        add_rewards(visible_lf, settings)
        .filter(pl.col(f"reward_{settings.target}") > 0)
        .select("user_id", "item_id", "event_time", f"reward_{settings.target}")
        .sort("event_time", f"reward_{settings.target}")
        .join_asof(shown_lf, on="event_time", by=["user_id", "item_id"], check_sortedness=False)
        .filter(delay < target.attribution_window)
        .group_by("event_id", maintain_order=True)
        .agg(reward=reward.sort().sum())
    )


def _discounted(settings: RewardSettings, start: datetime) -> list[pl.Expr]:
    """Return every reward column, discounted by its delay after `start` where the definition says so."""
    delay = -age_days(pl.col("event_time"), start)
    return [
        pl.col(f"reward_{name}")
        * (half_life_weight(delay, one.delay_half_life) if one.delay_half_life is not None else 1.0)
        for name, one in settings.definitions.items()
    ]
