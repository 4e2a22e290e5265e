"""Which delivered rows are new. That ingestion counts them rightly is tested in `test_ingest`."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.data import duplicates
from recsys.data.duplicates import CONFLICT, PRESENT, VERDICT_DTYPES, judge_duplicates, new_events
from recsys.data.event_ids import row_key
from recsys.data.log import EventLog
from recsys.data.staging import STAGED_DTYPES
from recsys.tables import EVENT_DTYPES, conform


def staged(*rows: tuple[int, int, str | None, str, int]) -> pl.LazyFrame:
    """Rows of (file_index, row_number, event_id, item_id, day)."""
    frame = pl.DataFrame(
        [
            {
                "file_index": file_index,
                "row_number": row_number,
                "event_id": event_id,
                "item_id": item_id,
                "event_type": "view",
                "event_time": datetime(2024, 1, day, tzinfo=UTC),
                "known_at": datetime(2024, 1, day, tzinfo=UTC),
            }
            for file_index, row_number, event_id, item_id, day in rows
        ],
        schema_overrides={**EVENT_DTYPES, "file_index": pl.UInt32()},
    )
    events = conform(frame, EVENT_DTYPES, "rows").with_columns(frame["file_index"], frame["row_number"])
    return events.with_columns(row_key(events)).select(STAGED_DTYPES.keys()).lazy()


def judged(staged_lf: pl.LazyFrame, log: EventLog) -> list[tuple[object, ...]]:
    verdicts = judge_duplicates(staged_lf, log)
    assert dict(verdicts.schema) == VERDICT_DTYPES
    return verdicts.sort("file_index", "row_number").rows()


def test_only_rows_that_are_not_plainly_new_are_listed(tmp_path: Path) -> None:
    rows = staged(
        (0, 1, None, "a", 1),  # new
        (0, 2, None, "a", 1),  # the second of its kind in its file: new, and numbered
        (1, 1, None, "a", 1),  # the first row again
        (1, 2, "id", "a", 1),  # new under its own id
        (1, 3, "id", "b", 1),  # claims that id for another row
        (1, 4, "id", "a", 1),  # that row again
    )
    assert judged(rows, EventLog(tmp_path)) == [
        (0, 2, 2, None),
        (1, 1, 1, PRESENT),
        (1, 3, 1, CONFLICT),
        (1, 4, 1, PRESENT),
    ]


def test_what_is_in_the_log_came_first(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    before = staged((0, 1, None, "a", 1), (0, 2, "id", "b", 2))
    log.commit(new_events(before, judge_duplicates(before, log)))
    rows = staged((0, 1, None, "a", 1), (0, 2, "id", "c", 9), (0, 3, "id", "b", 2), (0, 4, None, "a", 2))
    assert judged(rows, log) == [(0, 1, 1, PRESENT), (0, 2, 1, CONFLICT), (0, 3, 1, PRESENT)]


def test_without_ids_of_the_sender_only_the_touched_dates_are_read(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    before = staged((0, 1, None, "a", 1), (0, 2, None, "b", 2), (0, 3, None, "c", 3))
    log.commit(new_events(before, judge_duplicates(before, log)))
    for file in (log.path / "event_date=2024-01-02").iterdir():
        file.unlink()
    assert judged(staged((0, 1, None, "a", 1), (0, 2, None, "c", 3)), log) == [(0, 1, 1, PRESENT), (0, 2, 1, PRESENT)]
    with pytest.raises(FileNotFoundError):
        judge_duplicates(staged((0, 1, "id", "a", 1)), log)


def test_new_events_come_in_order_of_time_with_their_ids(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(duplicates, "COMMIT_ROWS", 2)
    rows = staged(
        (0, 1, "z", "a", 3), (0, 2, None, "a", 1), (0, 3, None, "a", 1), (0, 4, None, "b", 2), (1, 1, "z", "a", 3)
    )
    frames = list(new_events(rows, judge_duplicates(rows, EventLog(tmp_path))))
    key = rows.collect()["row_key"][1]
    dates = [frame["event_time"].dt.date().unique().to_list() for frame in frames]
    assert dates == [[date(2024, 1, 1)], [date(2024, 1, 2), date(2024, 1, 3)]]
    assert all(dict(frame.schema) == EVENT_DTYPES for frame in frames)
    assert frames[0]["event_id"].sort().to_list() == [key, f"{key}-2"]
    assert frames[1]["event_id"].sort().to_list()[1] == "z"
