"""Rewards net of returns stay between nothing and the gross reward, whatever the log."""

import polars as pl
from hypothesis import given, settings

from recsys.rewards import RewardSettings, add_rewards
from tests.property.state_logs import REWARDS, logs

GROSS = RewardSettings(
    target="sold",
    definitions={"sold": REWARDS.definitions["sold"].model_copy(update={"returns": {}})},
)


@settings(max_examples=50, deadline=None)
@given(events=logs)
def test_net_reward_is_between_zero_and_gross(events: pl.DataFrame) -> None:
    net, gross = (add_rewards(events, s)["reward_sold"] for s in (REWARDS, GROSS))
    assert (net >= 0).all()
    assert (net <= gross).all()


@settings(max_examples=50, deadline=None)
@given(events=logs)
def test_order_of_rows_changes_no_reward(events: pl.DataFrame) -> None:
    backwards = add_rewards(events.reverse(), REWARDS)
    assert backwards.reverse().equals(add_rewards(events, REWARDS))


@settings(max_examples=50, deadline=None)
@given(events=logs)
def test_without_returns_nothing_is_lost(events: pl.DataFrame) -> None:
    kept = events.filter(pl.col("event_type") != "return")
    assert add_rewards(kept, REWARDS)["reward_sold"].equals(add_rewards(kept, GROSS)["reward_sold"])
