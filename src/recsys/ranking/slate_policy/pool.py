"""What rules choose from: ranked candidates as arrays, a row per user and a column per rank."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.data.history import History
from recsys.tables import UInts, place_within
from recsys.timeline import age_days

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

EMPTY = np.uint32(2**32 - 1)
"""The cell of a rank that a list does not have; no item has this index."""


@dataclass(frozen=True)
class Pool:
    """The ranked candidates of some users.

    Attributes:
        users: one row per row of the arrays: `user_idx`, and what else the caller knows of them (`user_id`).
        item_idx: best first, `EMPTY` where there is no further candidate, shape (n_users, width).
        score: of each cell, as its source gave it.
        source: of each cell, a place in `sources`.
        sources: names.
        is_reserved: cells outside of the ranking, which only the rule that added them lets into a list.
        items: facts of every item, in the order of `item_idx`, as `item_facts` gives them.
    """

    users: pl.DataFrame
    item_idx: UInts
    score: Reals
    source: Ints
    sources: tuple[str, ...]
    is_reserved: Bools
    items: pl.DataFrame

    @classmethod
    def build(cls, slates: pl.DataFrame, users: pl.DataFrame, items: pl.DataFrame) -> Self:
        """Lay ranked candidates out.

        Args:
            slates: `user_idx`, `item_idx`, `score`, `source`, sorted by user and rank.
            users: `user_idx`; those without candidates are left out.
            items: facts of every item.
        """
        user_idx = slates["user_idx"].to_numpy()
        column = place_within(user_idx)
        row = np.cumsum(column == 0) - 1
        shape = (int(row.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1)
        names = tuple(slates["source"].unique().sort())
        codes = slates["source"].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
        present = users.join(slates.select("user_idx"), on="user_idx", how="semi").sort("user_idx")

        def laid_out(values: NDArray[Any], empty: Any) -> NDArray[Any]:
            cells = np.full(shape, empty, values.dtype)
            cells[row, column] = values
            return cells

        return cls(
            users=present,
            item_idx=laid_out(slates["item_idx"].to_numpy(), EMPTY),
            score=laid_out(slates["score"].to_numpy(), 0.0),
            source=laid_out(codes, -1),
            sources=names,
            is_reserved=np.zeros(shape, np.bool_),
            items=items,
        )

    def rows(self, part: slice) -> Self:
        """Return some users."""
        return replace(
            self,
            users=self.users[part],
            item_idx=self.item_idx[part],
            score=self.score[part],
            source=self.source[part],
            is_reserved=self.is_reserved[part],
        )

    def with_reserve(self, item_idx: UInts, source: str) -> Self:
        """Add one item per user outside of the ranking (`EMPTY` for none), its score below the user's lowest."""
        lowest = np.where(self.is_filled, self.score, np.inf).min(axis=1, initial=np.inf)
        codes = np.full(len(item_idx), len(self.sources))
        return replace(
            self,
            item_idx=np.column_stack([self.item_idx, item_idx]),
            score=np.column_stack([self.score, lowest - 1.0]),
            source=np.column_stack([self.source, codes]),
            sources=(*self.sources, source),
            is_reserved=np.column_stack([self.is_reserved, item_idx != EMPTY]),
        )

    @cached_property
    def is_filled(self) -> Bools:
        """Cells that hold an item."""
        return np.asarray(self.item_idx != EMPTY)

    def fact(self, name: str) -> NDArray[Any]:
        """Return one fact of the item in each cell; what an empty cell says means nothing."""
        return np.asarray(self.items[name].to_numpy()[np.where(self.is_filled, self.item_idx, 0)])

    @cached_property
    def relevance(self) -> Reals:
        """Scores on one scale for all users and sources.

        relevance = (score - lowest) / (highest - lowest), from 1 to 0, over the candidates of the source that fills the
        user's first rank; 1 where these are all equal. Later sources only fill up, and their scores say nothing beyond
        their order: their j-th row has -j / width.
        """
        is_own = self.is_filled & (self.source == self.source[:, :1])
        highest = np.where(is_own, self.score, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        lowest = np.where(is_own, self.score, np.inf).min(axis=1, keepdims=True, initial=np.inf)
        spread = np.where(highest > lowest, highest - lowest, 1.0)
        scaled = 1.0 - (highest - self.score) / spread
        return np.asarray(np.where(is_own, scaled, -np.cumsum(~is_own, axis=1) / max(is_own.shape[1], 1)))


def item_facts(history: History) -> pl.DataFrame:
    """Return what rules know of each item, in the order of `item_idx`.

    Returns:
        `tie` (u64, a hash of the id), `category` and `brand` (codes from 1; 0 where not known), `age_days` (since the
        item was first on offer; NaN where not known).
    """
    codes = (pl.col(name).rank("dense").fill_null(0).cast(pl.UInt32) for name in ("category", "brand"))
    age = age_days(pl.col("first_time"), history.as_of).cast(pl.Float64).fill_null(float("nan"))
    return history.items.sort("item_idx").select("tie", *codes, age_days=age)
