"""What a candidate source is, and the two operations that all of them share."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from recsys.knowledge import Knowledge
from recsys.tables import descending_within, largest_within

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


@runtime_checkable
class ContinuedSource(CandidateSource, Protocol):
    """A source that can go on from what it learned at an earlier instant.

    The earlier tables are numbered as `knowledge` numbers users and items; rows of ids that it does not know are gone.
    """

    def refit(self, knowledge: Knowledge, earlier: Tables) -> Tables:
        """Learn from what is known at `knowledge.as_of`, starting from what was learned earlier."""
        ...

    def refresh(self, knowledge: Knowledge, earlier: Tables) -> Tables:
        """Keep what was learned of items, and place the users of `knowledge.as_of` among them."""
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
        pairs = pairs.join(exclude, on=["user_idx", "item_idx"], how="anti", maintain_order="left")
    user = pairs["user_idx"].to_numpy()
    if (user[1:] < user[:-1]).any():
        pairs = pairs.sort("user_idx", maintain_order=True)
        user = pairs["user_idx"].to_numpy()
    score, tie, item = (pairs[name].to_numpy() for name in ("score", "tie", "item_idx"))
    best = largest_within(user, score, k, [tie, item])
    ordered = best[descending_within(user[best], score[best], [tie[best], item[best]])]
    return pl.DataFrame({"user_idx": user[ordered], "item_idx": item[ordered], "score": score[ordered]})


def best_for_all(ranking: pl.DataFrame, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None) -> pl.DataFrame:
    """Give every user the head of one ranking, skipping what is excluded for that user.

    A user of whom n ranked items are excluded is given the next power of two more than `k`, so one with a long past
    costs the others nothing.

    Args:
        ranking: `item_idx`, `score`, best first.
        users: `user_idx`.
        k: list depth.
        exclude: pairs to leave out.

    Returns:
        `user_idx`, `item_idx`, `score`, in the order of the users and best first.
    """
    users = users.select("user_idx").with_row_index("place")
    if exclude is None:
        return _heads(users, ranking, k).drop("place")
    hidden = exclude.join(users, on="user_idx", how="semi").join(ranking, on="item_idx", how="semi")
    counts = hidden.group_by("user_idx").agg(n_hidden=pl.len())
    n_hidden = users.join(counts, on="user_idx", how="left", maintain_order="left")["n_hidden"].fill_null(0)
    buckets = users.with_columns(more=_next_power_of_two(n_hidden)).partition_by(
        "more", as_dict=True, include_key=False
    )
    parts = [
        _heads(members, ranking, k + more)
        .join(hidden, on=["user_idx", "item_idx"], how="anti", maintain_order="left")
        .filter(pl.int_range(pl.len()).over("place") < k)
        for (more,), members in buckets.items()
    ]
    return pl.concat(parts or [_heads(users, ranking, k)]).sort("place", maintain_order=True).drop("place")


def _heads(users: pl.DataFrame, ranking: pl.DataFrame, n: int) -> pl.DataFrame:
    """Pair every user with the first `n` items of the ranking."""
    pairs = users.join(ranking.head(n), how="cross", maintain_order="left_right")
    return pairs.select("place", "user_idx", "item_idx", "score")


def _next_power_of_two(counts: pl.Series) -> pl.Series:
    """Round counts up to a power of two; 0 stays 0.

    Example:
        >>> _next_power_of_two(pl.Series([0, 1, 2, 3, 5])).to_list()
        [0, 1, 2, 4, 8]
    """
    numbers = counts.to_numpy()
    powers = 2 ** np.ceil(np.log2(np.maximum(numbers, 1))).astype(np.int64)
    return pl.Series(np.where(numbers > 0, powers, 0))
