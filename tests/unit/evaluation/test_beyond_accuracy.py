from math import log2

import polars as pl
import pytest

from recsys.errors import ConfigError, DataError
from recsys.evaluation import list_metrics

SLATES = pl.DataFrame(
    [(0, 10, 1), (0, 11, 2), (0, 12, 3), (1, 10, 1)], schema=["user_idx", "item_idx", "rank"], orient="row"
)
ITEMS = pl.DataFrame(
    {
        "item_idx": [10, 11, 12, 13],
        "n_events": [3, 1, 0, 0],  # with 1 added each: 4, 2, 1, 1 of 8
        "category": ["a", "a", "b", None],
        "item_age_days": [8.0, 4.0, None, 1.0],
    }
)


def test_every_property_equals_its_value_worked_by_hand() -> None:
    found = list_metrics(SLATES, ITEMS, seen=pl.DataFrame({"user_idx": [0, 0, 0, 9], "item_idx": [10, 10, 13, 10]}))
    assert found.per_user.to_dicts() == [
        # -log2 of 4/8, 2/8, 1/8; of the pairs aa, ab, ab two differ; ages 8 and 4; item 10 of three was seen
        {"user_idx": 0, "novelty": 2.0, "diversity": pytest.approx(2 / 3), "item_age_days": 6.0, "repeat_share": 1 / 3},
        {"user_idx": 1, "novelty": 1.0, "diversity": None, "item_age_days": 8.0, "repeat_share": 0.0},
    ]
    assert found.coverage == 3 / 4
    assert found.gini == (-3 * 0 - 1 * 1 + 1 * 1 + 3 * 2) / (4 * 4)  # listed 0, 1, 1 and 2 times


def test_the_summary_averages_over_users_who_have_a_value() -> None:
    summary = list_metrics(SLATES, ITEMS).summary()
    assert summary == {
        "coverage": 0.75,
        "gini": 0.375,
        "novelty": 1.5,
        "diversity": pytest.approx(2 / 3),
        "item_age_days": 7.0,
        "repeat_share": None,
    }


def test_only_the_first_k_items_count() -> None:
    found = list_metrics(SLATES, ITEMS, k=1)
    assert found.coverage == 0.25
    assert found.per_user["novelty"].to_list() == [1.0, 1.0]


def test_diversity_and_age_are_null_where_nothing_is_known() -> None:
    unknown = ITEMS.with_columns(category=pl.lit(None), item_age_days=pl.lit(None))
    found = list_metrics(SLATES, unknown).per_user
    assert found.select("diversity", "item_age_days").null_count().row(0) == (2, 2)


def test_gini_is_zero_when_every_item_is_listed_equally_often() -> None:
    one_each = pl.DataFrame({"user_idx": [0, 1, 2, 3], "item_idx": [10, 11, 12, 13], "rank": [1, 1, 1, 1]})
    assert list_metrics(one_each, ITEMS).gini == 0.0


def test_a_new_item_is_novel_by_the_size_of_the_catalogue() -> None:
    fresh = ITEMS.with_columns(n_events=pl.lit(0))
    assert list_metrics(SLATES, fresh).per_user["novelty"].to_list() == [log2(4), log2(4)]


def test_an_item_outside_the_catalogue_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"slates: 1 listed items are not in the catalogue of 3; first: user_idx=0, item_idx=12"
    ):
        list_metrics(SLATES, ITEMS.filter(pl.col("item_idx") != 12))


def test_a_catalogue_with_an_item_twice_is_refused() -> None:
    with pytest.raises(DataError, match="items: 2 of 5 rows repeat an item; first: item_idx=10"):
        list_metrics(SLATES, pl.concat([ITEMS, ITEMS.head(1)]))


def test_no_list_is_an_error() -> None:
    with pytest.raises(DataError, match="slates: 0 rows; nothing was recommended"):
        list_metrics(SLATES.clear(), ITEMS)


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="k=0: a list depth is at least 1"):
        list_metrics(SLATES, ITEMS, k=0)
