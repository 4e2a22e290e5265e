"""Vectors in tables: one fixed-size array of Float32 per id."""

import numpy as np
import polars as pl

from recsys.tables.pair_keys import Floats, UInts


def matrix_of(frame: pl.DataFrame) -> Floats:
    """Return the column `vector` as a matrix, shape (n_rows, n_factors)."""
    return np.asarray(frame["vector"].to_numpy(), np.float32)


def vectors_table(key: str, idx: UInts, vectors: Floats) -> pl.DataFrame:
    """Return the columns `key` and `vector`; the rows of `vectors` belong to `idx`."""
    values = np.ascontiguousarray(vectors, np.float32)
    dtype = pl.Array(pl.Float32, values.shape[1])
    return pl.DataFrame(
        {key: idx, "vector": pl.Series(values, dtype=dtype) if len(values) else pl.Series([], dtype=dtype)}
    )
