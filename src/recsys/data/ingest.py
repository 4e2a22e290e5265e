"""Ingestion: from delivered files to the log, each row exactly once.

    stage    parse every file chunk by chunk into a folder: good rows, bad rows with their reason
    decide   find which rows are new; refuse the whole delivery when too large a share of it is bad
    commit   append to the quarantine, then to the log: two commits, each atomic, each adding a row only once

So whenever it is killed, the next ingestion of the same files completes it. Memory is bounded by chunks of a million
rows, and by the rows of the delivery's largest minute.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from pydantic import Field

from recsys.data.arrivals import TimeBounds
from recsys.data.deliveries import Delivery, stage_deliveries
from recsys.data.duplicates import CONFLICT, KEYS, judge_duplicates, new_events
from recsys.data.log import EventLog
from recsys.data.quarantine import Quarantine, raw_json
from recsys.data.staging import BAD_DTYPES, Staging
from recsys.data.writer_lock import one_writer
from recsys.errors import DataError
from recsys.settings import Duration, Instant, Settings
from recsys.tables import EVENT_DTYPES
from recsys.timeline import parse_duration, parse_instant


class IngestSettings(Settings):
    """What an ingestion refuses.

    Attributes:
        earliest: an event before it is quarantined (after 1973-03-03, see `arrival_times`).
        max_bad_share: the largest share of bad rows with which a delivery is still taken.
        writer_patience: how long to wait for another process that writes to the same home.
    """

    earliest: Instant = parse_instant("1990-01-01")
    max_bad_share: float = Field(default=0.05, ge=0, le=1)
    writer_patience: Duration = parse_duration("1m")


@dataclass(frozen=True)
class IngestSummary:
    """What became of a delivery: rows = accepted + already_present + the sum of `quarantined`.

    Attributes:
        quarantined: reason -> rows.
        first_event, last_event: range of `event_time` over the rows that keep the contract; None without any.
        users, items: how many distinct ones those rows name.
        event_types: type -> rows, of those rows.
        log_version: version of the log afterwards; None while it is empty.
    """

    rows: int
    accepted: int
    already_present: int
    quarantined: dict[str, int]
    first_event: datetime | None
    last_event: datetime | None
    users: int
    items: int
    event_types: dict[str, int]
    log_version: int | None


def ingest_events(
    home: Path,
    deliveries: Iterable[Delivery],
    settings: IngestSettings,
    *,
    now: datetime,
    known_at_stamp: datetime | None = None,
) -> IngestSummary:
    """Append the delivered rows that are new to the log, and the bad ones to the quarantine.

    Time:
        A delivered row was known at its `event_time`, or at its own `known_at`; with a stamp never before the stamp.
        No event after `now` is taken.

    Args:
        home: the home; made where it is missing.
        deliveries: the files, in the order in which the first of two conflicting rows stays.
        settings: what to refuse.
        now: the moment of ingestion.
        known_at_stamp: the logical moment of a nightly delivery; None for a history.

    Returns:
        Counts of this delivery.

    Raises:
        DataError: if a file cannot be read or too large a share is bad; nothing is appended.
        SchemaError: if a file lacks a column or has one of the wrong type; nothing is appended.
        ArtifactError: if another process keeps writing to the home.
    """
    bounds = TimeBounds(settings.earliest, now, known_at_stamp)
    with one_writer(home, settings.writer_patience):
        staging = Staging(home)
        try:
            names = stage_deliveries(staging, deliveries, bounds)
            return _decide_and_commit(home, staging, names, settings.max_bad_share)
        finally:
            staging.clear()


def _decide_and_commit(home: Path, staging: Staging, names: Sequence[str], max_bad_share: float) -> IngestSummary:
    log = EventLog(home)
    verdicts = judge_duplicates(staging.scan_good(), log)
    bad = pl.concat([staging.scan_bad().collect(), _conflicts(staging, verdicts, names)])
    n_good = staging.scan_good().select(pl.len()).collect().item()
    n_present = verdicts.filter(pl.col("verdict").is_not_null()).height
    n_accepted = n_good - n_present
    n_conflicts = verdicts.filter(pl.col("verdict") == CONFLICT).height
    n_rows = n_accepted + n_present - n_conflicts + bad.height
    _refuse_too_bad(bad, n_rows, max_bad_share)
    Quarantine(home).append(bad)
    if n_accepted:
        log.commit(new_events(staging.scan_good(), verdicts))
    return _summary(staging, bad, (n_rows, n_accepted, n_present - n_conflicts), log.version)


def _conflicts(staging: Staging, verdicts: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the rows that claim another event's id, as quarantined: parsed, since their arrival is not kept."""
    claims = verdicts.filter(pl.col("verdict") == CONFLICT).select(KEYS)
    if claims.is_empty():
        return pl.DataFrame(schema=BAD_DTYPES)
    rows = staging.scan_good().join(claims.lazy(), on=KEYS, how="semi").sort(KEYS).collect()
    return rows.select(
        pl.col("file_index").replace_strict(dict(enumerate(names)), return_dtype=pl.String).alias("source_file"),
        "row_number",
        pl.lit("event_id_conflict").alias("reason"),
        raw_json(rows.select(EVENT_DTYPES.keys())).alias("raw"),
    )


def _refuse_too_bad(bad: pl.DataFrame, n_rows: int, max_bad_share: float) -> None:
    if bad.height <= max_bad_share * n_rows:
        return
    first = bad.row(0, named=True)
    counts = ", ".join(f"{reason} {count}" for reason, count in _counts(bad["reason"]).items())
    raise DataError(
        f"{first['source_file']}: {bad.height} of {n_rows} rows ({bad.height / n_rows:.1%}) are bad, more than "
        f"max_bad_share = {max_bad_share:.1%}: {counts}; first: row {first['row_number']} ({first['reason']}) "
        f"{first['raw']:.300}; nothing was ingested: mend the rows, or raise max_bad_share under [ingest]"
    )


def _counts(values: pl.Series) -> dict[str, int]:
    """Count each text, the most frequent first."""
    counted = values.alias("value").value_counts(name="n").sort("n", "value", descending=[True, False])
    return dict(counted.iter_rows())


def _summary(staging: Staging, bad: pl.DataFrame, counts: tuple[int, int, int], version: int | None) -> IngestSummary:
    event_time = pl.col("event_time")
    good_lf = staging.scan_good()
    facts = good_lf.select(
        event_time.min().alias("first"),
        event_time.max().alias("last"),
        pl.col("user_id").drop_nulls().n_unique().alias("users"),
        pl.col("item_id").n_unique().alias("items"),
    ).collect(engine="streaming")
    types = good_lf.group_by("event_type").len("n").sort("n", "event_type", descending=[True, False]).collect()
    first, last, users, items = facts.row(0)
    rows, accepted, already_present = counts
    return IngestSummary(
        rows=rows,
        accepted=accepted,
        already_present=already_present,
        quarantined=_counts(bad["reason"]),
        first_event=first,
        last_event=last,
        users=users,
        items=items,
        event_types=dict(types.iter_rows()),
        log_version=version,
    )
