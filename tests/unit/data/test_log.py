"""The event log."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys.data.log import Appended, EventLog, record_batches
from recsys.errors import ArtifactError, DataError, SchemaError
from recsys.tables import EVENT_DTYPES
from recsys.timeline import INSTANT


def instant(day: int, hour: int = 0) -> datetime:
    return datetime(2024, 1, day, hour, tzinfo=UTC)


def events(*rows: tuple[str, datetime, datetime]) -> pl.DataFrame:
    """Rows of (event_id, event_time, known_at)."""
    schema = {"event_id": pl.String(), "event_time": INSTANT, "known_at": INSTANT}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        user_id=pl.lit("u"), item_id=pl.lit("i"), event_type=pl.lit("view")
    )


ON_TIME = events(("a", instant(1), instant(1)), ("b", instant(2), instant(2)), ("d", instant(4), instant(4)))
LATE = events(("late", instant(1, 5), instant(3)))


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    log = EventLog(tmp_path)
    log.append(ON_TIME)
    log.append(LATE)
    return log


def ids(scanned: pl.LazyFrame) -> list[str]:
    return scanned.collect()["event_id"].sort().to_list()


def test_a_scan_shows_what_was_known_before_as_of(log: EventLog) -> None:
    assert ids(log.scan(instant(2))) == ["a"]  # b is known at as_of itself
    assert ids(log.scan(instant(3))) == ["a", "b"]
    assert ids(log.scan(instant(3) + timedelta(microseconds=1))) == ["a", "b", "late"]
    assert ids(log.scan(instant(5))) == ["a", "b", "d", "late"]
    assert ids(log.scan(instant(5), since=instant(1, 5))) == ["b", "d", "late"]


def test_a_scan_has_the_columns_of_the_contract(log: EventLog) -> None:
    assert dict(log.scan(instant(5)).collect().schema) == EVENT_DTYPES


def test_a_scan_of_some_days_opens_the_files_of_those_days_only(log: EventLog) -> None:
    shutil.rmtree(log.path / "event_date=2024-01-01")
    shutil.rmtree(log.path / "event_date=2024-01-04")
    # as_of is midnight: nothing of the 4th can be known, and `since` leaves out the 1st
    assert ids(log.scan(instant(4), since=instant(2))) == ["b"]
    with pytest.raises(FileNotFoundError):
        log.scan(instant(4, 1), since=instant(2)).collect()


def test_an_empty_log_says_what_to_do(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    assert log.version is None
    for use in (lambda: log.scan(instant(1)), log.compact):
        with pytest.raises(DataError, match="there are no events yet; run `recsys ingest` first"):
            use()


def test_appending_again_adds_nothing_and_makes_no_version(log: EventLog) -> None:
    assert log.version == 1
    assert log.append(ON_TIME.reverse()) == Appended(accepted=0, already_present=3)
    assert log.version == 1
    both = pl.concat([ON_TIME, events(("new", instant(2), instant(2)))])
    assert log.append(both) == Appended(accepted=1, already_present=3)
    assert log.version == 2


def test_an_id_with_other_content_is_refused(log: EventLog) -> None:
    with pytest.raises(DataError, match="1 of 3 event ids are in the log with other content; first: event_id='a'"):
        log.append(
            ON_TIME.with_columns(item_id=pl.when(pl.col("event_id") == "a").then(pl.lit("j")).otherwise("item_id"))
        )
    assert log.version == 1


def test_an_append_that_breaks_the_contract_is_refused(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    with pytest.raises(DataError, match=r"1 of 1 rows break the event contract .*known_when_it_happened_or_later"):
        log.append(events(("a", instant(2), instant(1))))
    with pytest.raises(DataError, match="primary_key"):
        log.append(pl.concat([ON_TIME, ON_TIME]))
    with pytest.raises(SchemaError, match="event_id is Int64"):
        log.append(ON_TIME.with_columns(event_id=pl.lit(1, pl.Int64)))
    assert log.version is None


def test_an_older_version_can_be_read(log: EventLog) -> None:
    assert ids(log.scan(instant(9), version=0)) == ["a", "b", "d"]
    assert ids(log.scan(instant(9), version=1)) == ["a", "b", "d", "late"]
    with pytest.raises(ArtifactError, match=r"version 7 cannot be read .*the newest is 1"):
        log.scan(instant(9), version=7)


def test_compaction_joins_files_and_keeps_what_every_scan_shows(log: EventLog) -> None:
    before = [log.scan(instant(day)).sort("event_id").collect() for day in (2, 3, 5)]
    done = log.compact()
    assert (done.files_before, done.files_after, done.files_removed) == (4, 3, 0)  # two files of the 1st became one
    after = [log.scan(instant(day)).sort("event_id").collect() for day in (2, 3, 5)]
    assert all(one.equals(other) for one, other in zip(before, after, strict=True))
    assert ids(log.scan(instant(9), version=0)) == ["a", "b", "d"]


def test_compaction_that_keeps_nothing_removes_old_files_and_says_so_when_they_are_asked_for(log: EventLog) -> None:
    orphan = log.path / "event_date=2024-01-02" / "part-of-a-killed-writer.parquet"
    orphan.write_bytes(b"half")
    assert log.compact(keep=timedelta()).files_removed == 3  # two joined files and the orphan
    assert not orphan.exists()
    assert ids(log.scan(instant(9))) == ["a", "b", "d", "late"]
    with pytest.raises(ArtifactError, match="version 0 has lost 1 of 3 files to compaction"):
        log.scan(instant(9), version=0)


def test_a_commit_whose_source_fails_adds_nothing(log: EventLog) -> None:
    def half() -> object:
        yield events(("x", instant(1), instant(1)))
        raise ValueError("the disk is gone")

    with pytest.raises(Exception, match="the disk is gone"):
        log.commit(half())  # type: ignore[arg-type]
    assert log.version == 1
    assert "x" not in ids(log.scan(instant(9)))


def test_a_damaged_log_is_named(log: EventLog) -> None:
    (log.path / "_delta_log" / f"{0:020d}.json").write_text("{")
    with pytest.raises(ArtifactError, match="the log cannot be read"):
        log.scan(instant(9))


def test_batches_are_sorted_and_dated_on_their_way_into_the_log() -> None:
    (batch,) = record_batches([pl.concat([LATE, ON_TIME]).reverse()])
    table = pl.DataFrame(pl.from_arrow(batch))
    assert table["event_id"].to_list() == ["a", "late", "b", "d"]
    assert table["event_date"].dt.day().to_list() == [1, 1, 2, 4]
    assert table.columns == [*EVENT_DTYPES, "event_date"]
