"""Which delivered rows are new, which are there already, and which claim an id that belongs to another event.

    id of a row     the delivered event_id, else its row_key and which repeat within its file it is
    already there   the id came before (in the log, or earlier in the delivery) with the same content
    conflict        the id came before with other content; the first stays

Rows are judged in shards by hash of the id, so memory is bounded whatever the delivery and the log. A derived id
can only be in the log on the row's own date, so only the touched dates are read; ids that the sender made may be
anywhere, so one of them makes the whole log be read (its ids, and the content of those that match).
"""

import math
from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import polars_hash as plh

from recsys.data.event_ids import ROW_KEY_LENGTH, numbered_id, row_key
from recsys.data.log import PARTITION, EventLog
from recsys.tables import EVENT_DTYPES
from recsys.timeline import Window

SHARD_ROWS = 4_000_000
"""About how many rows are judged at once."""

COMMIT_ROWS = 500_000
"""About how many rows are handed to the log at once; a minute is never parted."""

PRESENT = "present"
CONFLICT = "conflict"
KEYS = ["file_index", "row_number"]

VERDICT_DTYPES: dict[str, pl.DataType] = {
    "file_index": pl.UInt32(),
    "row_number": pl.Int64(),
    "occurrence": pl.UInt32(),
    "verdict": pl.String(),
}


def judge_duplicates(staged_lf: pl.LazyFrame, log: EventLog) -> pl.DataFrame:
    """Judge staged rows against each other and against the log.

    Args:
        staged_lf: columns of `STAGED_DTYPES`.
        log: the log they are meant for.

    Returns:
        `VERDICT_DTYPES`: one row per staged row that repeats an earlier one of its file (`occurrence` > 1) or has a
        `verdict`, `PRESENT` or `CONFLICT`. Every other row is new and the first of its kind. In no particular order.
    """
    facts = staged_lf.select(pl.len(), pl.col("event_id").is_not_null().any().alias("has_ids")).collect()
    n_rows, has_ids = facts.row(0)
    n_shards = max(1, math.ceil(n_rows / SHARD_ROWS))
    logged_lf = _relevant(staged_lf, log, has_ids=has_ids)
    found = [pl.DataFrame(schema=VERDICT_DTYPES)]
    for shard in range(n_shards):
        key = pl.coalesce("event_id", "row_key")
        rows = (
            staged_lf.filter(_shard_of(key, n_shards) == shard)
            .select(*KEYS, "event_id", "row_key")
            .collect()
            .sort(KEYS)
        )
        shard_lf = None if logged_lf is None else logged_lf.filter(_shard_of(pl.col("event_id"), n_shards) == shard)
        found.append(_judge(_numbered(rows), shard_lf))
    return pl.concat(found)


def new_events(staged_lf: pl.LazyFrame, verdicts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the new rows with their ids, a span of time after the other.

    Args:
        staged_lf: columns of `STAGED_DTYPES`.
        verdicts: what `judge_duplicates` returned for them.

    Returns:
        Frames of `EVENT_DTYPES`; no two hold the same minute.
    """
    for span in _spans(staged_lf):
        rows = staged_lf.filter(span.holds(pl.col("event_time"))).collect()
        judged = rows.join(verdicts, on=KEYS, how="left").filter(pl.col("verdict").is_null())
        event_id = pl.coalesce("event_id", numbered_id(pl.col("row_key"), pl.col("occurrence").fill_null(1)))
        yield judged.with_columns(event_id.alias("event_id")).select(EVENT_DTYPES.keys())


def _spans(staged_lf: pl.LazyFrame) -> Iterator[Window]:
    """Part the time of the delivery into spans of about `COMMIT_ROWS` rows, at whole minutes."""
    minute = pl.col("event_time").dt.truncate("1m").alias("minute")
    per_minute = staged_lf.group_by(minute).len().sort("minute").collect()
    rows_before = pl.col("len").cum_sum() - pl.col("len")
    for _, span in per_minute.group_by(rows_before // COMMIT_ROWS, maintain_order=True):
        yield Window(span["minute"][0], span["minute"][-1] + timedelta(minutes=1))


def _relevant(staged_lf: pl.LazyFrame, log: EventLog, *, has_ids: bool) -> pl.LazyFrame | None:
    """Return the part of the log in which an id of the delivery can be."""
    if not log.exists:
        return None
    if has_ids:
        return log.scan_files()
    dates = staged_lf.select(pl.col("event_time").dt.date().unique()).collect().to_series()
    return log.scan_files().filter(pl.col(PARTITION).is_in(dates.to_list()))


def _shard_of(event_id: pl.Expr, n_shards: int) -> pl.Expr:
    # The head of an id: repeats of one row (`<row_key>-2`) fall into the shard of the first.
    return plh.concat_str(event_id.str.head(ROW_KEY_LENGTH)).nchash.xxh3_64() % n_shards


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `occurrence` and the id `id` to rows in file order."""
    repeats = (
        rows.filter(pl.col("row_key").is_duplicated() & pl.col("event_id").is_null())
        .with_columns(occurrence=pl.col("row_number").cum_count().over("file_index", "row_key").cast(pl.UInt32))
        .filter(pl.col("occurrence") > 1)
        .select(*KEYS, "occurrence")
    )
    occurrence = pl.col("occurrence").fill_null(1)
    return rows.join(repeats, on=KEYS, how="left", maintain_order="left").with_columns(
        occurrence, id=pl.coalesce("event_id", numbered_id(pl.col("row_key"), occurrence))
    )


def _judge(rows: pl.DataFrame, logged_lf: pl.LazyFrame | None) -> pl.DataFrame:
    """Compare the content of each row with that of whatever had its id first."""
    again = rows.filter(pl.col("id").is_duplicated()).select(
        *KEYS,
        earlier_key=pl.when(~pl.col("id").is_first_distinct()).then(pl.col("row_key").first().over("id")),
    )
    if logged_lf is None:
        logged = pl.DataFrame(schema={"id": pl.String, "logged_key": pl.String})
    else:
        ids_lf = rows.lazy().select("id").unique()
        logged = (
            logged_lf.join(ids_lf, left_on="event_id", right_on="id", how="semi")
            .select(pl.col("event_id").alias("id"), row_key(logged_lf).alias("logged_key"))
            .collect()
        )
    first_key = pl.coalesce("logged_key", "earlier_key")
    verdict = (
        pl.when(first_key == pl.col("row_key"))
        .then(pl.lit(PRESENT))
        .when(first_key.is_not_null())
        .then(pl.lit(CONFLICT))
    )
    return (
        rows.join(logged, on="id", how="left")
        .join(again, on=KEYS, how="left")
        .with_columns(verdict=verdict)
        .filter((pl.col("occurrence") > 1) | pl.col("verdict").is_not_null())
        .select(VERDICT_DTYPES.keys())
    )
