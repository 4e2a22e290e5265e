"""Score-level blends: several sources on one scale, added with declared weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from recsys.candidates.source import CandidateSource, Tables, best_per_user
from recsys.knowledge import Knowledge

DEPTH = 200
"""Candidates that each part of a blend proposes."""


@dataclass(frozen=True)
class Part:
    """One source of a blend and its weight (> 0)."""

    source: CandidateSource
    weight: float


@dataclass(frozen=True)
class Blend:
    """score(u, i) = sum over parts of weight x score_part(u, i) / (the part's best score for u).

    Each part proposes `depth` items; an item that a part does not propose gets nothing from it. Scaling by the user's
    best score keeps the shape of a part's scores, which rank fusion would lose. Where that best score is not positive,
    the part has nothing to say about u and adds 0.

    Source:
        CombSUM with maximum normalisation, Fox & Shaw 1994 (TREC-2).
    """

    name: str
    parts: tuple[Part, ...]
    depth: int = DEPTH

    def fit(self, knowledge: Knowledge) -> Tables:
        """Fit every part."""
        ties = knowledge.history.items.select("item_idx", "tie")
        return self.join([part.source.fit(knowledge) for part in self.parts], ties)

    def join(self, fitted: Sequence[Tables], ties: pl.DataFrame) -> Tables:
        """Put the tables of the parts, in their order, under names with the part's position."""
        tables = {f"{part_prefix(i)}{name}": table for i, part in enumerate(fitted) for name, table in part.items()}
        return {**tables, "ties": ties}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Retrieve from every part, scale and add."""
        parts = [
            part.source.retrieve(_tables_of(tables, position), users, max(k, self.depth), exclude)
            for position, part in enumerate(self.parts)
        ]
        weighted = add_weighted(side_by_side(parts), [part.weight for part in self.parts])
        with_ties = weighted.join(tables["ties"], on="item_idx", how="left", maintain_order="left")
        return best_per_user(with_ties, k, exclude)


def side_by_side(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put the scaled scores of several sources into columns, so that any weights can be tried on them.

    Args:
        parts: per source `user_idx`, `item_idx`, `score`.

    Returns:
        `user_idx`, `item_idx`, `part_0`, `part_1` and so on: one row per proposed pair, in the order of the parts; 0
        where a source lacks it, or has no positive score for the user.
    """
    keys = ["user_idx", "item_idx"]
    wide = pl.concat([part.select(keys) for part in parts]).unique(maintain_order=True)
    best = pl.col("score").max().over("user_idx")
    scaled = pl.when(best > 0).then(pl.col("score") / best).otherwise(0.0)
    for position, part in enumerate(parts):
        column = part.select(*keys, scaled.alias(f"part_{position}"))
        wide = wide.join(column, on=keys, how="left", maintain_order="left")
    return wide.with_columns(pl.col("^part_.*$").fill_null(0.0))


def add_weighted(wide: pl.DataFrame, weights: Sequence[float]) -> pl.DataFrame:
    """Add the columns of `side_by_side` with weights into `score`; pairs that get nothing are left out."""
    score = sum((pl.col(f"part_{i}") * weight for i, weight in enumerate(weights)), pl.lit(0.0))
    return wide.select("user_idx", "item_idx", score=score).filter(pl.col("score") > 0)


def part_prefix(position: int) -> str:
    """Return what the names of a part's tables start with."""
    return f"{position}."


def _tables_of(tables: Tables, position: int) -> Tables:
    prefix = part_prefix(position)
    return {name.removeprefix(prefix): table for name, table in tables.items() if name.startswith(prefix)}
