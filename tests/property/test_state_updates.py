"""A state that is updated, merged or read later equals one that is computed at once."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recsys.rewards import RewardSettings
from recsys.state import DecayedState, StateSettings, build_state, merge_states, require_complete, update_state
from tests.property.state_logs import N_DAYS, PLAIN, REWARDS, SETTINGS, day, logs, tables

CATEGORIES = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["x", "y", "x"]})
ABS = 1e-12  # where sums of about 10 cancel, their rounding is left


def build(events: pl.DataFrame, number: int, rewards: RewardSettings = REWARDS) -> DecayedState:
    return build_state(events, as_of=day(number), settings=SETTINGS, rewards=rewards, items=CATEGORIES)


def assert_same(one: DecayedState, other: DecayedState, *, rel: float = 1e-9) -> None:
    as_of = max(one.as_of, other.as_of)
    for name, table in tables(other, as_of).items():
        assert_frame_equal(tables(one, as_of)[name], table, rel_tol=rel, abs_tol=ABS)


@pytest.mark.parametrize("rewards", [REWARDS, PLAIN], ids=["returns", "plain"])
@settings(max_examples=15, deadline=None)
@given(events=logs, step=st.integers(2, 9))
def test_update_by_days_equals_recompute(rewards: RewardSettings, events: pl.DataFrame, step: int) -> None:
    state = build(events, 0, rewards)
    for number in range(step, N_DAYS + 6, step):
        state = update_state(state, events.lazy(), as_of=day(number))
        assert_same(state, build(events, number, rewards))
        require_complete(state, events)


def by_user(events: pl.DataFrame) -> list[pl.DataFrame]:
    """Split a log so that no user and no anonymous basket is in two parts."""
    owner = pl.coalesce("user_id", "basket_id", "item_id")
    return [events.filter(owner.is_in(part)) for part in (["u", "p", "a"], ["v", "q", "b"], ["w", "c", "d"])]


@settings(max_examples=10, deadline=None)
@given(events=logs)
def test_merge_is_associative_and_commutative_and_equals_the_whole(events: pl.DataFrame) -> None:
    one, two, three = (build(part, N_DAYS + 6) for part in by_user(events))
    left, right = merge_states(merge_states(one, two), three), merge_states(one, merge_states(two, three))
    assert_same(left, right, rel=1e-12)
    assert_same(merge_states(two, one), merge_states(one, two), rel=1e-12)
    assert_same(left, build(events, N_DAYS + 6))


@settings(max_examples=10, deadline=None)
@given(events=logs)
def test_merge_of_states_of_different_instants_is_that_of_the_later(events: pl.DataFrame) -> None:
    early, late, _ = by_user(events)
    early = early.filter(pl.col("known_at") < day(3))
    both = build(pl.concat([early, late]), 9)
    assert_same(merge_states(build(early, 3), build(late, 9)), both)
    assert_same(merge_states(build(late, 9), build(early, 3)), both)


@settings(max_examples=10, deadline=None)
@given(events=logs, number=st.integers(0, N_DAYS))
def test_reading_later_only_decays(events: pl.DataFrame, number: int) -> None:
    state = build(events, number)
    half_life = timedelta(days=30)
    now, later = tables(state, day(number)), tables(state, day(number) + half_life)
    for name, table in now.items():
        column = pl.col("^(events|reward_.*|covisit)_30d$")
        assert_frame_equal(later[name].select(column), table.select(column / 2), rel_tol=1e-12, abs_tol=0)
        assert later[name].drop(pl.selectors.float()).equals(table.drop(pl.selectors.float()))


@settings(max_examples=10, deadline=None)
@given(events=logs, number=st.integers(0, N_DAYS))
def test_rows_known_at_or_after_as_of_change_nothing(events: pl.DataFrame, number: int) -> None:
    visible = events.filter(pl.col("known_at") < day(number))
    for name, table in tables(build(events, number), day(number)).items():
        assert table.equals(tables(build(visible, number), day(number))[name]), name


@settings(max_examples=10, deadline=None)
@given(events=logs, seed=st.integers(0, 99))
def test_order_of_rows_changes_no_bit(events: pl.DataFrame, seed: int) -> None:
    shuffled = events.sample(fraction=1.0, shuffle=True, seed=seed)
    one = update_state(build(events, 5), events, as_of=day(15))
    other = update_state(build(shuffled, 5), shuffled, as_of=day(15))
    for name, table in tables(one, day(15)).items():
        assert table.equals(tables(other, day(15))[name]), name


@settings(max_examples=10, deadline=None)
@given(events=logs)
def test_shards_of_a_build_add_up_to_the_whole(events: pl.DataFrame) -> None:
    sharded = StateSettings(**{**dict(SETTINGS), "max_build_rows": 3})
    state = build_state(events, as_of=day(15), settings=sharded, rewards=REWARDS, items=CATEGORIES)
    assert_same(state, build(events, 15))
