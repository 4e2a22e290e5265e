from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.tables import matrix_of, vectors_table

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)
IDX = np.array([2, 5, 7, 9], np.uint32)


def test_a_matrix_comes_back_from_its_table(tmp_path: Path) -> None:
    table = vectors_table("item_idx", IDX, MATRIX)
    table.write_parquet(tmp_path / "vectors.parquet")
    for frame in (table, pl.read_parquet(tmp_path / "vectors.parquet")):
        assert frame["item_idx"].to_list() == IDX.tolist()
        np.testing.assert_array_equal(matrix_of(frame), MATRIX)
        np.testing.assert_array_equal(matrix_of(frame.filter(pl.col("item_idx") > 5)), MATRIX[2:])
    assert matrix_of(table).dtype == np.float32


@pytest.mark.parametrize("n_factors", [1, 3])
def test_no_vectors_are_a_matrix_without_rows(n_factors: int) -> None:
    table = vectors_table("item_idx", np.empty(0, np.uint32), np.zeros((0, n_factors), np.float32))
    assert matrix_of(table).shape == (0, n_factors)
    assert matrix_of(vectors_table("item_idx", IDX, MATRIX).clear()).shape == (0, 3)
    assert table.schema["item_idx"] == pl.UInt32
