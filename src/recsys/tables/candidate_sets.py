"""Candidates of many users side by side: who proposed what, with which score and at which rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.tables.pair_keys import Floats, Keys, UInts, keys_of, starts_of


@dataclass(frozen=True)
class CandidateSet:
    """Pairs sorted by user and item, each once.

    Attributes:
        user_idx, item_idx: the pairs, u32.
        scores: source -> its score of each pair; NaN where it did not propose it.
        ranks: source -> its 1-based rank of each pair; NaN likewise.
    """

    user_idx: UInts
    item_idx: UInts
    scores: Mapping[str, Floats]
    ranks: Mapping[str, Floats]

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put sets of different users one after another, users ascending; each has the same sources."""
        first = parts[0]
        return cls(
            np.concatenate([part.user_idx for part in parts]),
            np.concatenate([part.item_idx for part in parts]),
            {name: np.concatenate([part.scores[name] for part in parts]) for name in first.scores},
            {name: np.concatenate([part.ranks[name] for part in parts]) for name in first.ranks},
        )

    def __len__(self) -> int:
        return len(self.user_idx)

    @cached_property
    def keys(self) -> Keys:
        """The key of each pair, ascending."""
        return keys_of(self.user_idx, self.item_idx)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first row of each user."""
        return starts_of(self.user_idx)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The number of candidates of each user."""
        return np.diff(np.append(self.starts, len(self)))

    def rows(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> "CandidateSet":
        """Return some rows, which must be in ascending order."""
        return CandidateSet(
            self.user_idx[keep],
            self.item_idx[keep],
            {name: values[keep] for name, values in self.scores.items()},
            {name: values[keep] for name, values in self.ranks.items()},
        )
