"""Features of a state that was updated day by day equal those of one that was computed at once."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recsys.data.history import read_history
from recsys.features import feature_groups
from recsys.knowledge import Knowledge
from recsys.rewards import RewardSettings
from recsys.state import DecayedState, build_state, update_state
from recsys.tables import ITEM_DTYPES, CandidateSet, conform
from tests.property.state_logs import N_DAYS, PLAIN, REWARDS, SETTINGS, day, logs, to_events

CATEGORIES = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["x", "y", "x"]})
CATALOGUE = conform(
    CATEGORIES.with_columns(known_at=pl.lit(day(0), dtype=ITEM_DTYPES["known_at"])), ITEM_DTYPES, "catalogue"
)
GROUPS = [
    group
    for group in feature_groups((timedelta(hours=6), timedelta(days=30)), channels={}, vectors={})
    if group.name in ("item", "user", "user_item", "category")
]
"""The groups that read the state."""

ROUNDING, NOTHING = 2e-7, 1e-9
"""States agree to 1e-9; a feature is a float of four bytes, so one may be rounded up and the other down."""


def updated(events: pl.DataFrame, step: int, last: int, rewards: RewardSettings) -> DecayedState:
    state = build_state(events, as_of=day(0), settings=SETTINGS, rewards=rewards, items=CATEGORIES)
    for number in [*range(step, last, step), last]:
        state = update_state(state, events.lazy(), as_of=day(number))
    return state


def features(state: DecayedState, events: pl.DataFrame) -> dict[str, list[float]]:
    """Compute every feature of every pair of what is known at the state's instant."""
    history = read_history(events.lazy(), as_of=state.as_of, rewards=state.rewards, items=CATALOGUE.lazy())
    knowledge = Knowledge(history, state, state.rewards.target)
    users, items = np.meshgrid(range(history.users.height), range(history.items.height), indexing="ij")
    pairs = CandidateSet(users.ravel().astype(np.uint32), items.ravel().astype(np.uint32), {}, {})
    return {
        feature.name: column.tolist()
        for group in GROUPS
        for feature, column in zip(group.features, group.compute(group.fit(knowledge), pairs), strict=True)
    }


@pytest.mark.parametrize("rewards", [REWARDS, PLAIN], ids=["returns", "plain"])
@settings(max_examples=25, deadline=None)
@given(events=logs, step=st.integers(1, 9), last=st.integers(3, N_DAYS + 6))
def test_features_are_the_same_when_the_log_became_known_day_by_day(
    rewards: RewardSettings, events: pl.DataFrame, step: int, last: int
) -> None:
    assume(events.filter((pl.col("known_at") < day(last)) & (pl.col("event_type") != "exposure")).height)
    at_once = build_state(events, as_of=day(last), settings=SETTINGS, rewards=rewards, items=CATEGORIES)
    expected = features(at_once, events)
    for name, column in features(updated(events, step, last, rewards), events).items():
        np.testing.assert_allclose(column, expected[name], rtol=ROUNDING, atol=NOTHING, err_msg=name)


def twins(n: int) -> pl.DataFrame:
    """Pairs of items with the same events; what was known at once of the one came late of the other."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(n):
        hours = sorted(int(hour) for hour in random.integers(0, 24 * 8, 3))
        for twin, late in (("left", 0), ("right", 2)):
            rows += [
                {
                    "user_id": "u",
                    "item_id": f"{number}-{twin}",
                    "event_type": "view",
                    "hour": hour,
                    "delay": 48 * (i == late),
                }
                for i, hour in enumerate(hours)
            ]
    return to_events([{**dict.fromkeys(("quantity", "price", "basket_id", "market")), **row} for row in rows])


def test_items_that_sold_alike_share_a_rank_in_whatever_order_it_became_known() -> None:
    events = twins(60)
    found = features(updated(events, 1, N_DAYS, PLAIN), events)
    at_once = build_state(events, as_of=day(N_DAYS), settings=SETTINGS, rewards=PLAIN, items=CATEGORIES)
    expected = features(at_once, events)
    for name in ("item_rank_6h", "item_rank_30d"):
        assert found[name] == expected[name]
        assert len(set(expected[name])) <= 61  # each pair has one rank, and so have those of the catalogue alone
