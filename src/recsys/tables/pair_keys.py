"""Pairs of dense ids as one number each, so that tables of pairs are looked up by binary search.

A key is `user_idx << 32 | item_idx`: keys sort by user, then by item, and need no knowledge of how many there are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

UInts = NDArray[np.uint32]
Keys = NDArray[np.uint64]
Floats = NDArray[np.float32]


def keys_of(left: UInts, right: UInts) -> Keys:
    """Return `left << 32 | right` for each pair.

    Example:
        >>> keys_of(np.array([1], np.uint32), np.array([2], np.uint32)).tolist()
        [4294967298]
    """
    return left.astype(np.uint64) << np.uint64(32) | right.astype(np.uint64)


def find(keys: Keys, wanted: Keys) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return for each wanted key its place among sorted distinct keys, and whether it is there.

    Example:
        >>> place, is_there = find(np.array([3, 7], np.uint64), np.array([7, 8], np.uint64))
        >>> place.tolist(), is_there.tolist()
        ([1, 1], [True, False])
    """
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return place, keys[place] == wanted


def starts_of(sorted_ids: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each run of equal values starts.

    Example:
        >>> starts_of(np.array([4, 4, 7])).tolist()
        [0, 2]
    """
    return np.flatnonzero(
        np.concatenate([np.ones(min(len(sorted_ids), 1), np.bool_), sorted_ids[1:] != sorted_ids[:-1]])
    )


def place_within(sorted_ids: NDArray[Any]) -> NDArray[np.int64]:
    """Return each row's place within its run of equal values, from 0.

    Example:
        >>> place_within(np.array([4, 4, 7])).tolist()
        [0, 1, 0]
    """
    starts = starts_of(sorted_ids)
    return np.arange(len(sorted_ids)) - np.repeat(starts, np.diff(np.append(starts, len(sorted_ids))))


@dataclass(frozen=True)
class PairTable:
    """A table of pairs that is read by key.

    Attributes:
        frame: two id columns first, sorted by them, each pair once; then Float32 or Float64 columns.
    """

    frame: pl.DataFrame

    @cached_property
    def keys(self) -> Keys:
        """The key of each row, ascending."""
        left, right = self.frame.columns[:2]
        return keys_of(self.frame[left].to_numpy(), self.frame[right].to_numpy())

    def take(self, wanted: Keys) -> dict[str, Floats]:
        """Return each value column for the wanted keys; NaN where a pair is not in the table."""
        place, is_there = find(self.keys, wanted)
        taken = {}
        for name in self.frame.columns[2:]:
            values = np.full(len(wanted), np.nan, np.float32)
            values[is_there] = self.frame[name].to_numpy()[place[is_there]]
            taken[name] = values
        return taken
