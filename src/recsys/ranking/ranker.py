"""What a ranker is, and what it becomes when it has learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recsys.errors import ArtifactError
from recsys.ranking.rows import Rows
from recsys.tables import Floats


class FittedRanker(Protocol):
    """A ranker that has learned. Higher scores come first; only differences within a query mean anything."""

    def score(self, features: Floats) -> Floats:
        """Score rows, shape (n_rows, n_features) -> (n_rows,)."""
        ...

    def contributions(self, features: Floats) -> Floats:
        """Split each row's score among the features, shape (n_rows, n_features)."""
        ...

    def importance(self) -> Floats:
        """Return how much each feature decided while learning, shape (n_features,)."""
        ...

    def save(self, path: Path) -> None:
        """Write what was learned as text, nothing executable; `path` has no suffix yet."""
        ...


def not_a_ranker(file: Path, problem: str) -> ArtifactError:
    """Return the error for a file from which no ranker can be read."""
    first = (problem.splitlines() or ["unreadable"])[0]
    return ArtifactError(f"{file}: is no ranker ({first}); train the model again")


@dataclass(frozen=True)
class Learned:
    """A fitted ranker and the rounds it took."""

    ranker: FittedRanker
    n_rounds: int


class Ranker(Protocol):
    """Learns to order the candidates of a query."""

    def fit(
        self, rows: Rows, names: Sequence[str], *, valid: Rows | None = None, n_rounds: int | None = None
    ) -> Learned:
        """Learn from rows.

        Args:
            rows: what to learn from.
            names: of the features.
            valid: rows on which to stop early; without, all rounds are taken.
            n_rounds: rounds to take instead of the most.
        """
        ...
