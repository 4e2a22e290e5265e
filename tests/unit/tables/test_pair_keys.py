"""Keys of pairs and what is looked up by them, against plain dictionaries."""

import numpy as np
import polars as pl
import pytest

from recsys.tables import Keys, PairTable, UInts, find, keys_of, place_within, starts_of

LARGEST = 2**32 - 1


def ids(*numbers: int) -> UInts:
    return np.array(numbers, np.uint32)


def drawn(n: int, seed: int) -> Keys:
    random = np.random.default_rng(seed)
    return keys_of(random.integers(0, 9, n).astype(np.uint32), random.integers(0, 9, n).astype(np.uint32))


def test_keys_sort_by_user_and_then_by_item_up_to_the_largest_id() -> None:
    keys = keys_of(ids(0, 0, 1, LARGEST), ids(1, LARGEST, 0, LARGEST))
    assert keys.tolist() == sorted(keys.tolist())
    assert len(set(keys.tolist())) == 4
    assert keys.dtype == np.uint64


def test_a_key_is_found_exactly_where_it_stands() -> None:
    keys, wanted = np.unique(drawn(30, seed=0)), drawn(200, seed=1)
    place, is_there = find(keys, wanted)
    position = {key: i for i, key in enumerate(keys.tolist())}
    assert is_there.tolist() == [key in position for key in wanted.tolist()]
    assert place[is_there].tolist() == [position[key] for key in wanted.tolist() if key in position]
    assert is_there.any()
    assert not is_there.all()


def test_nothing_is_found_among_no_keys() -> None:
    place, is_there = find(np.empty(0, np.uint64), drawn(3, seed=0))
    assert (place.tolist(), is_there.tolist()) == ([0, 0, 0], [False] * 3)


@pytest.mark.parametrize(
    ("runs", "starts", "places"),
    [([], [], []), ([5], [0], [0]), ([5, 5, 5], [0], [0, 1, 2]), ([1, 2, 2, 7], [0, 1, 3], [0, 0, 1, 0])],
)
def test_runs_are_told_apart(runs: list[int], starts: list[int], places: list[int]) -> None:
    values = np.array(runs, np.uint32)
    assert starts_of(values).tolist() == starts
    assert place_within(values).tolist() == places


def test_a_table_of_pairs_gives_its_values_and_nan_for_the_others() -> None:
    frame = pl.DataFrame(
        {"user_idx": ids(1, 1, 4), "item_idx": ids(2, 9, 0), "mass": [0.5, 0.25, 8.0], "n": [1.0, 2.0, 3.0]}
    )
    taken = PairTable(frame).take(keys_of(ids(4, 1, 1, 0), ids(0, 9, 3, 2)))
    np.testing.assert_array_equal(taken["mass"], np.array([8.0, 0.25, np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(taken["n"], np.array([3.0, 2.0, np.nan, np.nan], np.float32))
    assert taken["mass"].dtype == np.float32


def test_an_empty_table_of_pairs_knows_nothing() -> None:
    schema = {"user_idx": pl.UInt32, "item_idx": pl.UInt32, "mass": pl.Float32}
    taken = PairTable(pl.DataFrame(schema=schema)).take(keys_of(ids(0, 1), ids(0, 1)))
    assert np.isnan(taken["mass"]).tolist() == [True, True]
