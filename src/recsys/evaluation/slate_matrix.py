"""Lists as one array, a row per user and a column per rank, so that every metric is arithmetic on columns.

Looking a pair up compares it with the `depth` cells of its user's row: no join, no hash table, no sort of the
slates, and nothing that depends on the order of their rows. A million lists of 20 take 80 MB.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.errors import DataError, SchemaError

EMPTY = np.uint32(2**32 - 1)
"""The cell of a rank that a list does not have; no item has this index."""

_PAIRS_PER_BLOCK = 1 << 18
"""Pairs looked up at once: 2^18 rows of 20 cells are 21 MB, which stays near the cache."""


@dataclass(frozen=True)
class SlateMatrix:
    """Lists of dense ids, cut at one depth.

    Attributes:
        user_idx: users in ascending order, shape `(n_users,)`.
        item_idx: item at rank r in column r - 1, `EMPTY` where the list is shorter, shape `(n_users, depth)`.
    """

    user_idx: NDArray[np.uint32]
    item_idx: NDArray[np.uint32]

    @classmethod
    def build(cls, slates: pl.DataFrame, *, depth: int, user_idx: NDArray[np.uint32] | None = None) -> Self:
        """Lay slates out, checking what could inflate a metric: ranks below 1, shared ranks, repeated items.

        Args:
            slates: `user_idx`, `item_idx`, `rank` (1-based), rows in any order.
            depth: ranks kept, at least 1.
            user_idx: users to keep, ascending and distinct; without it all users of the slates. A user without
                slate gets an empty row.

        Raises:
            SchemaError: if a column is absent.
            DataError: if a rank is below 1, two items share a rank, or a list names an item twice.

        Example:
            >>> slates = pl.DataFrame({"user_idx": [4, 4], "item_idx": [7, 9], "rank": [2, 1]})
            >>> SlateMatrix.build(slates, depth=2).item_idx.tolist()
            [[9, 7]]
        """
        require_columns(slates, ("user_idx", "item_idx", "rank"), "slates")
        slates = slates.select("user_idx", "item_idx", "rank")
        if slates.select((pl.col("rank") < 1).any() | pl.any_horizontal(pl.all().has_nulls())).item():
            bad = slates.filter((pl.col("rank") < 1) | pl.any_horizontal(pl.all().is_null()))
            raise _error(bad, "with a null or a rank below 1", "ranks are 1-based")
        kept = slates.filter(pl.col("rank") <= depth)
        users = kept["user_idx"].unique().sort().to_numpy().astype(np.uint32) if user_idx is None else user_idx
        row = _positions(users, kept["user_idx"].to_numpy())
        known = row >= 0
        items = np.full((len(users), depth), EMPTY)
        items[row[known], kept["rank"].to_numpy()[known] - 1] = kept["item_idx"].to_numpy()[known]
        if np.count_nonzero(items != EMPTY) != np.count_nonzero(known):
            raise _error(kept.filter(pl.struct("user_idx", "rank").is_duplicated()), "that share a rank", "break ties")
        if _names_an_item_twice(items):
            pair = pl.struct("user_idx", "item_idx")
            raise _error(kept.filter(pair.is_duplicated()), "that repeat an item", "list each item once")
        return cls(users, items)

    def ranks_of(self, pairs: pl.DataFrame) -> NDArray[np.int32]:
        """Return the rank at which each (`user_idx`, `item_idx`) row is listed, 0 where it is not, in row order."""
        rows = _positions(self.user_idx, pairs["user_idx"].to_numpy())
        wanted = pairs["item_idx"].to_numpy()
        ranks = np.zeros(len(wanted), np.int32)
        for start in range(0, len(wanted), _PAIRS_PER_BLOCK):
            block = slice(start, start + _PAIRS_PER_BLOCK)
            found = (self.item_idx[rows[block]] == wanted[block, None]) & (rows[block, None] >= 0)
            ranks[block] = np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)
        return ranks


def require_columns(frame: pl.DataFrame, columns: tuple[str, ...], where: str) -> None:
    """Refuse a frame that lacks one of the columns.

    Raises:
        SchemaError: naming the table, the missing columns and those it has.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SchemaError(
            f"{where}: {len(missing)} column(s) missing: {', '.join(missing)}; it has {', '.join(frame.columns)}"
        )


def pair_keys(pairs: pl.DataFrame) -> NDArray[np.uint64]:
    """Pack each (`user_idx`, `item_idx`) row into one integer, which sorts like the pair.

    Example:
        >>> pair_keys(pl.DataFrame({"user_idx": [1], "item_idx": [2]})).tolist() == [2**32 + 2]
        True
    """
    user, item = (pairs[column].to_numpy().astype(np.uint64) for column in ("user_idx", "item_idx"))
    return (user << np.uint64(32)) | item


def _positions(users: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return where each wanted user stands in `users`, -1 where it does not: one table look-up, as ids are dense."""
    largest = max(int(users.max(initial=0)), int(wanted.max(initial=0)))
    table = np.full(largest + 1, -1, np.int32)
    table[users] = np.arange(len(users), dtype=np.int32)
    return table[wanted]


def _names_an_item_twice(items: NDArray[np.uint32]) -> bool:
    """Compare every list with itself shifted by 1, 2, .. places."""
    return any(
        bool(((items[:, shift:] == items[:, :-shift]) & (items[:, shift:] != EMPTY)).any())
        for shift in range(1, items.shape[1])
    )


def _error(bad: pl.DataFrame, what: str, advice: str) -> DataError:
    first = bad.sort("user_idx", "rank", "item_idx").row(0, named=True)
    example = ", ".join(f"{name}={first[name]}" for name in ("user_idx", "item_idx", "rank"))
    return DataError(f"slates: {bad.height} row(s) {what}; first: {example}; {advice}")
