"""The largest of each group against sorting all rows, where many values are equal."""

import numpy as np
import pytest

from recsys.tables import descending_within, largest, largest_within


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Groups of up to 30 rows with six different values and ties that are equal at times too."""
    random = np.random.default_rng(seed)
    groups = np.sort(random.integers(0, 12, 150)).astype(np.uint32)
    return groups, random.integers(0, 6, 150) / 4.0, [random.integers(0, 3, 150), random.permutation(150)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cells", [1, 40, 4_000_000])
def test_rows_are_ordered_as_by_sorting_all_of_them(seed: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largest, "_CELLS", cells)
    groups, values, ties = drawn(seed)
    expected = np.lexsort((ties[1], ties[0], -values, groups))
    assert descending_within(groups, values, ties).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 4, 11, 99])
def test_the_largest_are_the_first_of_the_sorted_rows(seed: int, n: int) -> None:
    groups, values, ties = drawn(seed)
    order = np.lexsort((ties[1], ties[0], -values, groups))
    expected = [row for group in set(groups) for row in [at for at in order if groups[at] == group][:n]]
    assert largest_within(groups, values, n, ties).tolist() == sorted(expected)


def test_of_equal_values_without_a_tie_the_earlier_rows_come_first() -> None:
    groups, values = np.array([3, 3, 3, 8]), np.array([1.0, 1.0, 1.0, -2.0])
    assert largest_within(groups, values, 2).tolist() == [0, 1, 3]
    assert descending_within(groups, values).tolist() == [0, 1, 2, 3]


def test_nothing_has_no_largest() -> None:
    none, nothing = np.empty(0, np.uint32), np.empty(0)
    assert largest_within(none, nothing, 3).tolist() == descending_within(none, nothing).tolist() == []
