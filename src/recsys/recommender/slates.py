"""From candidates to full lists: rank, fill what is short from the fallback, and name the origin of every row."""

from collections.abc import Sequence

import polars as pl

from recsys.candidates import best_for_all
from recsys.errors import DataError


def full_slates(
    candidates: pl.DataFrame,
    fallbacks: Sequence[tuple[str, pl.DataFrame]],
    users: pl.DataFrame,
    *,
    name: str,
    k: int,
    exclude: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rank each user's candidates and fill lists shorter than `k` from the fallbacks, in their order.

    A fallback row's score continues below the lowest score of the list, so that score never rises with rank.

    Args:
        candidates: `user_idx`, `item_idx`, `score`, at most `k` a user, best first within a user.
        fallbacks: name and ranking (`item_idx`, `score`, best first) of item lists.
        users: `user_idx`; every one of them gets a list.
        name: source of the candidates.
        k: list depth.
        exclude: pairs that no list may hold.

    Returns:
        `user_idx`, `item_idx`, `rank` (i32), `score`, `source`, sorted by user and rank. A user for whom every item is
        excluded has no row.

    Raises:
        DataError: if a score is null, NaN or infinite.
    """
    slates = candidates.select("user_idx", "item_idx", "score", source=pl.lit(name))
    for fallback, ranking in fallbacks:
        short = users.select("user_idx").join(
            slates.group_by("user_idx").len().filter(pl.col("len") >= k), on="user_idx", how="anti"
        )
        if short.is_empty():
            break
        held = slates.select("user_idx", "item_idx")
        hidden = held if exclude is None else pl.concat([held, exclude.select("user_idx", "item_idx")]).unique()
        filler = best_for_all(ranking, short.sort("user_idx"), k, hidden)
        slates = pl.concat([slates, _below(filler, slates, fallback)])
    _refuse_unordered(slates)
    ranked = slates.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("user_idx"))
    return (
        ranked.filter(pl.col("rank") <= k)
        .select("user_idx", "item_idx", "rank", "score", "source")
        .sort("user_idx", "rank")
    )


def _below(filler: pl.DataFrame, slates: pl.DataFrame, name: str) -> pl.DataFrame:
    """Give the filler scores that continue below each user's lowest one."""
    lowest = slates.group_by("user_idx").agg(lowest=pl.col("score").min())
    position = pl.int_range(1, pl.len() + 1).over("user_idx")
    return filler.join(lowest, on="user_idx", how="left", maintain_order="left").select(
        "user_idx", "item_idx", score=pl.col("lowest").fill_null(0.0) - position.cast(pl.Float64), source=pl.lit(name)
    )


def _refuse_unordered(slates: pl.DataFrame) -> None:
    """Refuse scores by which nothing can be ranked."""
    wrong = slates.filter(~pl.col("score").is_finite().fill_null(False))
    if wrong.height:
        first = wrong.row(0, named=True)
        raise DataError(
            f"candidates: {wrong.height} of {slates.height} scores are not finite; first: source={first['source']}, "
            f"user_idx={first['user_idx']}, item_idx={first['item_idx']}, score={first['score']}; mend that source"
        )
