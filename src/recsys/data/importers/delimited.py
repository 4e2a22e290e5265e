"""CSV files that anyone may have written: plain, gzipped or zipped, every column as text, no line lost in silence.

A line with more or fewer fields than the header is handed over as malformed, where polars would fill what is missing
with nulls; that is why Arrow reads these files. About 8 s for 10 million lines of 60 bytes, in blocks of 16 MB.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv

from recsys.data.importers.files import unreadable
from recsys.data.importers.protocol import Arrivals, MalformedLine
from recsys.errors import DataError, SchemaError

BLOCK_BYTES = 16 * 1024 * 1024
"""What is parsed at once; a longer line cannot be read."""

_SHOWN = 200
_FAULTS = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, csv.Error)


def read_delimited(path: Path, columns_of: Callable[[list[str]], Mapping[str, str]]) -> Iterator[Arrivals]:
    """Yield the rows of a CSV file with a header, as text; an empty field is null.

    Args:
        path: UTF-8, with or without byte order mark; `.gz` and `.zip` (of one CSV) are unpacked on the way.
        columns_of: given the header, the file's columns to read and how they are called from here on.

    Raises:
        DataError: if the file is empty, is no UTF-8 or cannot be read.
        SchemaError: if a column is there twice, or `columns_of` misses one.
    """
    columns = columns_of(_header(path))
    malformed: list[MalformedLine] = []

    def keep(row: Any) -> str:
        malformed.append(MalformedLine(row_number=row.number - 1, text=row.text[:_SHOWN]))
        return "skip"

    try:
        with _opened(path) as stream:
            for batch in _batches(stream, list(columns), keep):
                frame = pl.DataFrame(pl.from_arrow(batch)).rename(dict(columns))
                yield Arrivals(frame, malformed=_drain(malformed))
    except _FAULTS as error:
        raise _damaged(path, error) from error
    yield Arrivals(pl.DataFrame(schema=dict.fromkeys(columns.values(), pl.String())), malformed=_drain(malformed))


def _drain(malformed: list[MalformedLine]) -> tuple[MalformedLine, ...]:
    drained = tuple(malformed)
    malformed.clear()
    return drained


def _header(path: Path) -> list[str]:
    """Return the column names of the first line."""
    try:
        with _opened(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            names = next(csv.reader([text.readline(BLOCK_BYTES)]), [])
    except _FAULTS as error:
        raise _damaged(path, error) from error
    if not names:
        raise DataError(f"{path}: is empty, without even a header; deliver the file again, or leave it out")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SchemaError(f"{path}: {len(repeated)} column(s) are there more than once: {', '.join(repeated)[:200]}")
    return names


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading its unpacked bytes."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as stream:
            yield stream
    else:
        opened: IO[bytes] = cast(IO[bytes], gzip.open(path)) if suffix == ".gz" else path.open("rb")
        with opened as stream:
            yield stream


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if len(members) != 1 or not members[0].lower().endswith(".csv"):
        raise DataError(f"{path}: holds {len(members)} files ({', '.join(members)[:100]}), not one CSV; unpack it")
    return members[0]


def _batches(stream: IO[bytes], columns: list[str], on_malformed: Callable[[Any], str]) -> Iterator[Any]:
    try:
        reader = pa.csv.open_csv(
            stream,
            read_options=pa.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),  # threads lose row numbers
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_malformed),
            convert_options=pa.csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):  # a header without a line end
            return
        raise
    yield from reader


def _damaged(path: Path, error: Exception) -> DataError:
    if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
        return DataError(f"{path}: is no UTF-8 text; convert it, e.g. iconv -f latin1 -t utf-8 {path.name}")
    if "straddling" in str(error):
        return DataError(
            f"{path}: a line is longer than {BLOCK_BYTES // 2**20} MB, or a quote is not closed; mend the file"
        )
    return unreadable(path, error)
