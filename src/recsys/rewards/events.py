"""The reward of each event under every definition."""

from datetime import timedelta
from typing import TypeVar

import polars as pl

from recsys.rewards.returns import is_kept, with_kept_share
from recsys.rewards.settings import ANY_OTHER, RewardDefinition, RewardSettings, Transform
from recsys.tables import EXPOSURE

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def add_rewards(events: Frame, settings: RewardSettings) -> Frame:
    """Give every interaction its rewards, net of the returns among the rows given.

    reward = weight(event type) x transform(amount) x share not returned. A return has reward 0, because it already
    lessens the event that it undoes. So the rewards of a period add up to what was kept of that period's own events: a
    return counts where its purchase lies, and one that undoes nothing counts nowhere.

    Time:
        Reads no clock and filters nothing: the caller passes the rows with `known_at < as_of`.

    Args:
        events: rows of the event contract, in any order.
        settings: the reward definitions.

    Returns:
        The interactions (exposures are dropped), in their order, with `reward_<name>` per definition and `is_kept`
        (false for a return and for what is wholly returned).

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> sold = RewardDefinition(weights={"purchase": 1.0}, transform="revenue", returns={"return": "purchase"})
        >>> start = datetime(2024, 1, 1, tzinfo=UTC)
        >>> events = pl.DataFrame({"event_id": ["1", "2"], "user_id": ["u", "u"], "item_id": ["a", "a"],
        ...     "event_type": ["purchase", "return"], "event_time": [start, start + timedelta(days=3)],
        ...     "price": [5.0, 5.0], "quantity": [4.0, -1.0]})
        >>> add_rewards(events, RewardSettings(target="sold", definitions={"sold": sold}))["reward_sold"].to_list()
        [15.0, 0.0]
    """
    rows_lf = events.lazy().filter(pl.col("event_type") != EXPOSURE)
    shares: list[tuple[dict[str, str], timedelta]] = []
    for definition in settings.definitions.values():
        if (rule := (definition.returns, definition.return_window)) not in shares:
            rows_lf = with_kept_share(rows_lf, *rule, _share(len(shares)))
            shares.append(rule)
    share_of = {
        name: pl.col(_share(shares.index((definition.returns, definition.return_window))))
        for name, definition in settings.definitions.items()
    }
    rows_lf = rows_lf.with_columns(
        (_weight(definition) * _amount(definition.transform) * share_of[name]).alias(f"reward_{name}")
        for name, definition in settings.definitions.items()
    ).with_columns(is_kept=is_kept(settings, share_of[settings.target]))
    rows_lf = rows_lf.drop(_share(i) for i in range(len(shares)))
    return rows_lf.collect() if isinstance(events, pl.DataFrame) else rows_lf


def _share(number: int) -> str:
    """Name the column of one way to match returns; definitions that match alike share it."""
    return f"_kept_share_{number}"


def _weight(definition: RewardDefinition) -> pl.Expr:
    named = {name: weight for name, weight in definition.weights.items() if name != ANY_OTHER}
    weights = {EXPOSURE: 0.0, **dict.fromkeys(definition.returns, 0.0), **named}
    other = definition.weights.get(ANY_OTHER, 0.0)
    return pl.col("event_type").replace_strict(weights, default=other, return_dtype=pl.Float64)


def _amount(transform: Transform) -> pl.Expr:
    """Transform an event's amount; one that is missing or not positive gives 0."""
    if transform == "one":
        return pl.lit(1.0)
    quantity = transform.removeprefix("log1p_")
    amount = pl.col("price") * pl.col("quantity") if quantity == "revenue" else pl.col(quantity)
    worth = amount.log1p() if transform.startswith("log1p_") else amount
    return pl.when(amount.is_finite() & (amount > 0)).then(worth).otherwise(0.0)
