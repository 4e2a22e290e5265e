"""UCI Online Retail (dataset 352): the spreadsheet UCI distributes, or the same table as daily CSV files.

Each line is an event; its type follows from the line itself:

    return      InvoiceNo starts with `C`; quantity and value are stored as positive amounts
    adjustment  InvoiceNo starts with `A`, or quantity < 0 on another line, or unit price <= 0; signs are kept
    purchase    every other line

So the file's own sums come back as purchases - returns + adjustments. `value` is quantity x price.
InvoiceNo is the basket, Country the market, and `17850.0` becomes customer `17850`. Times are shop wall-clock times
without a zone and are read as UTC: off by one hour in summer, the same for every row of a day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import fastexcel
import polars as pl
from polars.exceptions import PolarsError

from recsys.data.importers.delimited import read_delimited
from recsys.data.importers.files import find_files, require_columns, unreadable
from recsys.data.importers.protocol import Arrivals
from recsys.tables import ITEM_DTYPES, conform
from recsys.tables.events import IDENTIFIER
from recsys.timeline import INSTANT

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
SPREADSHEET = ".xlsx"

_QUANTITY = pl.col("Quantity").cast(pl.Float64, strict=False)
_PRICE = pl.col("UnitPrice").cast(pl.Float64, strict=False)
_IS_RETURN = pl.col("InvoiceNo").str.starts_with("C").fill_null(value=False)
_IS_ADJUSTMENT = pl.col("InvoiceNo").str.starts_with("A") | (_QUANTITY < 0) | (_PRICE <= 0)
_TYPE = pl.when(_IS_RETURN).then(pl.lit("return")).when(_IS_ADJUSTMENT).then(pl.lit("adjustment"))
_EVENT = [
    pl.col("CustomerID").str.strip_suffix(".0").alias("user_id"),
    pl.col("StockCode").alias("item_id"),
    _TYPE.otherwise(pl.lit("purchase")).alias("event_type"),
    pl.col("InvoiceDate").alias("event_time"),
    (pl.when(_IS_RETURN).then(_QUANTITY.abs()).otherwise(_QUANTITY) * _PRICE).alias("value"),
    # The sign is taken from the text, so that what is no number still arrives as it was written.
    pl.when(_IS_RETURN).then(pl.col("Quantity").str.strip_prefix("-")).otherwise("Quantity").alias("quantity"),
    pl.col("UnitPrice").alias("price"),
    pl.col("InvoiceNo").alias("basket_id"),
    pl.col("Country").alias("market"),
]
"""A line as an event, over the columns of the file."""

_INSTANT = pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False).cast(INSTANT)


class OnlineRetailImporter:
    """Reads UCI Online Retail."""

    name = "online-retail"

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the CSV files and spreadsheets among `paths`, sorted by path.

        Raises:
            DataError: if a path does not exist or holds neither.
        """
        return find_files(paths, lambda file: file.name.lower().endswith((".csv", ".csv.gz", SPREADSHEET)), self.name)

    def read_events(self, path: Path) -> Iterator[Arrivals]:
        """Yield the lines of one file as events.

        Raises:
            SchemaError: if a column is missing.
            DataError: if the file cannot be read.
        """
        for lines in _read(path):
            yield replace(lines, frame=lines.frame.select(_EVENT), naive_time_zone="UTC")

    def read_items(self, paths: Sequence[Path]) -> pl.DataFrame:
        """Return a version of an item whenever its description changes from one sale to the next.

        Descriptions come from purchases and returns; those of adjustments are notes on the stock (`damaged`, `?`).
        An item seen in adjustments only has one version without a title.

        Time:
            A version is known at the time of the line that first showed it.

        Returns:
            Item versions, one row per (item_id, known_at), sorted by both. A description that returns after another
            one opens a new version. Lines without a readable time, or with a code that is no identifier, are left to
            the quarantine.
        """
        title = pl.col("Description").str.strip_chars().alias("title")
        lines = pl.concat(
            chunk.frame.select(*_EVENT, title).select("item_id", "title", "event_type", _INSTANT.alias("known_at"))
            for path in self.find(paths)
            for chunk in _read(path)
        )
        return _title_versions(lines)


def _read(path: Path) -> Iterator[Arrivals]:
    """Yield the lines of either kind of file, every column as text."""

    def columns_of(present: Sequence[str]) -> Mapping[str, str]:
        require_columns(path, present, COLUMNS)
        return {name: name for name in COLUMNS}

    if path.suffix.lower() != SPREADSHEET:
        yield from read_delimited(path, columns_of)
        return
    try:
        lines = pl.read_excel(path, infer_schema_length=0)
    except (fastexcel.FastExcelError, PolarsError) as error:
        raise unreadable(path, error) from error
    yield Arrivals(lines.select(list(columns_of(lines.columns))))


def _title_versions(lines: pl.DataFrame) -> pl.DataFrame:
    """Keep each item's first line, and each later sale whose title differs from that of the sale before."""
    is_sale = pl.col("event_type") != "adjustment"
    is_identifier = pl.all_horizontal(rule(pl.col("item_id")) for rule in IDENTIFIER.values())
    dated_lf = lines.lazy().drop_nulls(["item_id", "known_at"]).filter(is_identifier)
    sales_lf = (
        dated_lf.filter(is_sale)
        .group_by("item_id", "known_at")
        .agg(pl.col("title").max())  # two descriptions at one instant: the alphabetically last
        .filter(pl.col("title").is_not_null())
    )
    first_lf = (
        dated_lf.group_by("item_id")
        .agg(pl.col("known_at").min())
        .join(sales_lf, on=["item_id", "known_at"], how="anti")
        .with_columns(title=pl.lit(None, pl.String))
    )
    versions = (
        pl.concat([sales_lf, first_lf], how="diagonal")
        .sort("item_id", "known_at")
        .filter(
            pl.col("title").ne_missing(pl.col("title").shift().over("item_id")) | pl.col("item_id").is_first_distinct()
        )
        .collect()
    )
    return conform(versions, ITEM_DTYPES, "items")
