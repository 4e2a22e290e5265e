"""The slate contract: what `recommend` writes and everything that judges or serves lists reads."""

import dataframely as dy
import polars as pl

SLATE_DTYPES: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "rank": pl.Int32(),
    "score": pl.Float64(),
    "source": pl.String(),
    "reason": pl.String(),
}
"""Columns of a slate table in order."""

PROPENSITY = "propensity"
"""The further column, last, that slates have where lists explore."""


class Slate(dy.Schema):
    """One recommended item of one user; `rank` is 1-based and dense per user.

    `score` is what the row's source gave. Within a list it never rises with rank, unless a slate rule reorders: then
    `rank` alone tells the order.
    """

    user_id = dy.String(primary_key=True)
    item_id = dy.String(primary_key=True)
    rank = dy.Int32(min=1)
    score = dy.Float64()
    source = dy.String()
    reason = dy.String()

    @dy.rule()
    def rank_is_dense(cls) -> pl.Expr:
        """Ranks of a user run 1, 2, .. n without gap or tie."""
        rank = pl.col("rank")
        return (rank.max().over("user_id") == pl.len().over("user_id")) & (pl.len().over("user_id", "rank") == 1)


class ExploredSlate(Slate):
    """A slate of a policy that explores: with the probability of each row's item given the items above it.

    A position that is not drawn has propensity 1, as has every one of a user who does not explore.
    """

    propensity = dy.Float64(min_exclusive=0.0, max=1.0)
