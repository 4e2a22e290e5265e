"""The catalogue: idempotent appends, the version known at an instant, and files that users bring."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.ingest import ingest
from recsys.data.item_files import read_item_files
from recsys.data.items import ALWAYS_KNOWN, ItemAppend, ItemTable, latest_versions
from recsys.errors import ArtifactError, DataError, SchemaError
from recsys.tables import ITEM_DTYPES, conform
from recsys.timeline import INSTANT


def day(number: int) -> datetime:
    return datetime(2020, 1, number, tzinfo=UTC)


def versions(*rows: tuple[str, int, str]) -> pl.DataFrame:
    """Build versions from (item_id, day of January 2020, title)."""
    ids, days, titles = zip(*rows, strict=True)
    known_at = pl.Series([day(number) for number in days], dtype=INSTANT)
    return pl.DataFrame({"item_id": ids, "known_at": known_at, "title": titles})


def titles(table: ItemTable, as_of: datetime) -> list[tuple[str, str]]:
    return table.scan(as_of).select("item_id", "title").collect().rows()


def test_a_home_without_items_has_an_empty_catalogue(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    assert table.version is None
    assert table.scan(day(1)).collect().schema == pl.Schema({**ITEM_DTYPES, "launched_at": INSTANT})


def test_the_scan_shows_the_latest_version_known_before_as_of(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    table.append(versions(("a", 1, "old"), ("a", 3, "new"), ("b", 2, "only")))
    assert titles(table, day(1)) == []  # known at as_of is not known before it
    assert titles(table, day(2)) == [("a", "old")]
    assert titles(table, day(3)) == [("a", "old"), ("b", "only")]
    assert titles(table, day(4)) == [("a", "new"), ("b", "only")]


def test_delivering_the_same_versions_again_adds_nothing(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    assert table.append(versions(("a", 1, "x"), ("b", 1, "y"))) == ItemAppend(accepted=2, already_present=0)
    again = versions(("b", 1, "y"), ("a", 1, "x"), ("a", 1, "x"), ("a", 2, "z"))
    assert table.append(again) == ItemAppend(accepted=1, already_present=2)
    assert table.version == 1
    assert table.append(again) == ItemAppend(accepted=0, already_present=3)
    assert table.version == 1  # nothing new, no commit


def test_an_earlier_version_of_the_table_can_be_read(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    table.append(versions(("a", 1, "x")))
    pinned = table.version
    table.append(versions(("a", 2, "changed"), ("b", 1, "backdated")))
    assert table.scan(day(9), version=pinned).select("item_id", "title").collect().rows() == [("a", "x")]
    assert titles(table, day(9)) == [("a", "changed"), ("b", "backdated")]


@pytest.mark.parametrize("n_appends", [0, 1])
def test_a_version_of_the_table_that_never_was_is_refused(tmp_path: Path, n_appends: int) -> None:
    table = ItemTable(tmp_path)
    for _ in range(n_appends):
        table.append(versions(("a", 1, "x")))
    newest = 0 if n_appends else None
    with pytest.raises(ArtifactError, match=rf"^.*log/items: version 7 cannot be read \(.*\); the newest is {newest}$"):
        table.scan(day(2), version=7)


def test_an_item_is_launched_when_its_first_version_says_so_whatever_came_later(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    early = versions(("announced", 1, "x"), ("dated", 2, "x"), ("undated", 3, "x"), ("old", 4, "x"))
    table.append(
        early.with_columns(
            known_at=pl.when(pl.col("item_id") == "undated").then(pl.lit(ALWAYS_KNOWN, INSTANT)).otherwise("known_at"),
            available_from=pl.Series([day(5), None, None, datetime(2015, 1, 1, tzinfo=UTC)], dtype=INSTANT),
        )
    )
    table.append(
        versions(*((name, 6, "changed") for name in ("announced", "dated", "undated", "old"))).with_columns(
            available_from=pl.lit(day(7), INSTANT)
        )
    )
    launched = table.scan(day(8)).select("item_id", "launched_at").collect().rows()
    old = datetime(2015, 1, 1, tzinfo=UTC)
    assert launched == [("announced", day(5)), ("dated", day(2)), ("old", old), ("undated", None)]


def test_the_latest_versions_of_the_latest_versions_are_the_same() -> None:
    rows = conform(versions(("a", 1, "x"), ("a", 3, "y"), ("b", 2, "z")), ITEM_DTYPES, "items")
    once = latest_versions(rows.lazy(), day(4)).collect()
    assert once["launched_at"].to_list() == [day(1), day(2)]
    assert_frame_equal(latest_versions(once.lazy(), day(4)).collect(), once)


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(4)), split=st.integers(0, 4))
def test_order_and_division_of_deliveries_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], split: int
) -> None:
    rows = versions(("a", 1, "p"), ("a", 3, "q"), ("b", 2, "r"), ("c", 4, "s"))
    table = ItemTable(tmp_path_factory.mktemp("home"))
    shuffled = rows[order]
    table.append(shuffled.head(split))
    table.append(shuffled.tail(4 - split))
    assert [titles(table, day(number)) for number in (2, 3, 5)] == [
        [("a", "p")],
        [("a", "p"), ("b", "r")],
        [("a", "q"), ("b", "r"), ("c", "s")],
    ]


def test_later_known_versions_change_nothing_before_them(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    table.append(versions(("a", 1, "x")))
    before = table.scan(day(2)).collect()
    table.append(versions(("a", 2, "changed"), ("b", 2, "future")))
    assert_frame_equal(table.scan(day(2)).collect(), before)


def test_another_content_for_a_version_is_refused_and_nothing_is_added(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    table.append(versions(("a", 1, "x")))
    with pytest.raises(DataError, match=r"1 version\(s\) have two contents; first: item_id='a', known_at=2020-01-01T"):
        table.append(versions(("a", 1, "y"), ("b", 1, "z")))
    with pytest.raises(DataError, match=r"1 version\(s\) have two contents; first: item_id='b'"):
        table.append(versions(("b", 1, "y"), ("b", 1, "z")))
    assert titles(table, day(2)) == [("a", "x")]


def test_further_columns_are_kept_as_text(tmp_path: Path) -> None:
    table = ItemTable(tmp_path)
    table.append(versions(("a", 1, "x")))
    table.append(versions(("b", 1, "y")).with_columns(colour=pl.lit("red"), size=pl.lit(7)))
    catalogue = table.scan(day(2)).select("item_id", "colour", "size").collect()
    assert catalogue.rows() == [("a", None, None), ("b", "red", "7")]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"title": ["x"]}), r"items: 2 column\(s\) missing: item_id, known_at"),
        (versions(("a", 1, "x")).with_columns(price=pl.lit("1")), "items: .*price is String, not Float64"),
        (versions(("a", 1, "x")).with_columns(tags=pl.lit(["t"])), r"items: 1 column\(s\) hold lists or records: tags"),
        (
            versions(("a", 1, "x")).with_columns(launched_at="known_at"),
            "column launched_at is computed from the versions",
        ),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        ItemTable(tmp_path).append(frame)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.lit(None, pl.String).alias("item_id"), r"2 of 2 versions break .*item_id.*: 2\); first: item_id=None"),
        (pl.lit(float("nan")).alias("price"), r"2 of 2 versions break .*price.*: 2\); first: item_id='a'"),
        (pl.lit("a\x00b").alias("item_id"), r"2 of 2 .*item_id\|check__is_printable: 2\); first: item_id='a\\x00b'"),
        (pl.lit("a\n").alias("item_id"), r"2 of 2 .*item_id\|check__is_printable: 2\); first: item_id='a\\n'"),
        (pl.lit("ä" * 129).alias("item_id"), r"2 of 2 .*item_id\|check__is_short: 2\); first: item_id='ä{79},"),
    ],
)
def test_rows_that_break_the_contract_are_refused_with_the_first(tmp_path: Path, column: pl.Expr, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ItemTable(tmp_path).append(versions(("a", 1, "x"), ("b", 2, "y")).with_columns(column))


def test_an_identifier_of_the_greatest_length_is_taken(tmp_path: Path) -> None:
    assert ItemTable(tmp_path).append(versions(("ä" * 128, 1, "x"))).accepted == 1


def test_an_empty_identifier_is_none(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["", "a"]}).write_parquet(path)
    with pytest.raises(DataError, match=r"1 of 2 versions break .*item_id\|nullability: 1\); first: item_id=None"):
        ItemTable(tmp_path).append(read_item_files([path]))


def test_a_file_of_items_is_read_under_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text(
        "item_id,price,known_at,available_to,colour\n"
        "1,2.5,2020-01-01,,red\n"
        "2,,2020-01-02T01:00:00+01:00,2020-01-05T00:00:00Z,\n"
    )
    items = read_item_files([path])
    assert items.rows() == [("1", 2.5, day(1), None, "red"), ("2", None, day(2), day(5), None)]


def test_items_without_known_at_are_known_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": [7], "title": ["x"]}).write_parquet(path)
    table = ItemTable(tmp_path / "home")
    table.append(read_item_files([path]))
    assert titles(table, datetime(1970, 1, 2, tzinfo=UTC)) == [("7", "x")]


def test_files_of_a_folder_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("item_id,title\n1,x\n")
    pl.DataFrame({"item_id": [2], "brand": ["y"]}).write_parquet(tmp_path / "b.parquet")
    rows = read_item_files([tmp_path]).select("item_id", "title", "brand").rows()
    assert rows == [("1", "x", None), ("2", None, "y")]


def test_typed_dates_and_zoned_instants_become_utc(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    local = pl.Series([datetime(2020, 1, 2, 1)]).dt.replace_time_zone("Europe/Berlin")  # noqa: DTZ001
    frame = pl.DataFrame({"item_id": ["1"], "known_at": local, "available_from": [date(2020, 1, 3)]})
    frame.with_columns(available_to=None).write_parquet(path)
    assert read_item_files([path]).row(0) == ("1", day(2), day(3), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title\nx\n", r"items.csv: 1 column\(s\) missing: item_id; it has title"),
        ("item_id,price\n1,dear\n2,2\n", r"items.csv: 1 value\(s\) of price are no numbers; first: 'dear'"),
        (
            "item_id,known_at\n1,2020-01-01T10:00:00\n",
            r"items.csv: 1 value\(s\) of known_at are written without a time zone; first",
        ),
        ("item_id,known_at\n1,soon\n", r"items.csv: 1 value\(s\) of known_at are no instants; first: 'soon'"),
        ("", r"items.csv: cannot be read .*empty"),
    ],
)
def test_a_wrong_item_file_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "items.csv"
    path.write_text(text)
    with pytest.raises((DataError, SchemaError), match=message):
        read_item_files([path])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"item_id": [1.0]}), "item_id is Float64; write ids as text or integers"),
        (pl.DataFrame({"item_id": [1], "tags": [["a"]]}), r"column tags is List\(String\); write it as text"),
        (pl.DataFrame({"item_id": [1], "known_at": [0.5]}), "column known_at is Float64, no instant"),
        (
            pl.DataFrame({"item_id": [1], "known_at": [datetime(2020, 1, 1)]}),  # noqa: DTZ001
            "column known_at is Datetime.* without a time zone",
        ),
    ],
)
def test_a_typed_column_of_another_kind_is_refused(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    path = tmp_path / "items.parquet"
    frame.write_parquet(path)
    with pytest.raises(SchemaError, match=message):
        read_item_files([path])


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "item_id,title\n1,x\n2,y\n",
            "warning: 2 of 2 items have no known_at, first: item_id='1'; past runs see their columns as they are now, "
            "and 2 of them, without available_from, only from their first event on; ",
        ),
        (
            "item_id,available_from\n1,2020-01-01\n2,\n",
            "warning: 2 of 2 items have no known_at, first: item_id='1'; past runs see their columns as they are now, "
            "and 1 of them, without available_from, only from their first event on; ",
        ),
        ("item_id,known_at\n1,2020-01-01\n", None),
    ],
)
def test_ingesting_items_without_known_at_says_what_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, warning: str | None
) -> None:
    (tmp_path / "items.csv").write_text(text)
    (tmp_path / "c.toml").write_text("")
    ingest([tmp_path / "items.csv"], tmp_path / "c.toml", home=tmp_path / "home", layout="items")
    first, *_ = lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + (warning is not None)
    assert lines[-1].startswith("item versions: ")
    assert warning is None or first.startswith(warning)
