"""Delivered files on their way into the staging folder: parsed, numbered, and parted into good rows and bad."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.arrivals import TimeBounds, parse_arrivals
from recsys.data.importers.protocol import Arrivals, MalformedLine
from recsys.data.quarantine import raw_json
from recsys.data.staging import Staging


@dataclass(frozen=True)
class Delivery:
    """One file to ingest: its name for the quarantine, and its rows."""

    name: str
    chunks: Iterator[Arrivals]


def stage_deliveries(staging: Staging, deliveries: Iterable[Delivery], bounds: TimeBounds) -> list[str]:
    """Parse every chunk of every delivery into the staging folder.

    Args:
        staging: an empty staging folder.
        deliveries: the files in order; read one after the other, a chunk at a time.
        bounds: which event times are possible.

    Returns:
        The names of the files; `file_index` of the staged rows points into it.

    Raises:
        DataError: if a file cannot be read.
        SchemaError: if a file lacks a column or has one of the wrong type.
    """
    names: list[str] = []
    for file_index, delivery in enumerate(deliveries):
        names.append(delivery.name)
        malformed: list[MalformedLine] = []
        n_rows = 0
        for arrivals in delivery.chunks:
            malformed.extend(arrivals.malformed)
            row_numbers = _row_numbers(n_rows, arrivals.frame.height, malformed)
            n_rows += arrivals.frame.height
            parsed = parse_arrivals(arrivals, bounds, delivery.name).with_columns(
                row_numbers, file_index=pl.lit(file_index, pl.UInt32)
            )
            bad = _bad_rows(arrivals, parsed, delivery.name)
            staging.add(parsed.filter(pl.col("reason").is_null()), bad)
    staging.flush()
    return names


def _row_numbers(n_before: int, n_rows: int, malformed: Sequence[MalformedLine]) -> pl.Series:
    """Number rows by their place in the file, counting the malformed lines between them."""
    place = np.arange(n_before + 1, n_before + n_rows + 1)
    # The k-th malformed line at place m follows m - k rows: every later row moves down by one more.
    rows_before = np.array([line.row_number - k for k, line in enumerate(malformed, start=1)], dtype=np.int64)
    return pl.Series("row_number", place + np.searchsorted(rows_before, place, side="left"), dtype=pl.Int64)


def _bad_rows(arrivals: Arrivals, parsed: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the rows of a chunk that go to the quarantine (`BAD_DTYPES`)."""
    is_bad = parsed["reason"].is_not_null()
    broken = parsed.filter(is_bad).select(
        pl.lit(name).alias("source_file"),
        "row_number",
        "reason",
        raw_json(arrivals.frame.filter(is_bad)).alias("raw"),
    )
    lines = pl.DataFrame(
        {
            "line": [line.text for line in arrivals.malformed],
            "row_number": [line.row_number for line in arrivals.malformed],
        },
        schema={"line": pl.String, "row_number": pl.Int64},
    )
    malformed = lines.select(
        pl.lit(name).alias("source_file"),
        "row_number",
        pl.lit("line_malformed").alias("reason"),
        raw_json(lines.select("line")).alias("raw"),
    )
    return pl.concat([broken, malformed])
