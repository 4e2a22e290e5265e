"""How near an item lies to a user's vector and to their latest items, in the space of matrix factors or of content."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.features.catalogue import Feature, Tables
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, UInts, derived, matrix_of

N_LAST = 5
"""Latest items that are compared."""

_USERS_AT_ONCE = 64
"""Users whose candidates are compared together: their vectors fit into the processor's cache."""


@dataclass(frozen=True)
class SimilarityFeatures:
    """Similarities in one vector space; it is learned at the same instant as everything else."""

    name: str
    reason: str

    @property
    def features(self) -> tuple[Feature, ...]:
        """Dot product with the user, cosines with the latest items."""
        s = self.name
        return (
            Feature(f"{s}_dot", "product", f"inner product of user and item vector ({s})", s, self.reason),
            Feature(f"{s}_last", "cosine", f"with the user's latest item ({s})", s, self.reason),
            Feature(f"{s}_max", "cosine", f"largest with the user's latest {N_LAST} items ({s})", s, self.reason),
            Feature(f"{s}_mean", "cosine", f"mean with the user's latest {N_LAST} items ({s})", s, self.reason),
        )

    def fit(self, knowledge: Knowledge) -> Tables:
        """Remember everyone's latest items; the vectors are the source's own."""
        latest = (
            knowledge.history.events.lazy()
            .filter(pl.col("user_idx").is_not_null())
            .group_by("user_idx", "item_idx")
            .agg(pl.col("event_time").max())
            .sort("user_idx", "event_time", "item_idx", descending=[False, True, False])
            .filter(pl.int_range(pl.len()).over("user_idx") < N_LAST)
            .select("user_idx", "item_idx", place=pl.int_range(pl.len(), dtype=pl.UInt32).over("user_idx"))
            .collect()
        )
        return {"latest": latest}

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Compare each candidate with its user and their latest items.

        Args:
            tables: `latest`, and the source's `users` and `items`.
            candidates: the pairs.
        """
        found = np.full((4, len(candidates)), np.nan, np.float32)
        if tables["items"].is_empty():  # the source learned nothing
            return list(found)
        items = derived(tables["items"], "vectors", lambda: _Vectors.read(tables["items"], "item_idx"))
        users = _Vectors.read(tables["users"], "user_idx")
        owner = candidates.user_idx[candidates.starts]
        latest = _latest(tables["latest"], owner)
        for few in range(0, len(owner), _USERS_AT_ONCE):
            some = slice(few, few + _USERS_AT_ONCE)
            rows, is_there = _padded(candidates, items, some)
            mine, had = users.matrix[users.rows(owner[some])], items.rows(latest[some])
            beside = np.concatenate([mine[:, None], items.matrix[had]], axis=1)
            products = np.einsum("uid,uld->uil", items.matrix[rows], beside)
            cosines = products[:, :, 1:] / _positive(items.norms[rows][:, :, None] * items.norms[had][:, None])
            first = candidates.starts[few]
            last = first + candidates.sizes[some].sum()
            found[:, first:last] = _measures(products[:, :, 0][is_there], cosines[is_there])
        return list(found)


def _measures(dot: Floats, cosines: Floats) -> Floats:
    """Return inner product, first, largest and mean cosine; NaN stands for no vector."""
    has = ~np.isnan(cosines)
    n = has.sum(axis=1)
    best = np.where(has, cosines, -np.inf).max(axis=1)
    mean = np.where(has, cosines, 0.0).sum(axis=1) / np.maximum(n, 1)
    return np.stack([dot, cosines[:, 0], np.where(n > 0, best, np.nan), np.where(n > 0, mean, np.nan)])


def _positive(norms: Floats) -> Floats:
    return np.where(norms == 0, np.float32(1.0), norms)


def _padded(candidates: CandidateSet, items: "_Vectors", users: slice) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Lay the candidates of some users out as rows of vectors, shape (n_users, most candidates), and say which are."""
    starts, sizes = candidates.starts[users], candidates.sizes[users]
    place = np.arange(sizes.max())
    is_there = place < sizes[:, None]
    at = np.minimum(starts[:, None] + place, len(candidates) - 1)
    return items.rows(candidates.item_idx[at]), is_there


@dataclass(frozen=True)
class _Vectors:
    """Vectors by id, ids ascending; the last row is NaN and stands for ids without one."""

    first: int
    row: NDArray[np.int64]
    matrix: Floats

    @cached_property
    def norms(self) -> Floats:
        """The length of each vector."""
        return np.asarray(np.linalg.norm(self.matrix, axis=1), np.float32)

    @classmethod
    def read(cls, table: pl.DataFrame, key: str) -> "_Vectors":
        idx, vectors = table[key].to_numpy().astype(np.int64), matrix_of(table)
        first, last = (idx[0], idx[-1]) if len(idx) else (0, -1)
        row = np.full(last - first + 2, len(idx))
        row[idx - first] = np.arange(len(idx))
        return cls(first, row, np.vstack([vectors, np.full((1, vectors.shape[1]), np.nan, np.float32)]))

    def rows(self, idx: UInts) -> NDArray[np.int64]:
        """Return the row of each id in the matrix."""
        place = idx.astype(np.int64) - self.first
        outside = len(self.row) - 1
        return self.row[np.where((place >= 0) & (place < outside), place, outside)]


def _latest(latest: pl.DataFrame, users: UInts) -> UInts:
    """Return each user's latest items, shape (n_users, N_LAST), a stranger's id where there are fewer."""
    table = np.full((len(users), N_LAST), 2**32 - 1, np.uint32)
    here = latest.join(pl.DataFrame({"user_idx": users}).with_row_index("row"), on="user_idx", how="inner")
    table[here["row"].to_numpy(), here["place"].to_numpy()] = here["item_idx"].to_numpy()
    return table
