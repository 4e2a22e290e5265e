"""How near an item lies to a user's vector and to their latest items, in the space of matrix factors or of content."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, UInts, matrix_of

N_LAST = 5
"""Latest items that are compared."""


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
        items, users = _Vectors.read(tables["items"], "item_idx"), _Vectors.read(tables["users"], "user_idx")
        dot = np.einsum("ij,ij->i", items.at(candidates.item_idx), users.at(candidates.user_idx))
        unit = items.unit()
        mine = unit.at(candidates.item_idx)
        places = _latest(tables["latest"], candidates)
        cosines = np.stack([np.einsum("ij,ij->i", mine, unit.at(place)) for place in places])
        has = ~np.isnan(cosines)
        n = has.sum(axis=0)
        total = np.where(has, cosines, 0.0).sum(axis=0)
        best = np.where(has, cosines, -np.inf).max(axis=0)
        nan = np.float32(np.nan)
        return [
            dot,
            cosines[0],
            np.where(n > 0, best, nan).astype(np.float32),
            np.where(n > 0, total / np.maximum(n, 1), nan).astype(np.float32),
        ]


@dataclass(frozen=True)
class _Vectors:
    """Vectors by id; the last row is NaN and stands for ids without one."""

    row: UInts
    matrix: Floats

    @classmethod
    def read(cls, table: pl.DataFrame, key: str) -> "_Vectors":
        idx = table[key].to_numpy()
        n = int(idx.max()) + 2 if len(idx) else 1
        row = np.full(n, len(idx), np.uint32)
        row[idx] = np.arange(len(idx), dtype=np.uint32)
        vectors = matrix_of(table) if len(idx) else np.zeros((0, 1), np.float32)
        return cls(row, np.vstack([vectors, np.full((1, vectors.shape[1]), np.nan, np.float32)]))

    def unit(self) -> "_Vectors":
        norm = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        return _Vectors(self.row, np.asarray(self.matrix / np.where(norm > 0, norm, 1.0), np.float32))

    def at(self, idx: UInts) -> Floats:
        return self.matrix[self.row[np.minimum(idx, len(self.row) - 1)]]


def _latest(latest: pl.DataFrame, candidates: CandidateSet) -> list[UInts]:
    """Return for each place 0 .. N_LAST - 1 the item that each candidate's user had there, a stranger's where none."""
    users = candidates.user_idx[candidates.starts]
    table = np.full((N_LAST, len(users)), 2**32 - 1, np.uint32)
    here = latest.join(pl.DataFrame({"user_idx": users}).with_row_index("row"), on="user_idx", how="inner")
    table[here["place"].to_numpy(), here["row"].to_numpy()] = here["item_idx"].to_numpy()
    return [np.repeat(row, candidates.sizes) for row in table]
