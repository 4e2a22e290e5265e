"""Events in the format of the contract: Parquet or CSV with user_id, item_id, event_type and timestamp."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from recsys.data.importers.delimited import read_delimited
from recsys.data.importers.files import collect_chunks, find_files, require_columns, unreadable
from recsys.data.importers.protocol import Arrivals
from recsys.errors import SchemaError
from recsys.tables import EVENT_DTYPES

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".zip")


class EventImporter:
    """Reads the generic event format; columns that the contract does not know are left out."""

    name = "events"

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the Parquet and CSV files (also `.csv.gz`, and `.zip` of one CSV) among `paths`, sorted by path.

        Raises:
            DataError: if a path does not exist or holds none.
        """
        return find_files(paths, lambda file: file.name.lower().endswith(SUFFIXES), self.name)

    def read_events(self, path: Path) -> Iterator[Arrivals]:
        """Yield the rows of one file; the time may be called `timestamp` or `event_time`.

        Raises:
            SchemaError: if a needed column is missing, or one is there twice.
            DataError: if the file cannot be read.
        """
        if path.suffix.lower() != ".parquet":
            yield from read_delimited(path, lambda present: _columns(path, present))
            return
        try:
            events_lf = pl.scan_parquet(path)
            columns = _columns(path, events_lf.collect_schema().names())
        except (PolarsError, OSError) as error:
            raise unreadable(path, error) from error
        for chunk in collect_chunks(events_lf.select(list(columns)).rename(columns), path):
            yield Arrivals(chunk)

    def read_items(self, paths: Sequence[Path]) -> None:
        """Return nothing: items come in files of their own."""


def _columns(path: Path, present: Sequence[str]) -> dict[str, str]:
    """Map the file's columns to those of the contract."""
    if "timestamp" in present and "event_time" in present:
        raise SchemaError(f"{path}: has both timestamp and event_time, which are one; leave one out")
    time = "event_time" if "event_time" in present else "timestamp"
    require_columns(path, present, ["user_id", "item_id", "event_type", time])
    return {name: "event_time" if name == time else name for name in present if name == time or name in EVENT_DTYPES}
