"""Finding and reading the text files of a dataset: every column as text, in chunks, with errors that name the file.

Types are decided once, where arrivals are parsed; so a CSV and a spreadsheet of the same rows cannot differ.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from recsys.errors import DataError, SchemaError

CHUNK_ROWS = 1_000_000
"""Rows held at once while a file is read."""


def find_files(paths: Sequence[Path], is_wanted: Callable[[Path], bool], layout: str) -> list[Path]:
    """Return the wanted files among `paths`, folders searched through, each once, sorted by path.

    Args:
        paths: files or folders.
        is_wanted: whether a file belongs to the layout, by its name.
        layout: what the files are called in the error.

    Raises:
        DataError: if a path does not exist or holds no wanted file.
    """
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: does not exist; name a file or folder of {layout}")
        inside = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        wanted = [file for file in inside if is_wanted(file)]
        if not wanted:
            raise DataError(f"{path}: holds no file of {layout}; name one, or choose another --format")
        found.update(wanted)
    return sorted(found)


def read_table(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield a CSV table that comes with the events, in chunks of about `CHUNK_ROWS`, every column as text.

    Unlike `read_delimited`, which reads the events themselves, it refuses a file with a line that is too long and
    reads missing fields as null; it is five times as fast.

    Args:
        path: a UTF-8 file, with or without byte order mark, gzipped or not.
        columns: the columns that must be there; further ones are dropped.

    Returns:
        At least one frame of exactly these columns; an empty one if the file has only its header.

    Raises:
        DataError: if the file is empty, damaged, or a line has more fields than the header.
        SchemaError: if a column is missing.
    """
    try:
        scanned_lf = pl.scan_csv(path, infer_schema=False)
        present = scanned_lf.collect_schema()
    except (PolarsError, OSError) as error:
        raise unreadable(path, error) from error
    require_columns(path, present.names(), columns)
    chunks = collect_chunks(scanned_lf, path)
    yield next(chunks, present.to_frame()).select(columns)
    for chunk in chunks:
        yield chunk.select(columns)


def collect_chunks(frame_lf: pl.LazyFrame, path: Path) -> Iterator[pl.DataFrame]:
    """Yield the rows of a scanned file, about `CHUNK_ROWS` at a time, in file order.

    NOTE: pass the whole scan and select afterwards: polars overlooks surplus fields of a line when it reads only
    some of the columns.

    Raises:
        DataError: if the file turns out to be damaged.
    """
    try:
        yield from frame_lf.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True)
    except (PolarsError, OSError) as error:
        raise unreadable(path, error) from error


def require_columns(path: Path, present: Sequence[str], needed: Sequence[str]) -> None:
    """Check that a file has the columns that its layout needs.

    Raises:
        SchemaError: naming those that are missing and those that are there.
    """
    missing = [name for name in needed if name not in present]
    if missing:
        raise SchemaError(
            f"{path}: {len(missing)} column(s) missing: {', '.join(missing)}; it has {', '.join(present)[:200]}"
        )


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file that cannot be read, with the reader's reason on one line."""
    reason = " ".join(str(error).split())[:160]
    return DataError(f"{path}: cannot be read ({reason}); deliver the file again, or leave it out")
