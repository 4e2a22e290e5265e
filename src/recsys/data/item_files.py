"""Item files that a user brings: Parquet or CSV with `item_id` and any of the columns of the item contract.

A file without `known_at` describes items as known from the beginning (`ALWAYS_KNOWN`), which is right for what never
changes; whatever changes needs `known_at`, or past runs would see the future. When such an item came into the shop is
not known either: without `available_from` it is in the catalogue from its first known event on (see `read_history`).
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from recsys.data.arrival_times import read_times
from recsys.data.importers.files import find_files, require_columns, unreadable
from recsys.data.items import ALWAYS_KNOWN
from recsys.errors import DataError, SchemaError
from recsys.tables import ITEM_DTYPES
from recsys.timeline import INSTANT, instant_literal


def read_item_files(paths: Sequence[Path]) -> pl.DataFrame:
    """Read the item files among `paths`, folders searched through.

    Time:
        Instants are read as those of events: ISO 8601 with a zone, a bare date (00:00Z) or epoch numbers.

    Args:
        paths: Parquet, CSV or gzipped CSV files, or folders of them.

    Returns:
        Item versions: `item_id`, `known_at`, those columns of `ITEM_DTYPES` that the files have, further columns as
        text; in the order of the files.

    Raises:
        DataError: if a path holds no such file, or a value cannot be read as its column's type.
        SchemaError: if `item_id` is missing or has fractions, or a typed instant has no zone.
    """
    files = find_files(paths, lambda file: file.name.lower().endswith((".parquet", ".csv", ".csv.gz")), "items")
    return pl.concat([_typed(_read(file), file) for file in files], how="diagonal")


def _read(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (PolarsError, OSError) as error:
        raise unreadable(path, error) from error
    require_columns(path, frame.columns, ["item_id"])
    return frame


def _typed(raw: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Give each column the type of the contract; further columns become text."""
    columns = {name: _column(raw[name], ITEM_DTYPES.get(name, pl.String()), path) for name in raw.columns}
    typed = pl.DataFrame(columns)
    return typed if "known_at" in typed.columns else typed.with_columns(known_at=instant_literal(ALWAYS_KNOWN))


def _column(column: pl.Series, dtype: pl.DataType, path: Path) -> pl.Series:
    if dtype == INSTANT:
        return _instants(column, path)
    if column.name == "item_id" and column.dtype.is_float():
        raise SchemaError(f"{path}: item_id is {column.dtype}; write ids as text or integers, a fraction is no id")
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise SchemaError(f"{path}: column {column.name} is {column.dtype}; write it as text")
    cast = column.cast(dtype, strict=False)
    if column.name == "item_id":
        return cast.set(cast == "", None)
    _refuse(column.filter(cast.is_null() & column.is_not_null()), path, "no numbers")
    return cast


def _instants(column: pl.Series, path: Path) -> pl.Series:
    """Read instants as those of events are read; one that cannot be read is refused."""
    read = read_times(column, None, str(path))
    for wrong, kind in ((read.is_naive, "written without a time zone"), (read.is_unreadable, "no instants")):
        _refuse(column.filter(wrong), path, kind)
    return read.instants


def _refuse(wrong: pl.Series, path: Path, kind: str) -> None:
    if not wrong.is_empty():
        raise DataError(
            f"{path}: {len(wrong)} value(s) of {wrong.name} are {kind}; first: {wrong[0]!r:.80}; mend the file"
        )
