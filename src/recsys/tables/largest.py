"""The largest values of each group, and their order, without sorting all rows by all keys."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.tables.pair_keys import place_within, starts_of

_CELLS = 4_000_000
"""Values that are laid out at once."""


def largest_within(
    groups: NDArray[Any], values: NDArray[Any], n: int, ties: Sequence[NDArray[Any]] = ()
) -> NDArray[np.int64]:
    """Return the rows of the `n` largest values of each group, ascending.

    Args:
        groups: ascending.
        values: per row, finite.
        n: how many, at least 1.
        ties: which of equal values come first: the smallest by the first of these, then by the next one, then the
            earlier row.

    Example:
        >>> groups, values = np.array([1, 1, 1, 2]), np.array([5.0, 7.0, 5.0, 3.0])
        >>> largest_within(groups, values, 2).tolist()
        [0, 1, 3]
        >>> largest_within(groups, values, 2, ties=[np.array([9, 9, 8, 9])]).tolist()
        [1, 2, 3]
    """
    starts = starts_of(groups)
    sizes = np.diff(starts, append=len(groups))
    last = np.full(len(starts), -np.inf)
    # NOTE: one selection for each large group is several times faster than sorting all rows.
    for i in np.flatnonzero(sizes > n):
        last[i] = np.partition(values[starts[i] : starts[i] + sizes[i]], -n)[-n]
    run = np.repeat(np.arange(len(starts)), sizes)
    least = last[run]
    chosen, level = values > least, np.flatnonzero(values == least)
    if ties:
        level = level[np.lexsort((*(key[level] for key in reversed(ties)), run[level]))]
    room = n - np.bincount(run[chosen], minlength=len(starts))
    chosen[level[place_within(run[level]) < room[run[level]]]] = True
    return np.flatnonzero(chosen)


def descending_within(
    groups: NDArray[Any], values: NDArray[Any], ties: Sequence[NDArray[Any]] = ()
) -> NDArray[np.int64]:
    """Return the rows by group, in each the largest value first.

    Args:
        groups: ascending.
        values: per row, finite.
        ties: as in `largest_within`.

    Example:
        >>> descending_within(np.array([1, 1, 2, 2]), np.array([5.0, 7.0, 3.0, 3.0]), [np.array([0, 0, 1, 0])]).tolist()
        [1, 0, 3, 2]
    """
    starts = starts_of(groups)
    sizes = np.diff(starts, append=len(groups))
    order = np.empty(len(groups), np.int64)
    some = max(1, _CELLS // max(sizes.max(initial=1), 1))
    for first in range(0, len(starts), some):
        start, size = starts[first : first + some], sizes[first : first + some]
        rows = slice(start[0], start[-1] + size[-1])
        order[rows] = start[0] + _descending(values[rows], size, [key[rows] for key in ties])
    return order


def _descending(values: NDArray[Any], sizes: NDArray[np.int64], ties: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Order a few groups side by side; only those in which values are equal are sorted by all keys."""
    is_there = np.arange(sizes.max()) < sizes[:, None]
    laid = np.full(is_there.shape, np.inf)
    laid[is_there] = np.negative(values, dtype=np.float64)
    place = np.argsort(laid, axis=1)
    starts = np.cumsum(sizes) - sizes
    order = (starts[:, None] + place)[is_there]
    ordered = np.take_along_axis(laid, place, axis=1)
    is_equal = (ordered[:, 1:] == ordered[:, :-1]) & is_there[:, 1:]
    again = np.repeat(is_equal.any(axis=1), sizes)
    rows = np.flatnonzero(again)
    group = np.repeat(np.arange(len(sizes)), sizes)[rows]
    order[again] = rows[np.lexsort((*(key[rows] for key in reversed(ties)), -values[rows], group))]
    return order
