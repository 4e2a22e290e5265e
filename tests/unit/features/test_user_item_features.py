"""Features of a user and an item worked by hand."""

from math import log1p

import numpy as np
import pytest

from recsys.features.user_item import UserItemFeatures
from tests.unit.small_logs import HALF_LIVES, SOLD, known, values

GROUP = UserItemFeatures(HALF_LIVES)
OF_U = [("u", "a", 40.0), ("u", "b", 30.0), ("u", "a", 20.0), ("u", "c", 5.0)]
OF_OTHERS = [("v", "a", 31.0), ("v", "a", 21.0), ("v", "a", 1.0), ("w", "b", 50.0), ("w", "b", 10.0)]
ROWS = [*OF_U, *OF_OTHERS]


def test_masses_are_decayed_and_their_share_is_that_of_the_user() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("u", "b"), ("u", "c")])
    a, b, c = 2 ** (-40 / 30) + 2 ** (-20 / 30), 0.5, 2 ** (-5 / 30)
    assert found["pair_reward_30d"] == pytest.approx([a, b, c])
    assert found["pair_reward_7d"][2] == pytest.approx(2 ** (-5 / 7))
    assert found["pair_events"] == pytest.approx([log1p(a), log1p(b), log1p(c)])
    assert found["pair_share"] == pytest.approx([x / (a + b + c) for x in (a, b, c)])


def test_days_with_the_item_are_compared_with_the_users_other_days() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("u", "b"), ("u", "c")])
    assert found["pair_silence"] == pytest.approx([20.0, 30.0, 5.0])
    assert found["pair_tenure"] == pytest.approx([40.0, 30.0, 5.0])
    assert found["pair_days"] == [2.0, 1.0, 1.0]
    assert found["pair_day_share"] == pytest.approx([2 / 4, 1 / 3, 1 / 1])  # u came 4 days ago 40, 30, 20 and 5 days
    assert found["pair_visits_since"] == [1.0, 2.0, 0.0]


def test_the_expected_gap_is_shrunk_to_the_items_and_that_to_all() -> None:
    found = values(GROUP, known(ROWS), [("u", "a"), ("u", "c"), ("w", "b")])
    overall = (20 + 30 + 40) / (1 + 2 + 1)  # of a by u and by v, and of b by w
    of_a, of_b, of_c = (50 + 2 * overall) / (3 + 2), (40 + 2 * overall) / (1 + 2), overall
    gaps = [(20 + 2 * of_a) / (1 + 2), of_c, (40 + 2 * of_b) / (1 + 2)]
    assert found["pair_gap"] == pytest.approx(gaps)
    assert found["pair_overdue"] == pytest.approx([20 / (gaps[0] + 1), 5 / (gaps[1] + 1), 10 / (gaps[2] + 1)])


def test_several_events_on_one_day_are_one_day() -> None:
    rows = [("u", "a", 3.1), ("u", "a", 3.2), ("u", "a", 3.3), ("u", "b", 2.0)]
    found = values(GROUP, known(rows), [("u", "a")])
    assert (found["pair_days"], found["pair_visits_since"], found["pair_day_share"]) == ([1.0], [1.0], [0.5])
    assert np.isnan(found["pair_gap"]).all()  # nobody ever came back


def test_what_was_only_looked_at_has_events_and_no_reward() -> None:
    rows = [("u", "bought", 30.0), ("u", "seen", 30.0), ("u", "seen", 60.0)]
    found = values(
        GROUP, known(rows, types=["purchase", "view", "view"], rewards=SOLD), [("u", "bought"), ("u", "seen")]
    )
    assert found["pair_events"] == pytest.approx([log1p(0.5), log1p(0.75)])
    assert found["pair_reward_30d"] == [0.5, 0.0]
    assert found["pair_share"] == [1.0, 0.0]
    assert np.isnan([found[name][1] for name in ("pair_silence", "pair_days", "pair_gap", "pair_visits_since")]).all()


def test_nothing_is_known_of_a_pair_that_never_met() -> None:
    found = values(GROUP, known(ROWS), [("v", "b"), ("stranger", "a"), ("stranger", "unseen")])
    assert all(np.isnan(column).all() for column in found.values())
