"""Unite what several sources propose into one set of candidates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.tables import CandidateSet, Floats, UInts, largest_within, place_within, starts_of

_RANK_OFFSET = 20.0
"""Constant c of reciprocal-rank fusion; the larger, the less the first ranks stand out."""

_CELLS = 4_000_000
"""Pairs of a user and an item that are laid out at once."""


def merge(proposals: Mapping[str, pl.DataFrame], *, quotas: Mapping[str, int], n_candidates: int) -> CandidateSet:
    """Unite what several sources propose.

    A source adds its best `quota` items of a user. Of all that are added, the `n_candidates` with the largest
    sum over sources of 1 / (c + rank) stay, the smaller `item_idx` of equally good ones. Scores and ranks are kept as
    deep as each source was asked.

    Args:
        proposals: source -> `user_idx`, `item_idx`, `score`, best first within a user, users ascending.
        quotas: source -> how many of its items may join.
        n_candidates: most candidates of a user.

    Returns:
        The candidates with every source's score and rank.

    Source:
        Reciprocal rank fusion, Cormack, Clarke & Buettcher 2009, doi:10.1145/1571941.1572114, with c = 20.
    """
    read = {name: _Proposal.read(frame, quotas[name]) for name, frame in proposals.items()}
    users = np.unique(np.concatenate([one.user_idx[starts_of(one.user_idx)] for one in read.values()]))
    n_items = max((int(one.item_idx.max(initial=0)) for one in read.values()), default=0) + 1
    n_users = max(1, _CELLS // n_items)
    board = np.full(min(n_users, len(users)) * n_items, -1, np.int32)
    parts = [
        _merge_few({name: one.of(few) for name, one in read.items()}, few, board, n_items, n_candidates)
        for few in (users[start : start + n_users] for start in range(0, max(len(users), 1), n_users))
    ]
    return CandidateSet.join(parts)


@dataclass(frozen=True)
class _Proposal:
    """What one source proposes, best first within a user, users ascending."""

    user_idx: UInts
    item_idx: UInts
    score: Floats
    rank: Floats
    joins: NDArray[np.bool_]

    @classmethod
    def read(cls, frame: pl.DataFrame, quota: int) -> "_Proposal":
        user_idx = frame["user_idx"].to_numpy()
        rank = place_within(user_idx) + 1
        score = frame["score"].to_numpy().astype(np.float32)
        return cls(user_idx, frame["item_idx"].to_numpy(), score, rank.astype(np.float32), rank <= quota)

    def of(self, users: UInts) -> "_Proposal":
        """Return the rows of some users, given ascending and without a gap among those that have rows."""
        if not len(users):
            return self
        rows = slice(*np.searchsorted(self.user_idx, [users[0], users[-1] + 1]))
        return _Proposal(self.user_idx[rows], self.item_idx[rows], self.score[rows], self.rank[rows], self.joins[rows])


def _merge_few(
    proposals: Mapping[str, _Proposal], users: UInts, board: NDArray[np.int32], n_items: int, n_candidates: int
) -> CandidateSet:
    """Merge for as many users as `board` has a row of `n_items` cells; it is -1 before and after."""
    cells = {name: np.searchsorted(users, one.user_idx) * n_items + one.item_idx for name, one in proposals.items()}
    joined = _distinct([cells[name][one.joins] for name, one in proposals.items()], board)
    board[joined] = np.arange(len(joined), dtype=np.int32)
    fused = np.zeros(len(joined))
    places = {}
    for name, one in proposals.items():
        place = board[cells[name]]
        places[name] = place
        known = place >= 0
        fused[place[known]] += 1.0 / (_RANK_OFFSET + one.rank[known])
    board[joined] = -1
    row = joined // n_items
    keep = largest_within(row, fused.round(12), n_candidates)
    seat = np.full(len(joined) + 1, -1, np.int64)  # the last one is read for place -1
    seat[keep] = np.arange(len(keep))
    scores, ranks = {}, {}
    for name, one in proposals.items():
        taken = seat[places[name]]
        rows = np.flatnonzero(taken >= 0)
        scores[name] = _seated(one.score[rows], taken[rows], len(keep))
        ranks[name] = _seated(one.rank[rows], taken[rows], len(keep))
    return CandidateSet(users[row[keep]], (joined[keep] % n_items).astype(np.uint32), scores, ranks)


def _distinct(cells: list[NDArray[np.int64]], board: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the distinct cells, ascending: of the rows that write to one cell, the last is read back."""
    every = np.concatenate(cells)
    number = np.arange(len(every), dtype=np.int32)
    board[every] = number
    return np.sort(every[board[every] == number])


def _seated(values: Floats, seat: NDArray[np.int64], n: int) -> Floats:
    seated = np.full(n, np.nan, np.float32)
    seated[seat] = values
    return seated
