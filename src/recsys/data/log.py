"""The event log: one append-only Delta table, partitioned by the date of `event_time`.

A commit is atomic and gives the log its next version; an older one can be read as long as its files are kept. Reading
28 days of a log opens the files of those days only, because an event is never known before it happens.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import ColumnProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError

from recsys.data.event_ids import row_key
from recsys.errors import ArtifactError, DataError
from recsys.tables import EVENT_DTYPES, Event, conform
from recsys.timeline import instant_literal, known_before, require_utc

PARTITION = "event_date"

KEEP = timedelta(days=30)
"""How long compaction leaves the files that it replaced, so that versions recorded in that time stay readable."""

_ROW_GROUP = 128 * 1024
_COMPAT = pl.CompatLevel.oldest()


@dataclass(frozen=True)
class Appended:
    """How many events an append added, and how many were in the log already."""

    accepted: int
    already_present: int


@dataclass(frozen=True)
class Compacted:
    """How many files compaction read and wrote, and how many old ones it removed."""

    files_before: int
    files_after: int
    files_removed: int


class EventLog:
    """The Delta table `log/events` of a home."""

    def __init__(self, home: Path) -> None:
        self.path = home / "log" / "events"

    @property
    def version(self) -> int | None:
        """The version of the Delta table, to be recorded in what is computed from it; None before the first commit."""
        return self._table().version() if self.exists else None

    @property
    def exists(self) -> bool:
        """Whether anything was ever committed."""
        return DeltaTable.is_deltatable(str(self.path))

    def scan(self, as_of: datetime, *, since: datetime | None = None, version: int | None = None) -> pl.LazyFrame:
        """Scan the events that were known at one instant.

        Time:
            Reads rows with `known_at < as_of` and, where given, `event_time >= since`; only the files of the dates
            from `since` to `as_of` are opened, because `known_at >= event_time`.

        Args:
            as_of: the logical now.
            since: the first instant of interest; None reads from the beginning.
            version: an earlier version of the log; None is the current one.

        Returns:
            Columns of `EVENT_DTYPES`, one row per event_id, in no particular order.

        Raises:
            DataError: if nothing was ever ingested.
            ArtifactError: if the version never was, or its files were removed by compaction.
        """
        if not self.exists:
            raise DataError(f"{self.path}: there are no events yet; run `recsys ingest` first")
        # The last microsecond before as_of: at midnight its date is the day before.
        wanted = pl.col(PARTITION) <= (require_utc(as_of) - timedelta(microseconds=1)).date()
        if since is not None:
            wanted &= pl.col(PARTITION) >= require_utc(since).date()
            wanted &= pl.col("event_time") >= instant_literal(since)
        return self.scan_files(version).filter(wanted & known_before(as_of)).select(EVENT_DTYPES.keys())

    def scan_files(self, version: int | None = None) -> pl.LazyFrame:
        """Scan every event whatever its times, with the partition column `event_date`; for upkeep of the log only.

        Raises:
            ArtifactError: if the version never was, or its files were removed by compaction.
        """
        table = self._table(version)
        if version is not None:
            uris = table.file_uris()
            gone = [uri for uri in uris if not Path(uri).exists()]
            if gone:
                raise ArtifactError(
                    f"{self.path}: version {version} has lost {len(gone)} of {len(uris)} files to compaction; "
                    "read the current version as of that day instead"
                )
        return pl.scan_delta(table)

    def append(self, events: pl.DataFrame) -> Appended:
        """Add events that have ids, in one atomic commit; those that are in the log already are left as they are.

        For programs; files of the user go through `ingest_events`. The caller holds the writer lock where others
        may write.

        Args:
            events: columns of `EVENT_DTYPES`; optional ones may be absent.

        Raises:
            SchemaError: if a column has the wrong type.
            DataError: if a row breaks the event contract, or an id is in the log with other content.
        """
        delivered = conform(events, EVENT_DTYPES, "events")
        _, failure = Event.filter(delivered)
        if len(failure):
            raise DataError(
                f"events: {len(failure)} of {delivered.height} rows break the event contract ({failure.counts()}); "
                f"first: {failure.invalid().row(0, named=True)}; mend what makes them"
            )
        new = delivered
        if self.exists:
            present = self._present(delivered.select("event_id"))
            both = delivered.with_columns(row_key(delivered)).join(present, on="event_id", suffix="_logged")
            conflicts = both.filter(pl.col("row_key") != pl.col("row_key_logged")).sort("event_id")
            if not conflicts.is_empty():
                raise DataError(
                    f"events: {conflicts.height} of {delivered.height} event ids are in the log with other content; "
                    f"first: event_id={conflicts['event_id'][0]!r}; give another event another id"
                )
            new = delivered.join(present, on="event_id", how="anti")
        if not new.is_empty():
            self.commit([new])
        return Appended(accepted=new.height, already_present=delivered.height - new.height)

    def commit(self, batches: Iterable[pl.DataFrame]) -> None:
        """Write new events in one atomic commit, whose memory is bounded by the batches.

        The caller has checked that they keep the contract and that none is in the log. Batches that follow each
        other in time make the fewest files.

        Args:
            batches: columns of `EVENT_DTYPES`.
        """
        write_deltalake(
            self.path,
            pa.RecordBatchReader.from_batches(_ARROW_SCHEMA, record_batches(batches)),
            mode="append",
            partition_by=[PARTITION],
            writer_properties=_WRITER,
            configuration=_CONFIGURATION,
        )

    def compact(self, keep: timedelta = KEEP) -> Compacted:
        """Join the small files of each date and remove files that no version of the last `keep` needs.

        Removed with them are the files that killed writers left. The content, and so every `scan`, stays the same;
        a version from before `keep` may no longer be readable, but `scan(as_of)` still shows what was known.
        The caller holds the writer lock.

        Raises:
            DataError: if nothing was ever ingested.
        """
        if not self.exists:
            raise DataError(f"{self.path}: there are no events yet; run `recsys ingest` first")
        table = self._table()
        files_before = len(table.file_uris())
        table.optimize.compact(writer_properties=_WRITER)
        hours = int(keep / timedelta(hours=1))
        removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        return Compacted(files_before, len(table.file_uris()), len(removed))

    def _present(self, ids: pl.DataFrame) -> pl.DataFrame:
        """Return event_id and row_key of those ids that are in the log."""
        logged_lf = self.scan_files().join(ids.lazy(), on="event_id", how="semi")
        return logged_lf.select("event_id", row_key(logged_lf)).collect()

    def _table(self, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(self.path, version=version)
        except DeltaError as error:
            what = "the log" if version is None else f"version {version}"
            hint = "restore it from a copy" if version is None else f"the newest is {self.version}"
            reason = " ".join(str(error).split())[:160]
            raise ArtifactError(f"{self.path}: {what} cannot be read ({reason}); {hint}") from error


_CONFIGURATION = {"delta.logRetentionDuration": "interval 3650 days"}
_WRITER = WriterProperties(
    compression="ZSTD",
    compression_level=1,
    max_row_group_size=_ROW_GROUP,
    column_properties={"event_id": ColumnProperties(dictionary_enabled=False)},
)
_ARROW_SCHEMA = pl.DataFrame(schema={**EVENT_DTYPES, PARTITION: pl.Date()}).to_arrow(compat_level=_COMPAT).schema


def record_batches(batches: Iterable[pl.DataFrame]) -> Iterator[pa.RecordBatch]:
    """Add the partition, sort each batch by time and id, and hand it over as Arrow.

    Args:
        batches: columns of `EVENT_DTYPES`, optional ones may be absent.
    """
    for batch in batches:
        dated = conform(batch, EVENT_DTYPES, "events").sort("event_time", "event_id")
        dated = dated.with_columns(pl.col("event_time").dt.date().alias(PARTITION))
        yield from dated.to_arrow(compat_level=_COMPAT).cast(_ARROW_SCHEMA).to_batches()
