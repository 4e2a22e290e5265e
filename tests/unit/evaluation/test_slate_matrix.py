import polars as pl
import pytest

from recsys.errors import DataError, SchemaError
from recsys.evaluation.slate_matrix import EMPTY, SlateMatrix


def slates(*rows: tuple[int | None, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_idx", "item_idx", "rank"], orient="row")


def test_lists_are_laid_out_by_user_and_rank_whatever_the_order_of_rows() -> None:
    matrix = SlateMatrix.build(slates((7, 30, 2), (2, 10, 1), (7, 20, 1), (7, 40, 3)), depth=2)
    assert matrix.user_idx.tolist() == [2, 7]
    assert matrix.item_idx.tolist() == [[10, EMPTY], [20, 30]]  # rank 3 is beyond the depth


def test_named_users_get_rows_and_others_none() -> None:
    users = pl.Series([1, 2], dtype=pl.UInt32).to_numpy()
    matrix = SlateMatrix.build(slates((2, 10, 1), (9, 11, 1)), depth=1, user_idx=users)
    assert matrix.item_idx.tolist() == [[EMPTY], [10]]


def test_ranks_of_pairs_are_one_based_and_zero_where_absent() -> None:
    matrix = SlateMatrix.build(slates((2, 10, 1), (2, 11, 2)), depth=3)
    pairs = pl.DataFrame({"user_idx": [2, 2, 2, 5], "item_idx": [11, 10, 12, 10]})
    assert matrix.ranks_of(pairs).tolist() == [2, 1, 0, 0]


def test_a_rank_below_one_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"slates: 1 row\(s\) with a null or a rank below 1; first: user_idx=1, .*rank=0"
    ):
        SlateMatrix.build(slates((1, 10, 0), (1, 11, 1)), depth=5)


def test_a_null_is_refused() -> None:
    with pytest.raises(DataError, match=r"1 row\(s\) with a null .*user_idx=None"):
        SlateMatrix.build(slates((None, 10, 1), (1, 11, 1)), depth=5)


def test_two_items_on_one_rank_are_refused() -> None:
    with pytest.raises(DataError, match=r"2 row\(s\) that share a rank; first: user_idx=1, item_idx=10, rank=1"):
        SlateMatrix.build(slates((1, 11, 1), (1, 10, 1)), depth=5)


def test_an_item_listed_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"2 row\(s\) that repeat an item; first: user_idx=1, item_idx=10, rank=1"):
        SlateMatrix.build(slates((1, 10, 1), (1, 11, 2), (1, 10, 3)), depth=5)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match=r"slates: 1 column\(s\) missing: rank; it has user_idx, item_idx"):
        SlateMatrix.build(slates((1, 10, 1)).drop("rank"), depth=5)
