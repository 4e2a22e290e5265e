"""Pools made by hand: ranked candidates of a few users, and what is known of the items."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from recsys.ranking.slate_policy import SlatePolicy, SlateSettings

AS_OF = datetime(2024, 5, 1, tzinfo=UTC)
IDX = {"user_idx": pl.UInt32, "item_idx": pl.UInt32, "rank": pl.Int32}
OLD = 400.0


def pool_of(*lists: Sequence[tuple[int, float]], source: str = "own") -> pl.DataFrame:
    """One list of (item, score) per user."""
    rows = [
        (user, item, rank, score, source)
        for user, items in enumerate(lists)
        for rank, (item, score) in enumerate(items, start=1)
    ]
    return pl.DataFrame(
        rows, schema=["user_idx", "item_idx", "rank", "score", "source"], orient="row", schema_overrides=IDX
    )


def ranked(n: int) -> list[tuple[int, float]]:
    """Items 0 .. n - 1 with evenly falling scores."""
    return [(item, float(n - item)) for item in range(n)]


def users_of(n: int) -> pl.DataFrame:
    ids = [f"u{i}" for i in range(n)]
    return pl.DataFrame({"user_idx": range(n), "user_id": ids}, schema_overrides={"user_idx": pl.UInt32})


def items_of(category: Sequence[int], *, age: Mapping[int, float] | None = None) -> pl.DataFrame:
    """What is known of the items: their categories (0 for none), and the age in days of those that are not old."""
    n = len(category)
    return pl.DataFrame(
        {
            "tie": np.random.default_rng(0).integers(0, 2**63, n).astype(np.uint64),
            "category": np.array(category, np.uint32),
            "brand": np.zeros(n, np.uint32),
            "age_days": [(age or {}).get(i, OLD) for i in range(n)],
        }
    )


def policy_of(
    settings: Mapping[str, Any], items: pl.DataFrame, as_of: datetime = AS_OF, **tables: pl.DataFrame
) -> SlatePolicy:
    return SlatePolicy.of(SlateSettings.parse(dict(settings), "test"), {"items": items, **tables}, as_of)


def ranking(*items: int) -> pl.DataFrame:
    columns = {"item_idx": items, "score": [float(-place) for place in range(len(items))]}
    return pl.DataFrame(columns, schema_overrides={**IDX, "score": pl.Float64})


def lists_of(slates: pl.DataFrame) -> list[list[int]]:
    """The items of each user's list, by rank."""
    return (
        slates.sort("user_idx", "rank").group_by("user_idx", maintain_order=True).agg("item_idx")["item_idx"].to_list()
    )
