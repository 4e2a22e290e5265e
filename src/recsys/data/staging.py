"""The staging folder: delivered rows, parsed and keyed, on disk until their fate is decided.

What is held in memory is one buffer of about `BUFFER_ROWS` rows, however large the delivery. The folder is of no use
to anyone but the running ingestion; what a killed one left is removed by the next.
"""

import shutil
from pathlib import Path

import polars as pl

from recsys.data.event_ids import row_key
from recsys.data.quarantine import QUARANTINE_DTYPES
from recsys.tables import EVENT_DTYPES

BUFFER_ROWS = 1_000_000
_ROW_GROUP = 64 * 1024

STAGED_DTYPES: dict[str, pl.DataType] = {
    **EVENT_DTYPES,
    "row_key": pl.String(),
    "file_index": pl.UInt32(),
    "row_number": pl.Int64(),
}
BAD_DTYPES = {name: dtype for name, dtype in QUARANTINE_DTYPES.items() if name != "quarantine_id"}


class Staging:
    """The folder `log/staging` of a home, emptied when it is opened."""

    def __init__(self, home: Path) -> None:
        self._path = home / "log" / "staging"
        self.clear()
        self._path.mkdir(parents=True)
        self._buffers: dict[str, list[pl.DataFrame]] = {"good": [], "bad": []}
        self._n_files = 0

    def add(self, good: pl.DataFrame, bad: pl.DataFrame) -> None:
        """Keep rows of one chunk.

        Args:
            good: columns of `EVENT_DTYPES`, `file_index` and `row_number`.
            bad: columns of `BAD_DTYPES`.
        """
        keyed = good.with_columns(row_key(good)).select(STAGED_DTYPES.keys())
        for kind, rows in (("good", keyed), ("bad", bad.select(BAD_DTYPES.keys()))):
            self._buffers[kind].append(rows)
            if sum(frame.height for frame in self._buffers[kind]) >= BUFFER_ROWS:
                self._write(kind)

    def flush(self) -> None:
        """Write what is still buffered."""
        for kind in self._buffers:
            self._write(kind)

    def scan_good(self) -> pl.LazyFrame:
        """Scan the rows that keep the contract (`STAGED_DTYPES`)."""
        return self._scan("good", STAGED_DTYPES)

    def scan_bad(self) -> pl.LazyFrame:
        """Scan the rows that break it (`BAD_DTYPES`), in the order of arrival."""
        return self._scan("bad", BAD_DTYPES)

    def clear(self) -> None:
        """Remove the folder."""
        if self._path.exists():
            shutil.rmtree(self._path)

    def _write(self, kind: str) -> None:
        rows = pl.concat(self._buffers[kind]) if self._buffers[kind] else pl.DataFrame()
        self._buffers[kind] = []
        if rows.is_empty():
            return
        if kind == "good":
            rows = rows.sort("event_time")  # so that reading some dates skips the other row groups
        path = self._path / f"{kind}-{self._n_files:06d}.parquet"
        rows.write_parquet(path, compression="lz4", row_group_size=_ROW_GROUP)
        self._n_files += 1

    def _scan(self, kind: str, dtypes: dict[str, pl.DataType]) -> pl.LazyFrame:
        files = sorted(self._path.glob(f"{kind}-*.parquet"))
        return pl.scan_parquet(files) if files else pl.LazyFrame(schema=dtypes)
