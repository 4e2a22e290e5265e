"""Kinds of co-visits, and the classes of pairs of which every kind is a weighted sum.

A kind gives each pair of events a factor:

    covisit   1
    forward   1 if the second event lies in a later visit and not in the basket of the first, else 0
    typed     the weight that the target reward gives to the type of the second event
    bought    1 if the target reward gives a positive weight to the types of both events, else 0

Pairs to which every kind gives the same factor are one class. The state keeps sums per class: each pair is added up
once, however many kinds there are, and kinds that are equal under the rewards need no sums of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.errors import ConfigError
from recsys.rewards import ANY_OTHER, RewardDefinition
from recsys.state.settings import CovisitKind

RANK = pl.UInt16()
"""The dtype of the place of a type's weight among the distinct weights."""

_KINDS: tuple[CovisitKind, ...] = get_args(CovisitKind)


def type_weights(target: RewardDefinition) -> list[float]:
    """Return the distinct weights that a reward gives to event types, ascending.

    Example:
        >>> type_weights(RewardDefinition(weights={"view": 1.0, "like": 1.0, "buy": 6.0}))
        [0.0, 1.0, 6.0]
    """
    return sorted({target.weights.get(ANY_OTHER, 0.0), *target.weights.values()})


def type_rank(target: RewardDefinition) -> pl.Expr:
    """Return the place of the weight of an event's type among `type_weights`; the type must be no return."""
    order = type_weights(target)
    if len(order) == 1:
        return pl.lit(0, dtype=RANK)
    named = {name: order.index(weight) for name, weight in target.weights.items() if name != ANY_OTHER}
    other = order.index(target.weights.get(ANY_OTHER, 0.0))
    return pl.col("event_type").replace_strict(named, default=other, return_dtype=RANK)


@dataclass(frozen=True)
class PairClasses:
    """The classes that given kinds tell apart.

    Attributes:
        codes: the class of a pair by whether it is forward and by the type ranks of its first and second event.
        factors: of each kind that can be read, the factor of every class.
    """

    codes: npt.NDArray[np.int64]
    factors: Mapping[CovisitKind, npt.NDArray[np.float64]]

    @classmethod
    def of(cls, kinds: Sequence[CovisitKind], weights: Sequence[float]) -> "PairClasses":
        """Find the classes.

        Args:
            kinds: which kinds to tell apart.
            weights: the distinct weights of event types.
        """
        pairs = [(later, first, second) for later in (0, 1) for first in weights for second in weights]
        factors = {kind: [_factor(kind, *pair) for pair in pairs] for kind in _KINDS}
        vectors = list(zip(*(factors[kind] for kind in kinds), strict=True)) or [()] * len(pairs)
        order = {vector: code for code, vector in enumerate(sorted(set(vectors)))}
        codes = np.array([order[vector] for vector in vectors])
        firsts = [vectors.index(vector) for vector in order]
        by_class = {kind: np.array(values)[firsts] for kind, values in factors.items()}
        readable = {kind: values for kind, values in by_class.items() if (values[codes] == factors[kind]).all()}
        return cls(codes.reshape(2, len(weights), len(weights)), readable)

    def __len__(self) -> int:
        """Count the classes."""
        return int(self.codes.max()) + 1

    def of_kind(self, kind: CovisitKind) -> npt.NDArray[np.float64]:
        """Return a kind's factor of every class; kinds that are equal have the same.

        Raises:
            ConfigError: if the settings leave the kind out and it equals none of those that are there.
        """
        if kind not in self.factors:
            raise ConfigError(f"state.covisits.kinds lacks {kind!r}; add it, and rebuild the state")
        return self.factors[kind]


def _factor(kind: CovisitKind, later: int, first: float, second: float) -> float:
    """Return the factor of a pair with these weights of its types."""
    match kind:
        case "covisit":
            return 1.0
        case "forward":
            return float(later)
        case "typed":
            return second
        case "bought":
            return float(first > 0 and second > 0)
