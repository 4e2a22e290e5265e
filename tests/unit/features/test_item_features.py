"""Item features worked by hand."""

from math import log, log1p

import pytest

from recsys.features.item import ItemFeatures
from tests.unit.small_logs import AS_OF, DAY, HALF_LIVES, SOLD, known, values

GROUP = ItemFeatures(HALF_LIVES)
# Rewards at half-lives of 7 and 30 days: "new" 2^-1 and 2^-(7/30), "old" 2 x 2^-(60/7) and 2 x 2^-2, of two users each.
ROWS = [("u", "new", 7.0), ("u", "old", 60.0), ("v", "old", 60.0), (None, "new", 400.0)]
NEW_7, OLD_7 = 2**-1 + 2 ** (-400 / 7), 2 * 2 ** (-60 / 7)
NEW_30, OLD_30 = 2 ** (-7 / 30) + 2 ** (-400 / 30), 2 * 2**-2
ON_OFFER: dict[str, dict[str, object]] = {"unseen": {}, "gone": {"available_to": AS_OF - DAY}}


def test_rewards_are_decayed_and_logarithmic() -> None:
    found = values(GROUP, known(ROWS, ON_OFFER), [("u", "new"), ("u", "old"), ("u", "unseen")])
    assert found["item_reward_7d"] == pytest.approx([log1p(NEW_7), log1p(OLD_7), 0.0])
    assert found["item_reward_30d"] == pytest.approx([log1p(NEW_30), log1p(OLD_30), 0.0])


def test_ranks_are_among_available_items_only() -> None:
    rows = [*ROWS, *[("w", "gone", 0.5)] * 9]
    found = values(GROUP, known(rows, ON_OFFER), [("u", "gone"), ("u", "new"), ("u", "old"), ("u", "unseen")])
    for name in ("item_rank_7d", "item_rank_30d"):
        assert found[name] == pytest.approx([float("nan"), 1.0, 2.0, 3.0], nan_ok=True)


def test_items_with_equal_rewards_share_a_rank() -> None:
    rows = [("u", "a", 1.0), ("u", "a", 2.0), ("v", "b", 2.0), ("w", "b", 1.0), ("w", "c", 3.0)]
    found = values(GROUP, known(rows), [("u", "a"), ("u", "b"), ("u", "c")])
    assert found["item_rank_7d"] == [1.0, 1.0, 3.0]


def test_a_trend_is_the_log_ratio_of_two_rates() -> None:
    # The mean slow rate of the three items keeps rare items from the extremes.
    found = values(GROUP, known(ROWS, ON_OFFER), [("u", "new"), ("u", "old"), ("u", "unseen")])
    mean = (NEW_30 + OLD_30) / 30 / 4
    assert found["item_trend_7d_30d"] == pytest.approx(
        [log((fast / 7 + mean) / (slow / 30 + mean)) for fast, slow in ((NEW_7, NEW_30), (OLD_7, OLD_30), (0, 0))],
        abs=1e-6,
    )
    assert found["item_trend_7d_30d"][0] > 0 > found["item_trend_7d_30d"][1]


def test_events_of_any_kind_are_counted_and_the_reward_per_event_is_shrunk_to_that_of_all() -> None:
    rows = [("u", "bought", 30.0), ("u", "seen", 30.0), ("v", "seen", 30.0), ("w", "seen", 30.0)]
    types = ["purchase", "view", "view", "view"]
    found = values(GROUP, known(rows, types=types, rewards=SOLD), [("u", "bought"), ("u", "seen")])
    assert found["item_events"] == pytest.approx([log1p(0.5), log1p(1.5)])
    base = 0.5 / 2.0  # all rewards over all events
    assert found["item_conversion"] == pytest.approx([(0.5 + 5 * base) / (0.5 + 5), (5 * base) / (1.5 + 5)])


def test_age_counts_from_the_first_sign_and_silence_from_the_last_event() -> None:
    launched: dict[str, dict[str, object]] = {"coming": {"available_from": AS_OF - 3 * DAY}}
    found = values(GROUP, known(ROWS, launched), [("u", "coming"), ("u", "new"), ("u", "old")])
    assert found["item_age"] == pytest.approx([3.0, 400.0, 60.0])
    assert found["item_silence"] == pytest.approx([float("nan"), 7.0, 60.0], nan_ok=True)


def test_users_are_counted_once_and_the_recent_ones_apart() -> None:
    rows = [("u", "a", 30.0), ("u", "a", 90.0), ("v", "a", 60.0), (None, "a", 1.0), ("u", "b", 1.0)]
    found = values(GROUP, known(rows), [("u", "a")])
    assert found["item_users"] == pytest.approx([log1p(2)])
    assert found["item_recent_users"] == pytest.approx([log1p(0.5 + 0.25)])


def test_loyalty_is_shrunk_to_that_of_all_items() -> None:
    # u takes "a" on days 0, 10 and 20, v once; w takes "b" once, twice on the same day: that is no return.
    rows = [("u", "a", 25.0), ("u", "a", 15.0), ("u", "a", 5.0), ("v", "a", 9.0), ("w", "b", 9.0), ("w", "b", 8.9)]
    found = values(GROUP, known(rows), [("u", "a"), ("u", "b")])
    share, gap = 1 / 3, 20 / 2  # one pair of three returned; 20 days over two gaps
    assert found["item_return_share"] == pytest.approx([(1 + 5 * share) / (2 + 5), 5 * share / (1 + 5)])
    assert found["item_gap"] == pytest.approx([(20 + 5 * gap) / (2 + 5), gap])


def test_where_nobody_returned_nothing_is_known_of_intervals() -> None:
    found = values(GROUP, known([("u", "a", 5.0), ("v", "b", 5.0)]), [("u", "a")])
    assert (found["item_return_share"], found["item_gap"]) == ([0.0], [0.0])
