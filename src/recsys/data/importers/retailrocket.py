"""RetailRocket: `events.csv`, and `item_properties_part*.csv` as versions of the items.

Event types keep their names (`view`, `addtocart`, `transaction`); the transaction is the basket. Of the item
properties only `categoryid` and `available` have a meaning that is published (the rest are hashed), so only they are
read; the category tree is not. Memory is bounded by those two properties, a tenth of the 20 million property rows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from recsys.data.importers.delimited import read_delimited
from recsys.data.importers.files import find_files, read_table, require_columns
from recsys.data.importers.protocol import Arrivals
from recsys.errors import DataError
from recsys.tables import ITEM_DTYPES, conform
from recsys.timeline import INSTANT

EVENTS = "events.csv"
PROPERTIES = "item_properties"
PROPERTY_COLUMNS = ["timestamp", "itemid", "property", "value"]


class RetailRocketImporter:
    """Reads a RetailRocket folder, or its events file with the property files beside it."""

    name = "retailrocket"

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the event files among `paths`, sorted by path.

        Raises:
            DataError: if a path does not exist or holds none.
        """
        return find_files(paths, lambda file: file.name == EVENTS, self.name)

    def read_events(self, path: Path) -> Iterator[Arrivals]:
        """Yield events; their timestamps are milliseconds since 1970 in UTC.

        Raises:
            SchemaError: if a column is missing.
            DataError: if the file cannot be read.
        """
        yield from read_delimited(path, lambda present: _columns(path, present))

    def read_items(self, paths: Sequence[Path]) -> pl.DataFrame | None:
        """Return a version of an item whenever its category or availability changes.

        Time:
            A version is known at the property's own timestamp. While an item is available, `available_from` is when
            that began and `available_to` is null; while it is not, `available_to` is when it ended.

        Returns:
            Item versions, one row per (item_id, known_at), sorted by both; None where there are no property files.
        """
        folders = {file.parent for file in self.find(paths)}
        files = sorted(file for folder in folders for file in folder.glob(f"{PROPERTIES}*.csv"))
        if not files:
            return None
        changes = pl.concat(_changes(chunk, file) for file in files for chunk in read_table(file, PROPERTY_COLUMNS))
        return conform(_versions(changes), ITEM_DTYPES, PROPERTIES)


def _columns(path: Path, present: Sequence[str]) -> dict[str, str]:
    columns = {
        "visitorid": "user_id",
        "itemid": "item_id",
        "event": "event_type",
        "timestamp": "event_time",
        "transactionid": "basket_id",
    }
    require_columns(path, present, list(columns))
    return columns


def _changes(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Keep the values of the two properties: item_id, known_at, property, value."""
    wanted = rows.filter(pl.col("property").is_in(["categoryid", "available"]).fill_null(value=True))
    milliseconds = pl.col("timestamp").cast(pl.Int64, strict=False)
    changes = wanted.select(
        pl.col("itemid").alias("item_id"),
        pl.from_epoch(milliseconds, "ms").cast(INSTANT).alias("known_at"),
        "property",
        "value",
    )
    broken = wanted.filter(changes.select(pl.any_horizontal(pl.all().is_null())).to_series())
    if not broken.is_empty():
        raise DataError(
            f"{path}: {broken.height} row(s) lack a field or a timestamp; first: {broken.row(0)!r:.120}; mend them"
        )
    return changes


def _versions(changes: pl.DataFrame) -> pl.DataFrame:
    """Carry each property forward in time, and keep the moments at which something changed."""
    is_available = pl.col("available") == "1"
    began = is_available & ~pl.col("is_available_before").fill_null(value=False)
    ended = ~is_available & pl.col("is_available_before").fill_null(value=True)
    state = ["category", "available"]
    previous = pl.struct(state).shift().over("item_id")
    return (
        changes.lazy()
        .group_by("item_id", "known_at")
        .agg(
            pl.col("value").filter(pl.col("property") == "categoryid").max().alias("category"),
            pl.col("value").filter(pl.col("property") == "available").max().alias("available"),
        )
        .sort("item_id", "known_at")
        .with_columns(pl.col(state).forward_fill().over("item_id"))
        .filter(pl.struct(state).ne_missing(previous) | pl.col("item_id").is_first_distinct())
        .with_columns(is_available_before=is_available.shift().over("item_id"))
        .with_columns(
            pl.when(began).then("known_at").forward_fill().over("item_id").alias("available_from"),
            pl.when(ended).then("known_at").forward_fill().over("item_id").alias("ended"),
        )
        .select(
            "item_id",
            "known_at",
            "category",
            "available_from",
            pl.when(~is_available).then("ended").alias("available_to"),
        )
        .collect()
    )
