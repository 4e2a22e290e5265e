"""Diversity by maximal marginal relevance: each position weighs relevance against likeness to what stands above."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy.pool import Bools, Ints, Pool, Reals
from recsys.ranking.slate_policy.rule import Draw, SlateRule, Steering, Tables
from recsys.ranking.slate_policy.settings import DiversitySettings
from recsys.tables import Floats, find, matrix_of, vectors_table

VECTORS = ("content", "factors")
"""Likenesses that need item vectors, named after the rungs that learn them."""


@dataclass(frozen=True)
class Diversity(SlateRule):
    """value(i) = lambda x relevance(i) - (1 - lambda) x max over items j above of likeness(i, j).

    Likeness is 1 for two items of one known category (or brand) and 0 otherwise, or the cosine of their vectors, 0
    where it is negative or an item has no vector. At the first position nothing stands above.

    Source:
        Carbonell & Goldstein 1998, doi:10.1145/290941.291025.
    """

    settings: DiversitySettings
    name: ClassVar[str] = "diversity"

    def fit(self, knowledge: Knowledge, lent: Tables) -> Tables:
        """Keep the item vectors, where likeness is theirs, at length 1."""
        if self.settings.by not in VECTORS:
            return {}
        ordered = lent["vectors"].sort("item_idx")
        vectors = matrix_of(ordered)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = (vectors / np.where(length > 0, length, 1.0)).astype(np.float32)
        return {"vectors": vectors_table("item_idx", ordered["item_idx"].to_numpy(), unit)}

    def steer(self, tables: Tables, pool: Pool) -> Steering:
        """Start comparing."""
        weight = self.settings.relevance_weight
        if self.settings.by in VECTORS:
            return _Comparing(weight, _cosines(pool, tables["vectors"]))
        kinds = pool.fact(self.settings.by)
        return _Comparing(weight, (kinds[:, :, None] == kinds[:, None, :]) & (kinds > 0)[:, None, :])


class _Comparing:
    """Knows for every cell its likeness to the nearest item above."""

    def __init__(self, weight: float, likeness: Floats | Bools) -> None:
        self._weight, self._likeness = weight, likeness
        self._nearest: Reals = np.zeros(likeness.shape[:2])
        self._row = np.arange(len(likeness))

    def before(self, draw: Draw) -> Draw:
        value = self._weight * draw.value - (1.0 - self._weight) * self._nearest
        return replace(draw, value=value)

    def after(self, column: Ints) -> None:
        np.maximum(self._nearest, self._likeness[self._row, column], out=self._nearest)


def _cosines(pool: Pool, vectors: pl.DataFrame) -> Floats:
    """Return the cosine of every two cells of a user, not below 0, shape (n_users, width, width)."""
    wanted = pool.item_idx.ravel().astype(np.uint64)
    place, is_there = find(vectors["item_idx"].to_numpy().astype(np.uint64), wanted)
    matrix = matrix_of(vectors)
    cells = np.zeros((len(wanted), matrix.shape[1]), np.float32)
    cells[is_there] = matrix[place[is_there]]
    cells = cells.reshape(*pool.item_idx.shape, -1)
    # NOTE: threads gain nothing on matrices of this size, and wait for each other where other work runs.
    with threadpool_limits(1, "blas"):
        cosines: Floats = cells @ cells.transpose(0, 2, 1)
    np.maximum(cosines, 0.0, out=cosines)
    return cosines
