"""Unite what several sources propose into one set of candidates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.tables import CandidateSet, Floats, Keys, find, keys_of, place_within

_RANK_OFFSET = 20.0
"""Constant c of reciprocal-rank fusion; the larger, the less the first ranks stand out."""


def merge(proposals: Mapping[str, pl.DataFrame], *, quotas: Mapping[str, int], n_candidates: int) -> CandidateSet:
    """Unite what several sources propose.

    A source adds its best `quota` items of a user. Of all that are added, the `n_candidates` with the largest
    sum over sources of 1 / (c + rank) stay. Scores and ranks are kept as deep as each source was asked.

    Args:
        proposals: source -> `user_idx`, `item_idx`, `score`, best first within a user, users ascending.
        quotas: source -> how many of its items may join.
        n_candidates: most candidates of a user.

    Returns:
        The candidates with every source's score and rank.

    Source:
        Reciprocal rank fusion, Cormack, Clarke & Buettcher 2009, doi:10.1145/1571941.1572114, with c = 20.
    """
    tables = {name: _Proposal.read(frame) for name, frame in proposals.items()}
    joined = np.unique(np.concatenate([table.keys[table.rank <= quotas[name]] for name, table in tables.items()]))
    places = {name: find(table.keys, joined) for name, table in tables.items()}
    fused = np.zeros(len(joined))
    for name, (place, is_there) in places.items():
        fused[is_there] += 1.0 / (_RANK_OFFSET + tables[name].rank[place[is_there]])
    keep = _best(joined, fused, n_candidates)
    kept = joined[keep]
    scores = {n: _taken(tables[n].score, place[keep], there[keep]) for n, (place, there) in places.items()}
    ranks = {n: _taken(tables[n].rank, place[keep], there[keep]) for n, (place, there) in places.items()}
    return CandidateSet((kept >> np.uint64(32)).astype(np.uint32), kept.astype(np.uint32), scores, ranks)


@dataclass(frozen=True)
class _Proposal:
    """What one source proposes, sorted by key."""

    keys: Keys
    score: Floats
    rank: Floats

    @classmethod
    def read(cls, frame: pl.DataFrame) -> "_Proposal":
        user = frame["user_idx"].to_numpy()
        keys = keys_of(user, frame["item_idx"].to_numpy())
        rank = place_within(user) + 1
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], frame["score"].to_numpy()[order].astype(np.float32), rank[order].astype(np.float32))


def _best(keys: Keys, value: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return the rows of the `most` largest values of each user, in ascending order; the smaller key wins a tie."""
    user = keys >> np.uint64(32)
    order = np.lexsort((keys, -value, user))
    return np.sort(order[place_within(user[order]) < most])


def _taken(values: Floats, place: NDArray[np.int64], is_there: NDArray[np.bool_]) -> Floats:
    taken = np.full(len(place), np.nan, np.float32)
    taken[is_there] = values[place[is_there]]
    return taken
