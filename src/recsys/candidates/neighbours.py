"""What similar users take: decayed profiles, the nearest users of a recent pool, and the mean of their profiles."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.preprocessing import normalize

from recsys.candidates.source import Tables, best_per_user
from recsys.knowledge import Knowledge
from recsys.tables import UInts, derived, largest_within, ordered_sum

_USERS_PER_BLOCK = 2_000


@dataclass(frozen=True)
class UserNeighbours:
    """score(u, i) = mean over the `n_neighbours` users v most like u of profile(v, i), weighted by likeness.

    A profile holds the user's decayed masses; likeness is the cosine of two profiles. Neighbours come from the
    `n_pool` users with the most recent mass, so that the cost of a user does not grow with the number of users.

    Source:
        The neighbour part of TIFU-KNN, Hu et al. 2020, doi:10.1145/3397271.3401066, with calendar decay.
    """

    name: str
    half_life: timedelta
    n_neighbours: int = 100
    n_pool: int = 20_000

    def fit(self, knowledge: Knowledge) -> Tables:
        """Keep every user's decayed profile, and those of the pool."""
        masses = knowledge.decayed("user_item", self.half_life).sort("user_idx", "item_idx")
        total = masses.group_by("user_idx", maintain_order=True).agg(total=ordered_sum(pl.col("mass")).round(9))
        pool = total.sort("total", "user_idx", descending=[True, False]).head(self.n_pool)
        items = knowledge.history.items.select("item_idx", "tie", "is_available")
        pooled = masses.join(pool, on="user_idx", how="semi", maintain_order="left")
        return {"profiles": masses, "pool": pooled.rename({"user_idx": "neighbour_idx"}), "items": items}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Average the profiles of each user's neighbours."""
        items = tables["items"]
        pool = derived(tables["pool"], "profiles", lambda: _Pool.of(tables["pool"], items))
        parts = [pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64})]
        for start in range(0, users.height, _USERS_PER_BLOCK):
            block = users["user_idx"].slice(start, _USERS_PER_BLOCK)
            mine = sparse.csr_matrix(normalize(_profiles(tables["profiles"], block, items.height)))
            alike = sparse.csr_matrix(mine @ pool.likeness)
            near = _nearest(alike, block.to_numpy(), pool.user_idx, self.n_neighbours)
            scores = _long(sparse.coo_matrix(near @ pool.shown), block, items["tie"])
            parts.append(best_per_user(scores, k, exclude))
        return pl.concat(parts).sort("user_idx", maintain_order=True)


@dataclass(frozen=True)
class _Pool:
    """The users among whom neighbours are sought.

    Attributes:
        user_idx: who they are.
        likeness: their normalised profiles, shape (n_items, n_pool).
        shown: their profiles over the items on offer, shape (n_pool, n_items).
    """

    user_idx: UInts
    likeness: sparse.csr_matrix
    shown: sparse.csr_matrix

    @classmethod
    def of(cls, pool: pl.DataFrame, items: pl.DataFrame) -> "_Pool":
        rows = pool.rename({"neighbour_idx": "user_idx"})
        users = rows["user_idx"].unique(maintain_order=True)
        profiles = _profiles(rows, users, items.height)
        offered = sparse.diags(items["is_available"].to_numpy().astype(np.float64))
        likeness = sparse.csr_matrix(sparse.csr_matrix(normalize(profiles)).T)
        return cls(users.to_numpy(), likeness, sparse.csr_matrix(profiles @ offered))


def _profiles(profiles: pl.DataFrame, users: pl.Series, n_items: int) -> sparse.csr_matrix:
    """Lay the profiles of some users out as rows, in the order of the users."""
    rows = profiles.join(users.alias("user_idx").to_frame().with_row_index("row"), on="user_idx", how="inner")
    triples = (rows["mass"].to_numpy(), (rows["row"].to_numpy(), rows["item_idx"].to_numpy()))
    return sparse.csr_matrix(triples, shape=(len(users), n_items))


def _long(scores: sparse.coo_matrix, users: pl.Series, ties: pl.Series) -> pl.DataFrame:
    """Return `user_idx`, `item_idx`, `score` > 0 and `tie`, one row per entry."""
    frame = {
        "user_idx": users.gather(scores.row),
        "item_idx": pl.Series(scores.col, dtype=pl.UInt32),
        "score": scores.data,
        "tie": ties.gather(scores.col),
    }
    return pl.DataFrame(frame).filter(pl.col("score") > 0)


def _nearest(likeness: sparse.csr_matrix, user_idx: UInts, pool_idx: UInts, most: int) -> sparse.csr_matrix:
    """Keep each row's largest entries, without the user itself, scaled to add up to 1."""
    rows = np.repeat(np.arange(likeness.shape[0]), np.diff(likeness.indptr))
    values = np.where(pool_idx[likeness.indices] != user_idx[rows], likeness.data.round(12), 0.0)
    kept = largest_within(rows, values, most, ties=[likeness.indices])
    near = sparse.csr_matrix((values[kept], (rows[kept], likeness.indices[kept])), shape=likeness.shape)
    near.eliminate_zeros()
    return sparse.csr_matrix(normalize(near, norm="l1"))
