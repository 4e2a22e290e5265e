"""UCI Online Retail: what a line becomes, from CSV and from the spreadsheet, and when a description was known."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from polars.testing import assert_frame_equal

from recsys.data.importers.online_retail import OnlineRetailImporter
from recsys.errors import DataError, SchemaError

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LINES = [
    HEADER,
    "536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
    "536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
    "C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom",
    "536414,22139,damaged,-56,2010-12-01 11:52:00,0.0,,United Kingdom",
    "A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom",
    "536370,22728,ALARM CLOCK,24,2010-12-01 08:45:00,0.0,12583.0,France",
]


def read(path: Path) -> pl.DataFrame:
    importer = OnlineRetailImporter()
    return pl.concat(chunk.frame for file in importer.find([path]) for chunk in importer.read_events(file))


def write_csv(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_spreadsheet(path: Path) -> Path:
    """Write LINES as Excel stores them: numbers as numbers, times as days since 1899-12-30."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Online Retail")
        clock = book.add_format({"num_format": "m/d/yyyy h:mm"})
        sheet.write_row(0, 0, HEADER.split(","))
        for row, line in enumerate(LINES[1:], start=1):
            for column, text in enumerate(line.split(",")):
                if column == 4:
                    sheet.write_datetime(row, column, datetime.fromisoformat(text), clock)
                elif text.replace(".", "").removeprefix("-").isdigit():
                    sheet.write_number(row, column, float(text))
                elif text:
                    sheet.write_string(row, column, text)
    return path


def test_a_line_is_a_purchase_a_return_or_an_adjustment(tmp_path: Path) -> None:
    events = read(write_csv(tmp_path / "day.csv", LINES))
    # C.. is a return; quantity < 0, InvoiceNo A.. and a price of zero are adjustments.
    expected = ["purchase", "purchase", "return", "adjustment", "adjustment", "adjustment"]
    assert events["event_type"].to_list() == expected


def test_returns_are_positive_and_adjustments_keep_their_sign(tmp_path: Path) -> None:
    events = read(write_csv(tmp_path / "day.csv", LINES))
    assert events["quantity"].to_list() == ["6", "6", "1", "-56", "1", "24"]
    # 6 x 2.55 twice; 1 x 27.5; -56 x 0; 1 x -11062.06; 24 x 0
    assert events["value"].to_list() == pytest.approx([15.3, 15.3, 27.5, 0.0, -11062.06, 0.0])


def test_ids_basket_and_market_come_from_their_columns(tmp_path: Path) -> None:
    events = read(write_csv(tmp_path / "day.csv", LINES))
    assert events["user_id"].to_list() == ["17850", "17850", "14527", None, None, "12583"]
    assert events["item_id"].to_list() == ["85123A", "85123A", "D", "22139", "B", "22728"]
    assert events["basket_id"].to_list() == ["536365", "536365", "C536379", "536414", "A563186", "536370"]
    assert events["market"].unique().sort().to_list() == ["France", "United Kingdom"]


def test_the_spreadsheet_and_the_csv_of_the_same_lines_are_the_same_events(tmp_path: Path) -> None:
    from_csv = read(write_csv(tmp_path / "day.csv", LINES))
    from_spreadsheet = read(write_spreadsheet(tmp_path / "book.xlsx"))
    numbers = pl.col("quantity", "price").cast(pl.Float64)
    assert_frame_equal(from_csv.with_columns(numbers), from_spreadsheet.with_columns(numbers), check_exact=True)


def test_times_are_declared_to_be_read_as_utc(tmp_path: Path) -> None:
    importer = OnlineRetailImporter()
    chunk, *_ = importer.read_events(write_csv(tmp_path / "day.csv", LINES))
    assert chunk.naive_time_zone == "UTC"
    assert chunk.frame["event_time"][0] == "2010-12-01 08:26:00"


def test_what_is_no_number_arrives_as_it_was_written(tmp_path: Path) -> None:
    line = "536365,85123A,WHITE HEART,six,2010-12-01 08:26:00,cheap,17850.0,United Kingdom"
    [event] = read(write_csv(tmp_path / "day.csv", [HEADER, line])).to_dicts()
    assert (event["quantity"], event["price"], event["value"]) == ("six", "cheap", None)


def test_files_are_found_in_name_order_and_once(tmp_path: Path) -> None:
    later = write_csv(tmp_path / "2010-12-02.csv", LINES)
    packed = tmp_path / "2010-12-01.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(LINES).encode()))
    (tmp_path / "notes.txt").write_text("no data")
    importer = OnlineRetailImporter()
    assert importer.find([tmp_path, later]) == [packed, later]
    assert read(packed).height == 6


def test_a_new_description_is_a_version_from_its_first_sale_on(tmp_path: Path) -> None:
    rows = [  # (description, quantity, time): a stock note in between is no title, and a blank one changes nothing
        ("RED CLOCK ", 1, "2010-12-01 08:00:00"),
        ("RED CLOCK", 1, "2010-12-01 09:00:00"),
        ("damaged", -1, "2010-12-02 09:00:00"),
        ("", 1, "2010-12-02 10:00:00"),
        ("RETRO CLOCK", 1, "2010-12-03 09:00:00"),
        ("RED CLOCK", 1, "2010-12-04 09:00:00"),
    ]
    lines = [f"5,22727,{title},{quantity},{time},1.0,,France" for title, quantity, time in rows]
    items = OnlineRetailImporter().read_items([write_csv(tmp_path / "day.csv", [HEADER, *lines])])
    assert items.select("item_id", "title", "known_at").rows() == [
        ("22727", "RED CLOCK", datetime(2010, 12, 1, 8, tzinfo=UTC)),
        ("22727", "RETRO CLOCK", datetime(2010, 12, 3, 9, tzinfo=UTC)),
        ("22727", "RED CLOCK", datetime(2010, 12, 4, 9, tzinfo=UTC)),
    ]


def test_an_item_first_seen_in_an_adjustment_has_no_title_until_it_is_sold(tmp_path: Path) -> None:
    lines = [
        "5,22727,found,9,2010-12-01 08:00:00,0.0,,France",
        "6,22727,CLOCK,1,2010-12-02 08:00:00,1.0,,France",
        "7,22728,lost,-1,2010-12-02 08:00:00,1.0,,France",
    ]
    items = OnlineRetailImporter().read_items([write_csv(tmp_path / "day.csv", [HEADER, *lines])])
    assert items.select("item_id", "title").rows() == [("22727", None), ("22727", "CLOCK"), ("22728", None)]


def test_a_code_that_is_no_identifier_is_no_item(tmp_path: Path) -> None:
    lines = ["5,A\x01,BELL,1,2010-12-01 08:00:00,1.0,,France", f"6,{'9' * 257},LONG,1,2010-12-01 08:00:00,1.0,,France"]
    path = write_csv(tmp_path / "day.csv", [*LINES, *lines])
    assert OnlineRetailImporter().read_items([path])["item_id"].unique().sort().to_list() == [
        "22139",
        "22728",
        "85123A",
        "B",
        "D",
    ]


def test_item_versions_do_not_depend_on_the_order_of_lines(tmp_path: Path) -> None:
    lines = [f"5,A{n % 2},TITLE {n % 3},1,2010-12-01 08:0{n // 2}:00,1.0,,France" for n in range(8)]
    forward = OnlineRetailImporter().read_items([write_csv(tmp_path / "a.csv", [HEADER, *lines])])
    backward = OnlineRetailImporter().read_items([write_csv(tmp_path / "b.csv", [HEADER, *lines[::-1]])])
    assert_frame_equal(forward, backward)


def test_a_malformed_line_is_handed_over_and_the_others_are_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "day.csv", [HEADER, "536365,one comma too many,", *LINES[1:]])
    chunks = list(OnlineRetailImporter().read_events(path))
    assert [line.row_number for chunk in chunks for line in chunk.malformed] == [1]
    assert sum(chunk.frame.height for chunk in chunks) == 6


def test_a_file_with_only_a_header_has_no_events_and_no_items(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "day.csv", [HEADER])
    assert read(path).is_empty()
    assert OnlineRetailImporter().read_items([path]).is_empty()


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "day.csv", ["InvoiceNo,StockCode", "1,A"])
    with pytest.raises(SchemaError, match=r"6 column\(s\) missing: Description, .*; it has InvoiceNo, StockCode"):
        list(OnlineRetailImporter().read_events(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv: is empty"),
        ("a.csv", f"{HEADER}\n".encode() + b"1,A,\xe9,1,t,1,1,U\n", "a.csv: is no UTF-8 text"),
        ("a.xlsx", b"no zip archive", "a.xlsx: cannot be read .*Zip error"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(OnlineRetailImporter().read_events(path))


def test_a_path_without_files_of_the_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file of online-retail"):
        OnlineRetailImporter().find([tmp_path])
    with pytest.raises(DataError, match="absent: does not exist; name a file or folder of online-retail"):
        OnlineRetailImporter().find([tmp_path / "absent"])
