"""Features of categories and brands worked by hand; all events are 30 days old, so each weighs .5 at 30 days."""

import numpy as np
import pytest

from recsys.features.segment import SegmentFeatures
from tests.unit.small_logs import HALF_LIVES, MONTH, known, values

GROUP = SegmentFeatures("category", HALF_LIVES)
SHELF: dict[str, dict[str, object]] = {
    "green": {"category": "tea", "brand": "leaf"},
    "black": {"category": "tea"},
    "new": {"category": "tea", "brand": "leaf"},
    "soap": {"category": "bath"},
    "plain": {},
}
ROWS = [("u", "green", 30.0), ("u", "black", 60.0), ("u", "soap", 30.0), ("u", "plain", 1.0), ("v", "black", 30.0)]
PAIRS = [("u", "black"), ("u", "new"), ("u", "plain"), ("u", "soap"), ("v", "soap")]


def test_tastes_are_shares_of_what_a_user_took_of_any_segment() -> None:
    found = values(GROUP, known(ROWS, SHELF), PAIRS)
    tea, bath = 0.5 + 0.25, 0.5
    assert found["category_share_30d"] == pytest.approx(
        [tea / (tea + bath), tea / (tea + bath), float("nan"), bath / (tea + bath), float("nan")], nan_ok=True
    )
    fast = 2 ** (-30 / 7)
    assert found["category_share_7d"][3] == pytest.approx(fast / (2 * fast + 2 ** (-60 / 7)))


def test_silence_is_since_the_last_event_in_the_segment() -> None:
    found = values(GROUP, known(ROWS, SHELF), PAIRS)
    assert found["category_silence"] == pytest.approx([30.0, 30.0, float("nan"), 30.0, float("nan")], nan_ok=True)


def test_items_are_ranked_within_their_segment_by_the_first_half_life() -> None:
    found = values(
        SegmentFeatures("category", (MONTH,)),
        known(ROWS, SHELF),
        [("u", i) for i in ("black", "green", "new", "plain", "soap")],
    )
    assert found["category_rank"] == pytest.approx([1.0, 2.0, 3.0, float("nan"), 1.0], nan_ok=True)
    assert found["category_part"] == pytest.approx([0.75 / 1.25, 0.5 / 1.25, 0.0, float("nan"), 1.0], nan_ok=True)


def test_brands_are_segments_of_their_own() -> None:
    found = values(SegmentFeatures("brand", (MONTH,)), known(ROWS, SHELF), [("u", "black"), ("u", "new"), ("v", "new")])
    assert found["brand_share_30d"] == pytest.approx([float("nan"), 1.0, float("nan")], nan_ok=True)
    assert found["brand_rank"] == pytest.approx([float("nan"), 2.0, 2.0], nan_ok=True)


def test_a_catalogue_without_segments_says_nothing() -> None:
    found = values(GROUP, known([("u", "a", 1.0), ("v", "b", 1.0)]), [("u", "a"), ("u", "b")])
    assert all(np.isnan(column).all() for column in found.values())


def test_an_item_that_came_after_the_tables_has_no_segment() -> None:
    found = values(GROUP, known(ROWS, SHELF), [("u", "green"), ("u", "from tomorrow"), ("stranger", "green")])
    assert all(np.isnan(column[1]) for column in found.values())
    assert np.isnan(found["category_share_30d"][2])
    assert found["category_rank"][2] == found["category_rank"][0] > 0
