"""Fill lists position by position, for all users at once, as the rules at work allow and weigh."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.ranking.slate_policy.pool import Ints, Pool, Reals
from recsys.ranking.slate_policy.rule import Draw, Steering

NOTHING = -1
"""The column of a position that the pool could not fill."""


@dataclass(frozen=True)
class Placed:
    """Lists as places in a pool.

    Attributes:
        pool: from which they are taken.
        column: column of the pool at each position, `NOTHING` below the end of a list, shape (n_users, k).
        propensity: probability of each given those above, shape (n_users, k).
    """

    pool: Pool
    column: Ints
    propensity: Reals

    def frame(self) -> pl.DataFrame:
        """Return `user_idx`, `item_idx`, `rank` (i32), `score`, `source`, `propensity`, sorted by user and rank."""
        row, position = np.nonzero(self.column != NOTHING)
        cell = row, self.column[row, position]
        names = pl.Series(self.pool.sources, dtype=pl.String)
        return pl.DataFrame(
            {
                "user_idx": self.pool.users["user_idx"].to_numpy()[row],
                "item_idx": self.pool.item_idx[cell],
                "rank": (position + 1).astype(np.int32),
                "score": self.pool.score[cell],
                "source": names.gather(self.pool.source[cell]),
                "propensity": self.propensity[row, position],
            }
        )


def place(pool: Pool, steerings: Sequence[Steering], k: int) -> Placed:
    """Fill the first `k` positions.

    At each position every rule narrows and weighs in turn what the one before it left; then the draw is made.

    Args:
        pool: ranked candidates; without rules their order is the list's.
        steerings: rules at work on this pool.
        k: list depth; lists are shorter where the pool is.
    """
    n_users, width = pool.item_idx.shape
    row = np.arange(n_users)
    free = pool.is_filled & ~pool.is_reserved
    column = np.full((n_users, k), NOTHING, np.int64)
    propensity = np.ones((n_users, k))
    for position in range(1, min(k, width) + 1):
        draw = Draw(position, pool.relevance, free)
        for steering in steerings:
            draw = steering.before(draw)
        taken, propensity[:, position - 1] = draw.take()
        column[:, position - 1] = np.where(draw.allowed.any(axis=1), taken, NOTHING)
        free[row, taken] = False
        for steering in steerings:
            steering.after(taken)
    return Placed(pool, column, propensity)
