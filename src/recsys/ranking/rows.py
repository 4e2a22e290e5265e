"""Rows that a ranker learns from: features and grades of candidates, grouped into queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.tables import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Candidates of many queries, a query's rows side by side. A query is one user at one cutoff.

    Attributes:
        features: shape (n_rows, n_features).
        grade: relevance of each row, 0 for none.
        sizes: rows of each query.
        weight: weight of each row.
        position: slot in which the row was shown, 1-based; 0 where it was not, so that its grade is organic; None
            where no row was shown.
    """

    features: Floats
    grade: NDArray[np.int32]
    sizes: Ints
    weight: Floats
    position: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.grade)

    @property
    def query(self) -> Ints:
        """The number of each row's query."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def slots(self) -> NDArray[np.int32]:
        """The position of each row, 0 for all of them where no row was shown."""
        return np.zeros(len(self), np.int32) if self.position is None else self.position

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the queries of several windows one after another; what a window without exposures gave is organic."""
        is_shown = any(part.position is not None for part in parts)
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.grade for part in parts]),
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.slots for part in parts]) if is_shown else None,
        )

    def scaled(self, weight: float) -> Self:
        """Return the rows with their weights multiplied."""
        return replace(self, weight=self.weight * np.float32(weight))


def sample_rows(rows: Rows, *, n_negatives: int, seed: int) -> Rows:
    """Drop queries without a positive, and keep at most `n_negatives` rows of grade 0 in each other query.

    Args:
        rows: all candidates.
        n_negatives: most rows of grade 0 of a query.
        seed: of the draw.

    Example:
        >>> rows = Rows(np.zeros((5, 1), np.float32), np.array([1, 0, 0, 0, 0], np.int32), np.array([3, 2]),
        ...     np.ones(5, np.float32))
        >>> sample_rows(rows, n_negatives=1, seed=0).sizes.tolist()  # the second query has no positive
        [2]
    """
    query, n_queries = rows.query, len(rows.sizes)
    is_positive = rows.grade > 0
    n_positive = np.bincount(query[is_positive], minlength=n_queries)
    draw = np.random.default_rng(seed).random(len(rows))
    draw[is_positive] = -1.0
    order = np.lexsort((draw, query))
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - (np.cumsum(rows.sizes) - rows.sizes)[query[order]]
    keep = (n_positive > 0)[query] & (place < (n_positive + n_negatives)[query])
    return Rows(
        rows.features[keep],
        rows.grade[keep],
        np.bincount(query[keep], minlength=n_queries)[n_positive > 0],
        rows.weight[keep],
        None if rows.position is None else rows.position[keep],
    )
