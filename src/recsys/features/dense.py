"""Dense tables: one row per id, gathered by it."""

import numpy as np
import polars as pl

from recsys.tables import Floats, UInts

SAME = 10
"""Significant figures to which sums are compared in ranks: those of an updated state differ from a rebuild's beyond."""


def dense(facts: pl.DataFrame, key: str, n_rows: int) -> pl.DataFrame:
    """Lay facts out with one row per id 0 .. n_rows - 1, values as Float32 and NaN where an id has none.

    Args:
        facts: `key` (u32), one row per id, and number columns.
        key: the id column.
        n_rows: number of ids.
    """
    everyone = pl.DataFrame({key: pl.int_range(n_rows, dtype=pl.UInt32, eager=True)})
    laid = everyone.join(facts, on=key, how="left", maintain_order="left").drop(key)
    return laid.select(pl.all().cast(pl.Float32).fill_null(float("nan")))


def gather(table: pl.DataFrame, idx: UInts) -> list[Floats]:
    """Return each column at the given ids; NaN for ids beyond the table.

    Example:
        >>> gather(pl.DataFrame({"x": [1.5, 2.5]}), np.array([1, 7], np.uint32))[0].tolist()
        [2.5, nan]
    """
    is_known = idx < table.height
    place = np.where(is_known, idx, 0)
    if not table.height:
        return [np.full(len(idx), np.nan, np.float32) for _ in table.columns]
    return [
        np.where(is_known, table[name].to_numpy()[place], np.float32(np.nan)).astype(np.float32)
        for name in table.columns
    ]
