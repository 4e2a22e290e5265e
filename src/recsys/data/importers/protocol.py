"""What an importer is: it finds files, yields their rows under the contract's column names, and knows the items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl


@dataclass(frozen=True)
class MalformedLine:
    """A line that could not be split into the file's columns.

    Attributes:
        row_number: its place among the rows of the file, 1 for the first below the header; it counts there too.
        text: the line, or its beginning.
    """

    row_number: int
    text: str


@dataclass(frozen=True)
class Arrivals:
    """A chunk of one file as it arrived, not yet parsed or checked.

    Attributes:
        frame: columns named as in `EVENT_DTYPES` (so `event_time`, whatever the file calls it); each of them
            text, number, date or instant; row order is that of the file.
        naive_time_zone: zone in which an instant without one is read; None refuses such rows.
        malformed: lines met up to here, since the chunk before, that are no rows of `frame`.
    """

    frame: pl.DataFrame
    naive_time_zone: str | None = None
    malformed: tuple[MalformedLine, ...] = ()


class Importer(Protocol):
    """One dataset layout. Stateless: the same paths always give the same chunks."""

    name: str

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the event files among `paths` (files, or folders searched through), in name order.

        Raises:
            DataError: if a path does not exist or holds no file of this layout.
        """
        ...

    def read_events(self, path: Path) -> Iterator[Arrivals]:
        """Yield the rows of one file in chunks of about a million.

        Raises:
            SchemaError: if a needed column is missing.
            DataError: if the file cannot be read.
        """
        ...

    def read_items(self, paths: Sequence[Path]) -> pl.DataFrame | None:
        """Return item versions (`ITEM_DTYPES`, further columns allowed) that these paths hold, if any."""
        ...
