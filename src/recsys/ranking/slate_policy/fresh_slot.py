"""One position for a new item: the best one among the candidates, else the best new arrival."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import numpy as np
import polars as pl

from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy.pool import EMPTY, Bools, Ints, Pool
from recsys.ranking.slate_policy.rule import Draw, SlateRule, Steering, Tables
from recsys.tables import UInts, find
from recsys.timeline import in_days

NEW_ARRIVALS = "new_arrivals"
"""The source of an item that stands in the slot without being a candidate: the rung of that name."""

_ARRIVALS = 256
"""New arrivals that are looked at. Who has them all among the candidates, or may see none of them, needs no other."""


@dataclass(frozen=True)
class FreshSlot(SlateRule):
    """Puts an item younger than `younger_than` at `position`, whatever stands above.

    Where neither the candidates left nor the arrivals hold one, the position goes to the next candidate.
    """

    position: int
    younger_than: timedelta
    name: ClassVar[str] = "fresh"

    def fit(self, knowledge: Knowledge, lent: Tables) -> Tables:
        """Keep the ranking of new arrivals."""
        return {"arrivals": lent["arrivals"]}

    def widen(self, tables: Tables, pool: Pool, hidden: Sequence[pl.DataFrame]) -> Pool:
        """Reserve for each user the best arrival that is neither a candidate nor hidden."""
        arrivals = tables["arrivals"]
        for frame in hidden:
            if "user_idx" not in frame.columns:
                arrivals = arrivals.join(frame, on="item_idx", how="anti", maintain_order="left")
        head = arrivals["item_idx"].head(_ARRIVALS).to_numpy()
        if not len(head):
            return pool
        is_out = np.zeros((len(pool.item_idx), len(head)), np.bool_)
        row, column = np.nonzero(pool.is_filled)
        _mark(is_out, row, pool.item_idx[row, column], head)
        users = pool.users["user_idx"].to_numpy().astype(np.uint64)
        for frame in hidden:
            if "user_idx" in frame.columns:
                row, is_here = find(users, frame["user_idx"].to_numpy().astype(np.uint64))
                _mark(is_out, row[is_here], frame["item_idx"].to_numpy()[is_here], head)
        best = np.where(is_out.all(axis=1), EMPTY, head[is_out.argmin(axis=1)])
        return pool.with_reserve(best.astype(np.uint32), NEW_ARRIVALS)

    def steer(self, tables: Tables, pool: Pool) -> Steering:
        """Wait for the position."""
        age = pool.fact("age_days")
        return _Waiting(self.position, pool, (age >= 0) & (age <= in_days(self.younger_than)))


class _Waiting:
    """Narrows one position to new items."""

    def __init__(self, position: int, pool: Pool, is_new: Bools) -> None:
        self._position, self._is_new, self._is_reserved = position, is_new, pool.is_reserved
        n_candidates = (pool.is_filled & ~pool.is_reserved).sum(axis=1)
        self._is_reached = n_candidates >= position - 1

    def before(self, draw: Draw) -> Draw:
        if draw.position != self._position:
            return draw
        wanted = draw.allowed & self._is_new
        needs_arrival = self._is_reached & ~wanted.any(axis=1)
        wanted |= self._is_reserved & needs_arrival[:, None]
        has_any = wanted.any(axis=1, keepdims=True)
        return replace(draw, allowed=np.where(has_any, wanted, draw.allowed))

    def after(self, column: Ints) -> None:
        """Forget it: only one position matters."""


def _mark(is_out: Bools, row: Ints, item_idx: UInts, arrivals: UInts) -> None:
    """Mark the arrivals that are among some items of some rows."""
    order = np.argsort(arrivals)
    place, is_there = find(arrivals[order].astype(np.uint64), item_idx.astype(np.uint64))
    is_out[row[is_there], order[place[is_there]]] = True
