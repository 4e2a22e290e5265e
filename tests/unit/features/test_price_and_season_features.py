"""Features of prices and of the calendar worked by hand."""

from math import log1p

import numpy as np
import pytest

from recsys.features.price import PriceFeatures
from recsys.features.season import SeasonFeatures
from tests.unit.small_logs import AS_OF, DAY, known, values

SHELF: dict[str, dict[str, object]] = {
    "cheap": {"category": "tea", "price": 1.0},
    "dear": {"category": "tea", "price": 9.0},
    "free": {"category": "tea", "price": 0.0},
    "gone": {"category": "tea", "price": 2.0, "available_to": AS_OF},
    "mid": {"category": "tea", "price": 4.0},
    "soap": {"category": "bath", "price": 3.0},
    "unpriced": {"category": "tea"},
}
ITEMS = list(SHELF)
NAN = float("nan")


def test_a_price_is_logarithmic_and_unknown_where_it_is_not_positive() -> None:
    found = values(PriceFeatures(), known([("u", "cheap", 1.0)], SHELF), [("u", item) for item in ITEMS])
    prices = [log1p(1), log1p(9), NAN, log1p(2), log1p(4), log1p(3), NAN]
    assert found["price"] == pytest.approx(prices, nan_ok=True)


def test_a_price_is_ranked_among_available_items_of_its_category() -> None:
    found = values(PriceFeatures(), known([("u", "cheap", 1.0)], SHELF), [("u", item) for item in ITEMS])
    assert found["price_rank"] == pytest.approx([0.0, 1.0, NAN, NAN, 0.5, 0.0, NAN], nan_ok=True)


def test_equal_prices_share_the_middle_of_their_places() -> None:
    shelf: dict[str, dict[str, object]] = {
        name: {"price": price} for name, price in (("a", 1.0), ("b", 2.0), ("c", 2.0))
    }
    found = values(PriceFeatures(), known([("u", "a", 1.0)], shelf), [("u", "a"), ("u", "b"), ("u", "c")])
    assert found["price_rank"] == pytest.approx([0.0, 0.75, 0.75])


def test_the_distance_is_to_the_mean_log_price_of_what_the_user_took() -> None:
    rows = [
        ("u", "cheap", 9.0),
        ("u", "cheap", 8.0),
        ("u", "dear", 7.0),
        ("u", "unpriced", 6.0),
        ("v", "unpriced", 5.0),
    ]
    found = values(
        PriceFeatures(), known(rows, SHELF), [("u", "mid"), ("u", "unpriced"), ("v", "mid"), ("stranger", "mid")]
    )
    usual = (2 * log1p(1) + log1p(9)) / 3
    assert found["price_distance"] == pytest.approx([abs(log1p(4) - usual), NAN, NAN, NAN], nan_ok=True)


# AS_OF - 365 d + [0, 28 d) holds ages of 365 down to more than 337; ages of whole weeks are Wednesdays, as AS_OF is.
YEARS = [("u", "a", 364.0), ("v", "a", 350.0), ("u", "a", 10.0), ("u", "b", 380.0), ("u", "b", 337.0)]


def test_the_season_compares_four_weeks_of_last_year_with_the_mean() -> None:
    found = values(SeasonFeatures(), known(YEARS, {"new": {}}), [("u", "a"), ("u", "b"), ("u", "new")])
    expected = [(2 + 1) / (3 * 28 / 380 + 1), (0 + 1) / (2 * 28 / 380 + 1), NAN]
    assert found["season_ratio"] == pytest.approx(expected, nan_ok=True)


def test_a_log_younger_than_a_year_has_no_season() -> None:
    found = values(SeasonFeatures(), known([("u", "a", 364.9)]), [("u", "a")])
    assert np.isnan(found["season_ratio"]).all()


def test_the_share_of_a_weekday_is_shrunk_to_that_of_all_items() -> None:
    found = values(SeasonFeatures(), known(YEARS), [("u", "a"), ("u", "b")])
    overall = 2 / 5
    assert found["season_week_share"] == pytest.approx([(2 + 5 * overall) / 8, (0 + 5 * overall) / 7])


def test_days_left_count_to_the_end_of_the_offer() -> None:
    shelf: dict[str, dict[str, object]] = {"ending": {"available_to": AS_OF + 4 * DAY}, "lasting": {}}
    found = values(SeasonFeatures(), known([("u", "ending", 1.0)], shelf), [("u", "ending"), ("u", "lasting")])
    assert found["season_days_left"] == pytest.approx([4.0, NAN], nan_ok=True)
