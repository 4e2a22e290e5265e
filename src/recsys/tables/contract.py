"""Bring a frame into the columns and dtypes of a contract."""

from collections.abc import Mapping

import polars as pl

from recsys.errors import SchemaError


def conform(frame: pl.DataFrame, dtypes: Mapping[str, pl.DataType], where: str) -> pl.DataFrame:
    """Select the contract's columns in order, adding absent ones as null.

    Args:
        frame: a table that has some of the columns, each of the contract's dtype already.
        dtypes: the contract's columns and dtypes.
        where: what the table is called in the error.

    Returns:
        A frame with exactly the contract's columns.

    Raises:
        SchemaError: if a column that is there has another dtype.

    Example:
        >>> conform(pl.DataFrame({"a": ["x"]}), {"a": pl.String(), "b": pl.Int32()}, "letters").row(0)
        ('x', None)
    """
    wrong = [
        f"{name} is {frame.schema[name]}, not {dtype}"
        for name, dtype in dtypes.items()
        if name in frame.schema and frame.schema[name] not in (dtype, pl.Null())
    ]
    if wrong:
        raise SchemaError(f"{where}: {len(wrong)} column(s) of the wrong type: {'; '.join(wrong)}")
    return frame.select(
        (pl.col(name) if name in frame.schema else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in dtypes.items()
    )
