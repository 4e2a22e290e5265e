"""The quarantine table."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from recsys.data.quarantine import QUARANTINE_DTYPES, Quarantine, raw_json

BAD = pl.DataFrame(
    {
        "source_file": ["b.csv", "a.csv", "a.csv"],
        "row_number": [1, 2, 2],
        "reason": ["item_id_missing", "event_time_missing", "event_time_missing"],
        "raw": ["{}", "{}", '{"item_id":"i"}'],
    }
)


def test_a_bad_row_is_kept_once_however_often_it_is_delivered(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    assert quarantine.append(BAD) == 3
    assert quarantine.append(BAD.reverse()) == 0
    # the same file corrected in one row: only the other row number is new
    assert quarantine.append(BAD.with_columns(row_number=pl.Series([1, 2, 3]))) == 1
    kept = quarantine.scan().collect()
    assert kept.height == 4
    assert dict(kept.schema) == QUARANTINE_DTYPES


def test_the_same_row_twice_in_one_delivery_is_kept_once(tmp_path: Path) -> None:
    assert Quarantine(tmp_path).append(pl.concat([BAD, BAD])) == 3


def test_an_empty_quarantine_can_be_scanned_and_appending_nothing_makes_no_table(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    assert quarantine.append(BAD.clear()) == 0
    assert quarantine.scan().collect().is_empty()
    assert not quarantine.path.exists()


def test_raw_rows_are_json_with_long_texts_cut() -> None:
    rows = pl.DataFrame({"user_id": ["x" * 10**6], "value": [2.5], "at": [datetime(2024, 1, 1, tzinfo=UTC)]})
    raw = json.loads(raw_json(rows)[0])
    assert raw["user_id"] == "x" * 200
    assert raw["value"] == 2.5
    assert raw["at"].startswith("2024-01-01T00:00:00")


def test_raw_rows_without_text_or_without_rows_work() -> None:
    assert raw_json(pl.DataFrame({"n": [1]})).to_list() == ['{"n":1}']
    assert raw_json(pl.DataFrame({"t": ['a"\x00']})).to_list() == ['{"t":"a\\"\\u0000"}']
    assert raw_json(pl.DataFrame(schema={"t": pl.String})).to_list() == []
