"""The quarantine: rows that break the event contract, each with the reason, kept beside the log.

Nothing is dropped in silence: rows read = accepted + already present + quarantined. A row delivered again is here
once, because its `quarantine_id` is a hash of file, row number, reason and content.
"""

from pathlib import Path

import polars as pl
import polars_hash as plh
from deltalake import DeltaTable, write_deltalake

_TEXTS = ("user_id", "item_id", "event_type", "basket_id", "market", "event_id")
_NUMBERS = ("value", "quantity", "price", "position", "propensity")

REASONS: dict[str, str] = {
    "line_malformed": "the line has more or fewer fields than the header",
    "event_time_unreadable": "the timestamp is no ISO 8601 instant and no epoch number",
    "naive_timestamp": "the timestamp has a time of day but no zone",
    "event_time_too_old": "the event happened before `[ingest] earliest`",
    "event_time_in_future": "the event happened after the moment of ingestion",
    "known_at_unreadable": "known_at is no ISO 8601 instant and no epoch number",
    "known_at_naive": "known_at has a time of day but no zone",
    "known_at_in_future": "known_at lies after the moment of ingestion",
    **{f"{name}_not_a_number": f"{name} is text that is no number" for name in _NUMBERS},
    "position_not_a_slot": "position is no whole number that fits 32 bits",
    "item_id_missing": "there is no item_id",
    "event_type_missing": "there is no event_type",
    "event_time_missing": "there is no timestamp",
    "known_at_before_event_time": "known_at lies before the event itself",
    **{f"{name}_not_finite": f"{name} is NaN or infinite" for name in _NUMBERS if name != "position"},
    "position_out_of_range": "position is below 1",
    "propensity_out_of_range": "propensity is outside (0, 1]",
    **{f"{name}_too_long": f"{name} has more than 256 bytes" for name in _TEXTS},
    **{f"{name}_has_control_characters": f"{name} has control characters" for name in _TEXTS},
    "event_id_conflict": "another event with this event_id and other content came first",
}
"""Every reason and what it means, in order of precedence: a row has the first that applies."""

QUARANTINE_DTYPES: dict[str, pl.DataType] = {
    "quarantine_id": pl.String(),
    "source_file": pl.String(),
    "row_number": pl.Int64(),
    "reason": pl.String(),
    "raw": pl.String(),
}
"""Columns of the quarantine. `row_number` is 1 for the first row below the header; `raw` is the row as JSON text."""

RAW_LENGTH = 200
"""Longest text that is kept of one field of a bad row, in characters."""

_IDENTITY = ("source_file", "row_number", "reason", "raw")


def raw_json(row: pl.DataFrame) -> pl.Series:
    """Return each row as JSON text, its texts cut to `RAW_LENGTH` characters."""
    return row.select(
        pl.struct(pl.col(pl.String).str.head(RAW_LENGTH), ~pl.selectors.string()).struct.json_encode().alias("raw")
        if row.width
        else pl.lit("{}").alias("raw")
    ).to_series()


class Quarantine:
    """The Delta table `log/quarantine` of a home."""

    def __init__(self, home: Path) -> None:
        self.path = home / "log" / "quarantine"

    def scan(self) -> pl.LazyFrame:
        """Scan the quarantined rows.

        Returns:
            One row per bad row delivered (`QUARANTINE_DTYPES`), in no particular order; empty before the first.
        """
        return pl.scan_delta(self.path) if self._exists() else pl.LazyFrame(schema=QUARANTINE_DTYPES)

    def append(self, rows: pl.DataFrame) -> int:
        """Add the rows that are not there yet, in one atomic commit.

        Args:
            rows: source_file, row_number, reason and raw.

        Returns:
            How many were new.
        """
        text = plh.concat_str(*(pl.col(name).cast(pl.String) for name in _IDENTITY), separator="\x1f")
        named = (
            rows.with_columns(text.nchash.md5().alias("quarantine_id"))
            .select(QUARANTINE_DTYPES.keys())
            .sort("source_file", "row_number", "reason", "raw")
            .unique("quarantine_id", keep="first", maintain_order=True)
        )
        if self._exists():
            present = self.scan().select("quarantine_id").collect()
            named = named.join(present, on="quarantine_id", how="anti", maintain_order="left")
        if not named.is_empty():
            write_deltalake(self.path, named, mode="append")
        return named.height

    def _exists(self) -> bool:
        return DeltaTable.is_deltatable(str(self.path))
