"""The catalogue: versions of items, appended and never edited, each from the moment it became known.

A version is the whole of what was known of an item until its next version; it is identified by (item_id, known_at).
Delivering the same versions again adds nothing; delivering another content for a version that is there is refused,
because it would change what past runs saw.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from recsys.errors import DataError, SchemaError
from recsys.tables import ITEM_DTYPES, ItemVersion, conform
from recsys.timeline import format_instant, known_before

KEY = ["item_id", "known_at"]


@dataclass(frozen=True)
class ItemAppend:
    """How many delivered versions were new, and how many were in the table already."""

    accepted: int
    already_present: int


class ItemTable:
    """The Delta table `log/items` of a home."""

    def __init__(self, home: Path) -> None:
        self.path = home / "log" / "items"

    @property
    def version(self) -> int | None:
        """The version of the Delta table, to be recorded in what is computed from it; None before the first append."""
        return DeltaTable(self.path).version() if self._exists() else None

    def append(self, versions: pl.DataFrame) -> ItemAppend:
        """Add the versions that are not there yet, in one atomic commit.

        The caller is the home's only writer at that time. A crash leaves either all of them or none.

        Args:
            versions: columns of `ITEM_DTYPES`, optional ones may be absent; further columns are kept as text.

        Returns:
            Counts that add up to the distinct rows delivered.

        Raises:
            SchemaError: if a column has the wrong type.
            DataError: if a row breaks the item contract, or a version would get another content.
        """
        delivered = _checked(versions)
        present = self._scan().join(delivered.lazy().select(KEY), on=KEY, how="semi").collect()
        both = pl.concat([present, delivered], how="diagonal").unique()
        _refuse_conflicts(both)
        new = delivered.join(present, on=KEY, how="anti")
        if not new.is_empty():
            new.write_delta(self.path, mode="append", delta_write_options={"schema_mode": "merge"})
        return ItemAppend(accepted=new.height, already_present=delivered.height - new.height)

    def scan(self, as_of: datetime) -> pl.LazyFrame:
        """Scan the catalogue as it was known at one instant.

        Time:
            Reads versions with `known_at < as_of` and keeps the latest of each item.

        Args:
            as_of: the logical now.

        Returns:
            One row per item_id, `ITEM_DTYPES` and further text columns, sorted by item_id; empty before any append.
        """
        latest_lf = (
            self._scan().filter(known_before(as_of)).sort(KEY).unique("item_id", keep="last", maintain_order=True)
        )
        return latest_lf.sort("item_id")

    def _exists(self) -> bool:
        return DeltaTable.is_deltatable(str(self.path))

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_delta(self.path) if self._exists() else pl.LazyFrame(schema=ITEM_DTYPES)


def _checked(versions: pl.DataFrame) -> pl.DataFrame:
    """Bring versions into the contract, distinct and sorted."""
    missing = [name for name in KEY if name not in versions.columns]
    if missing:
        raise SchemaError(f"items: {len(missing)} column(s) missing: {', '.join(missing)}")
    further = [name for name in versions.columns if name not in ITEM_DTYPES]
    nested = [name for name in further if versions.schema[name].is_nested()]
    if nested:
        raise SchemaError(
            f"items: {len(nested)} column(s) hold lists or records: {', '.join(nested)}; write them as text"
        )
    declared = conform(versions, ITEM_DTYPES, "items").with_columns(versions.select(pl.col(further).cast(pl.String)))
    distinct = declared.unique().sort(declared.columns)
    _, failure = ItemVersion.filter(distinct.unique(KEY, keep="first", maintain_order=True))
    if len(failure):
        rule, count = max(failure.counts().items(), key=lambda entry: (entry[1], entry[0]))
        first = failure.invalid().row(0, named=True)
        raise DataError(
            f"items: {len(failure)} of {distinct.height} versions break the item contract ({rule}: {count}); "
            f"first: item_id={first['item_id']!r}, known_at={first['known_at']}; mend the file and deliver it again"
        )
    _refuse_conflicts(distinct)
    return distinct


def _refuse_conflicts(distinct: pl.DataFrame) -> None:
    """Refuse two contents of one version."""
    conflicts = distinct.filter(pl.struct(KEY).is_duplicated()).sort(KEY)
    if conflicts.is_empty():
        return
    first = conflicts.row(0, named=True)
    count = conflicts.select(KEY).unique().height
    raise DataError(
        f"items: {count} version(s) have two contents; first: item_id={first['item_id']!r}, "
        f"known_at={format_instant(first['known_at'])}; give a changed item the known_at of its change"
    )
