"""What a rule of the final list is, and the draw of one position that rules narrow and weigh in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, Self

import numpy as np
import polars as pl

from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy.pool import Bools, Ints, Pool, Reals

Tables = Mapping[str, pl.DataFrame]
"""What rules learned: named tables, saved with the model."""


@dataclass(frozen=True)
class Draw:
    """The draw of one position, for all users at once.

    Attributes:
        position: 1-based.
        value: of each cell of the pool; the highest allowed one is taken.
        allowed: cells that may be taken.
        noise: standard Gumbel noise of each cell, for users with a temperature.
        temperature: what the noise is multiplied by, per user; 0 draws nothing.
    """

    position: int
    value: Reals
    allowed: Bools
    noise: Reals | None = None
    temperature: Reals | None = None

    def narrowed(self, wanted: Bools) -> Self:
        """Allow only what is wanted, except for users who would be left with nothing."""
        both = self.allowed & wanted
        return replace(self, allowed=np.where(both.any(axis=1, keepdims=True), both, self.allowed))

    def take(self) -> tuple[Ints, Reals]:
        """Return the column taken by each user, and the probability with which it was.

        With noise, the highest value / temperature + noise is a draw from softmax(value / temperature) over the allowed
        cells (Gumbel-max); without, the highest value is taken with probability 1. The first column wins a tie.
        """
        n_users = len(self.value)
        if self.noise is None or self.temperature is None:
            return np.where(self.allowed, self.value, -np.inf).argmax(axis=1), np.ones(n_users)
        noisy = self.value + self.temperature[:, None] * self.noise
        column = np.where(self.allowed, noisy, -np.inf).argmax(axis=1)
        propensity = np.ones(n_users)
        drawn = np.flatnonzero((self.temperature > 0) & self.allowed.any(axis=1))
        logit = np.where(self.allowed[drawn], self.value[drawn] / self.temperature[drawn, None], -np.inf)
        weight = np.exp(logit - logit.max(axis=1, keepdims=True, initial=-np.inf))
        propensity[drawn] = weight[np.arange(len(drawn)), column[drawn]] / weight.sum(axis=1)
        return column, propensity


class Steering(Protocol):
    """A rule at work on one pool, position by position from the top."""

    def before(self, draw: Draw) -> Draw:
        """Narrow or weigh what may be taken."""
        ...

    def after(self, column: Ints) -> None:
        """Take note of what each user was given."""
        ...


class SlateRule(Protocol):
    """One rule of the final list. A rule overrides the hooks that it needs; the others change nothing.

    Attributes:
        name: unique among the rules.
        reorders: whether it steers; rules that only hide need no deeper pool.
    """

    name: ClassVar[str]
    reorders: ClassVar[bool] = True

    def fit(self, knowledge: Knowledge, lent: Tables) -> Tables:
        """Learn what it must know when lists are made, from what is known at `knowledge.as_of`.

        Args:
            knowledge: everything known at one instant.
            lent: what candidate sources learned and a rule uses: `vectors` and `arrivals`, where settings ask for them.
        """
        return {}

    def hides(self, tables: Tables) -> pl.DataFrame | None:
        """Return what no list may hold: `item_idx` for everyone, or pairs `user_idx`, `item_idx`."""
        return None

    def widen(self, tables: Tables, pool: Pool, hidden: Sequence[pl.DataFrame]) -> Pool:
        """Add candidates outside of the ranking, none of those in `hidden`, which has tables as `hides` gives them."""
        return pool

    def steer(self, tables: Tables, pool: Pool) -> Steering | None:
        """Start work on a pool."""
        return None
