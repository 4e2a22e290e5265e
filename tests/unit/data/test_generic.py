"""The generic event format."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.data.importers import IMPORTERS
from recsys.errors import DataError, SchemaError

EVENTS = IMPORTERS["events"]
FRAME = pl.DataFrame(
    {
        "timestamp": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)],
        "user_id": ["u", None],
        "item_id": [1, 2],
        "event_type": ["view", "view"],
        "value": [1.5, None],
        "colour": ["red", "blue"],
    }
)


def test_every_importer_stands_under_its_own_name() -> None:
    assert {name: importer.name for name, importer in IMPORTERS.items()} == {name: name for name in IMPORTERS}


def test_parquet_arrives_typed_under_the_names_of_the_contract(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "e.parquet")
    (arrivals,) = EVENTS.read_events(tmp_path / "e.parquet")
    assert arrivals.frame.equals(FRAME.drop("colour").rename({"timestamp": "event_time"}))
    assert arrivals.naive_time_zone is None
    assert EVENTS.read_items([tmp_path]) is None


def test_csv_arrives_as_text_under_the_names_of_the_contract(tmp_path: Path) -> None:
    FRAME.rename({"timestamp": "event_time"}).select(pl.all().cast(pl.String)).write_csv(tmp_path / "e.csv")
    frame = pl.concat(arrivals.frame for arrivals in EVENTS.read_events(tmp_path / "e.csv"))
    assert frame.columns == ["event_time", "user_id", "item_id", "event_type", "value"]
    assert frame.rows()[1][1:] == (None, "2", "view", None)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"e.{suffix}"
    frame = FRAME.drop("timestamp", "event_type")
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    with pytest.raises(SchemaError, match=r"2 column\(s\) missing: event_type, timestamp; it has user_id, item_id"):
        list(EVENTS.read_events(path))


def test_two_columns_for_one_time_are_refused(tmp_path: Path) -> None:
    FRAME.with_columns(event_time=pl.col("timestamp")).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(SchemaError, match="has both timestamp and event_time"):
        list(EVENTS.read_events(tmp_path / "e.parquet"))


@pytest.mark.parametrize("damage", ["empty", "truncated", "no parquet", "rotten"])
def test_damaged_parquet_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "e.parquet"
    FRAME.write_parquet(path, compression="zstd")
    whole = path.read_bytes()
    rotten = whole[:4] + b"\x00" * 60 + whole[64:]
    path.write_bytes(
        {"empty": b"", "truncated": whole[:-20], "no parquet": b"user_id,item_id\n", "rotten": rotten}[damage]
    )
    with pytest.raises(DataError, match=r"e\.parquet: cannot be read .*; deliver the file again, or leave it out"):
        list(EVENTS.read_events(path))


def test_files_of_a_folder_are_found_in_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.CSV", "a.parquet", "c.csv.gz", "deep/d.zip", "notes.txt"):
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in EVENTS.find([tmp_path])]
    assert found == ["a.parquet", "b.CSV", "c.csv.gz", "deep/d.zip"]
    with pytest.raises(DataError, match=r"notes\.txt: holds no file of events"):
        EVENTS.find([tmp_path / "notes.txt"])
