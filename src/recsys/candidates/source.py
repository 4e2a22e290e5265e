"""What a candidate source is, and the two operations that all of them share."""

from collections.abc import Mapping
from typing import Protocol

import polars as pl

from recsys.candidates.knowledge import Knowledge

Tables = Mapping[str, pl.DataFrame]
"""What a source learned: named tables, so that anything fitted can be saved as Parquet."""


class CandidateSource(Protocol):
    """Proposes items for users. Stateless: what it learns is in the tables that `fit` returns."""

    @property
    def name(self) -> str:
        """Unique among the sources of a run; it stands in the slates."""
        ...

    def fit(self, knowledge: Knowledge) -> Tables:
        """Learn from what is known at `knowledge.as_of`."""
        ...

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Propose up to `k` items for each user.

        Args:
            tables: what `fit` returned.
            users: `user_idx` (u32) and `market`; unknown users have a `user_idx` that no table holds.
            k: list depth.
            exclude: pairs (`user_idx`, `item_idx`) never to propose.

        Returns:
            One row per (`user_idx`, `item_idx`) with `score`; at most `k` a user. Users about whom the source knows
            nothing are absent.
        """
        ...


def best_per_user(pairs: pl.DataFrame, k: int, exclude: pl.DataFrame | None) -> pl.DataFrame:
    """Keep each user's `k` best pairs; equal scores are ordered by the item's `tie`.

    Args:
        pairs: `user_idx`, `item_idx`, `score`, `tie`.
        k: list depth.
        exclude: pairs to leave out first.

    Returns:
        `user_idx`, `item_idx`, `score`, sorted by user and best first.
    """
    if exclude is not None:
        pairs = pairs.join(exclude, on=["user_idx", "item_idx"], how="anti")
    # Sorting is what costs: first drop what lies below each user's k-th score.
    kth = pairs.group_by("user_idx").agg(kth=pl.col("score").top_k(k).min())
    near = pairs.join(kth, on="user_idx", how="inner").filter(pl.col("score") >= pl.col("kth"))
    ordered = near.sort("user_idx", "score", "tie", "item_idx", descending=[False, True, False, False])
    return ordered.filter(pl.int_range(pl.len()).over("user_idx") < k).select("user_idx", "item_idx", "score")


def best_for_all(ranking: pl.DataFrame, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None) -> pl.DataFrame:
    """Give every user the head of one ranking, skipping what is excluded for that user.

    Args:
        ranking: `item_idx`, `score`, best first.
        users: `user_idx`.
        k: list depth.
        exclude: pairs to leave out.
    """
    users = users.select("user_idx")
    if exclude is None:
        return users.join(ranking.head(k), how="cross").select("user_idx", "item_idx", "score")
    hidden = exclude.join(users, on="user_idx", how="semi").join(ranking, on="item_idx", how="semi")
    deepest = hidden.group_by("user_idx").len()["len"].max() if hidden.height else 0
    pairs = users.join(ranking.head(k + int(str(deepest))), how="cross", maintain_order="left_right")
    pairs = pairs.join(hidden, on=["user_idx", "item_idx"], how="anti", maintain_order="left")
    return pairs.filter(pl.int_range(pl.len()).over("user_idx") < k).select("user_idx", "item_idx", "score")
