"""RetailRocket: events keep their names, and item properties become versions in time."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.data.importers.retailrocket import RetailRocketImporter
from recsys.errors import DataError, SchemaError

EVENTS = """timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433224214164,992329,addtocart,248676,
1433222276276,599528,transaction,356475,4000
"""
DAY_MS = 86_400_000


def write(folder: Path, parts: list[list[tuple[int, str, str, str]]]) -> Path:
    """Write the events, and each part as (day, item, property, value)."""
    (folder / "events.csv").write_text(EVENTS)
    for number, part in enumerate(parts, start=1):
        rows = [f"{day * DAY_MS},{item},{name},{value}" for day, item, name, value in part]
        text = "\n".join(["timestamp,itemid,property,value", *rows]) + "\n"
        (folder / f"item_properties_part{number}.csv").write_text(text)
    return folder


def versions(folder: Path) -> list[tuple[object, ...]]:
    """Return (item, day, category, available_from, available_to), instants as days since 1970."""
    items = RetailRocketImporter().read_items([folder])
    assert items is not None
    in_days = pl.col("known_at", "available_from", "available_to").dt.timestamp("ms") // DAY_MS
    return (
        items.with_columns(in_days).select("item_id", "known_at", "category", "available_from", "available_to").rows()
    )


def test_event_types_and_baskets_keep_their_names(tmp_path: Path) -> None:
    importer = RetailRocketImporter()
    [path] = importer.find([write(tmp_path, [])])
    events = pl.concat(chunk.frame for chunk in importer.read_events(path))
    assert events.select("user_id", "item_id", "event_type", "event_time", "basket_id").rows() == [
        ("257597", "355908", "view", "1433221332117", None),
        ("992329", "248676", "addtocart", "1433224214164", None),
        ("599528", "356475", "transaction", "1433222276276", "4000"),
    ]


def test_category_and_availability_are_carried_forward(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        [
            [(1, "9", "categoryid", "1338"), (1, "9", "available", "1"), (3, "9", "available", "0")],
            [(5, "9", "categoryid", "7"), (7, "9", "available", "1"), (7, "9", "790", "n5.000")],
        ],
    )
    assert versions(folder) == [
        ("9", 1, "1338", 1, None),
        ("9", 3, "1338", 1, 3),  # sold out on day 3
        ("9", 5, "7", 1, 3),  # still out, in another category
        ("9", 7, "7", 7, None),  # back on day 7
    ]


def test_a_property_that_repeats_its_value_makes_no_version(tmp_path: Path) -> None:
    folder = write(tmp_path, [[(day, "9", name, "1") for day in (1, 2, 3) for name in ("categoryid", "available")]])
    assert versions(folder) == [("9", 1, "1", 1, None)]


def test_an_item_of_unknown_availability_is_open_and_one_never_available_is_ended(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        [[(2, "8", "categoryid", "1"), (4, "8", "available", "1"), (2, "9", "available", "0"), (3, "8", "790", "x")]],
    )
    assert versions(folder) == [("8", 2, "1", None, None), ("8", 4, "1", 4, None), ("9", 2, None, None, 2)]


def test_versions_do_not_depend_on_how_rows_are_spread_over_the_parts(tmp_path: Path) -> None:
    rows = [(day, item, name, str(day % 2)) for day in (1, 2) for item in "ab" for name in ("categoryid", "available")]
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    together = RetailRocketImporter().read_items([write(one, [rows])])
    apart = RetailRocketImporter().read_items([write(two, [rows[5:][::-1], rows[:5]])])
    assert together is not None
    assert apart is not None
    assert_frame_equal(together, apart)


def test_a_folder_without_property_files_has_no_items(tmp_path: Path) -> None:
    assert RetailRocketImporter().read_items([write(tmp_path, [])]) is None


def test_properties_are_found_beside_the_events_file(tmp_path: Path) -> None:
    write(tmp_path, [[(1, "9", "available", "1")]])
    items = RetailRocketImporter().read_items([tmp_path / "events.csv"])
    assert items is not None
    assert items["available_from"].to_list() == [datetime(1970, 1, 2, tzinfo=UTC)]


@pytest.mark.parametrize("row", ["soon,9,available,1", "1,,available,1", "1,9,categoryid", "1,9"])
def test_a_broken_property_row_is_refused(tmp_path: Path, row: str) -> None:
    write(tmp_path, [[(1, "9", "available", "1")]])
    path = tmp_path / "item_properties_part1.csv"
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(DataError, match=r"part1.csv: 1 row\(s\) lack a field or a timestamp; first: \("):
        RetailRocketImporter().read_items([tmp_path])


@pytest.mark.parametrize("content", [b"", b"timestamp,itemid,property,value\n1,\xe9,available,1\n"])
def test_a_damaged_property_file_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, [])
    (tmp_path / "item_properties_part1.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"item_properties_part1.csv: cannot be read \(.*(empty|utf-8)"):
        RetailRocketImporter().read_items([tmp_path])


def test_a_missing_column_and_a_missing_events_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file of retailrocket"):
        RetailRocketImporter().find([tmp_path])
    (tmp_path / "events.csv").write_text("timestamp,itemid\n1,2\n")
    with pytest.raises(SchemaError, match=r"3 column\(s\) missing: visitorid, event, transactionid"):
        list(RetailRocketImporter().read_events(tmp_path / "events.csv"))
