"""User features worked by hand."""

from math import log1p

import numpy as np
import pytest

from recsys.features.user import UserFeatures
from tests.unit.small_logs import HALF_LIVES, SOLD, known, values

GROUP = UserFeatures(HALF_LIVES)
# u takes a and then a and b, and c: on three days, ten days apart.
ROWS = [("u", "a", 30.0), ("u", "a", 20.0), ("u", "b", 20.0), ("u", "c", 10.0), ("v", "a", 30.0)]


def test_activity_is_decayed_and_logarithmic() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("v", "a")])
    fast = 2 ** (-30 / 7) + 2 * 2 ** (-20 / 7) + 2 ** (-10 / 7)
    assert found["user_reward_7d"] == pytest.approx([log1p(fast), log1p(2 ** (-30 / 7))])
    assert found["user_reward_30d"][1] == pytest.approx(log1p(0.5))
    assert found["user_events"] == pytest.approx([log1p(4), log1p(1)])


def test_items_and_days_are_counted_once_each() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("v", "a")])
    assert found["user_items"] == pytest.approx([log1p(3), log1p(1)])
    assert found["user_days"] == pytest.approx([log1p(3), log1p(1)])
    assert found["user_basket"] == pytest.approx([4 / 3, 1.0])  # a on two days, b and c on one
    assert found["user_repeat_share"] == pytest.approx([1 / 4, 0.0])


def test_a_user_is_overdue_by_their_own_gap() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("v", "a")])
    assert found["user_silence"] == pytest.approx([10.0, 30.0])
    assert found["user_tenure"] == pytest.approx([30.0, 30.0])
    assert found["user_gap"] == pytest.approx([10.0, float("nan")], nan_ok=True)  # v came on one day
    assert found["user_overdue"] == pytest.approx([10 / 11, float("nan")], nan_ok=True)


def test_mainstream_is_the_mean_popularity_of_the_own_items() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("v", "a")])
    a, b, c = log1p(2 * 0.5 + 2 ** (-20 / 30)), log1p(2 ** (-20 / 30)), log1p(2 ** (-10 / 30))
    assert found["user_mainstream"] == pytest.approx([(a + b + c) / 3, a])


def test_who_only_looked_took_nothing_but_came() -> None:
    knowledge = known(ROWS, types=["purchase"] * 4 + ["view"], rewards=SOLD)
    found = values(GROUP, knowledge, [("u", "a"), ("v", "a")])
    assert found["user_silence"] == pytest.approx([10.0, 30.0])
    assert found["user_reward_30d"][1] == 0.0
    assert np.isnan([found[name][1] for name in ("user_items", "user_days", "user_basket", "user_mainstream")]).all()


def test_nothing_is_known_of_a_stranger() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("stranger", "a")])
    assert all(np.isnan(column[1]) for column in found.values())
    assert not any(np.isnan(column[0]) for column in found.values())
