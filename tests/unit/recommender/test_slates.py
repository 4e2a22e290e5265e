import math

import polars as pl
import pytest

from recsys.errors import DataError
from recsys.recommender import full_slates

IDX = {"user_idx": pl.UInt32, "item_idx": pl.UInt32}


def frame(**columns: list[float]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema_overrides={name: IDX[name] for name in columns if name in IDX})


CANDIDATES = frame(user_idx=[0, 0], item_idx=[5, 6], score=[0.9, 0.4])
POPULAR = frame(item_idx=[6, 7, 8], score=[30.0, 20.0, 10.0])
ALL = frame(item_idx=[1, 5, 6, 7, 8, 9], score=[0.0] * 6)
USERS = frame(user_idx=[0, 1])


def test_a_short_list_is_filled_from_the_fallbacks_in_their_order_without_repeating_an_item() -> None:
    slates = full_slates(CANDIDATES, [("popular", POPULAR), ("any", ALL)], USERS, name="own", k=5)
    assert slates.filter(pl.col("user_idx") == 0).select("item_idx", "rank", "source").rows() == [
        (5, 1, "own"),
        (6, 2, "own"),
        (7, 3, "popular"),
        (8, 4, "popular"),
        (1, 5, "any"),
    ]
    assert slates.filter(pl.col("user_idx") == 1)["item_idx"].to_list() == [6, 7, 8, 1, 5]


def test_scores_go_on_below_the_lowest_of_the_list() -> None:
    slates = full_slates(CANDIDATES, [("popular", POPULAR)], USERS, name="own", k=4)
    assert slates.filter(pl.col("user_idx") == 0)["score"].to_list() == [0.9, 0.4, 0.4 - 1, 0.4 - 2]
    assert slates.filter(pl.col("user_idx") == 1)["score"].to_list() == [-1.0, -2.0, -3.0]


def test_an_excluded_pair_stands_nowhere_in_the_list() -> None:
    exclude = frame(user_idx=[0, 0, 1], item_idx=[7, 1, 6])
    slates = full_slates(CANDIDATES, [("popular", POPULAR), ("any", ALL)], USERS, name="own", k=3, exclude=exclude)
    assert slates.filter(pl.col("user_idx") == 0)["item_idx"].to_list() == [5, 6, 8]
    assert slates.filter(pl.col("user_idx") == 1)["item_idx"].to_list() == [7, 8, 1]


def test_a_catalogue_smaller_than_k_gives_all_of_it() -> None:
    slates = full_slates(CANDIDATES, [("any", ALL)], USERS, name="own", k=50)
    assert slates.group_by("user_idx").len().sort("user_idx")["len"].to_list() == [6, 6]
    assert slates["rank"].to_list() == [1, 2, 3, 4, 5, 6] * 2


def test_full_lists_need_no_fallback() -> None:
    assert full_slates(CANDIDATES, [], frame(user_idx=[0]), name="own", k=1)["item_idx"].to_list() == [5]


def test_a_user_who_may_have_nothing_has_no_row() -> None:
    exclude = ALL.join(frame(user_idx=[1]), how="cross").select("user_idx", "item_idx")
    slates = full_slates(CANDIDATES, [("any", ALL)], USERS, name="own", k=3, exclude=exclude)
    assert slates["user_idx"].unique().to_list() == [0]
    nobody = full_slates(CANDIDATES.clear(), [("any", ALL)], frame(user_idx=[1]), name="own", k=3, exclude=exclude)
    assert nobody.is_empty()
    assert nobody.schema == slates.schema


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, None])
def test_a_score_by_which_nothing_can_be_ranked_is_refused(score: float | None) -> None:
    wrong = CANDIDATES.with_columns(score=pl.Series([0.9, score], dtype=pl.Float64))
    with pytest.raises(DataError, match=r"1 of \d scores are not finite; first: source=own, user_idx=0, item_idx=6"):
        full_slates(wrong, [("any", ALL)], USERS, name="own", k=2)
