"""The catalogue: versions of items, appended and never edited, each from the moment it became known.

A version is the whole of what was known of an item until its next version; it is identified by (item_id, known_at).
Delivering the same versions again adds nothing; delivering another content for a version that is there is refused,
because it would change what past runs saw.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from recsys.errors import ArtifactError, DataError, SchemaError
from recsys.tables import ITEM_DTYPES, ItemVersion, conform
from recsys.timeline import format_instant, instant_literal, known_before

KEY = ["item_id", "known_at"]

ALWAYS_KNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""The `known_at` of a version whose file gave none: it says nothing about when the item came into the shop."""

LAUNCHED_AT = "launched_at"
"""The column that `latest_versions` adds: when the item was first on offer, as far as its first version tells."""


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

    def scan(self, as_of: datetime, version: int | None = None) -> pl.LazyFrame:
        """Scan the catalogue as it was known at one instant.

        Time:
            Reads versions with `known_at < as_of` and keeps the latest of each item.

        Args:
            as_of: the logical now.
            version: an earlier version of the table; None is the current one.

        Returns:
            One row per item_id, `ITEM_DTYPES`, further text columns and `launched_at`, sorted by item_id; empty before
            any append.

        Raises:
            ArtifactError: if the version of the table never was, or cannot be read.
        """
        return latest_versions(self._scan(version), as_of)

    def _exists(self) -> bool:
        return DeltaTable.is_deltatable(str(self.path))

    def _scan(self, version: int | None = None) -> pl.LazyFrame:
        if version is None and not self._exists():
            return pl.LazyFrame(schema=ITEM_DTYPES)
        try:
            return pl.scan_delta(DeltaTable(self.path, version=version))
        except DeltaError as error:
            what = "the catalogue" if version is None else f"version {version}"
            hint = "restore it from a copy" if version is None else f"the newest is {self.version}"
            reason = " ".join(str(error).split())[:160]
            raise ArtifactError(f"{self.path}: {what} cannot be read ({reason}); {hint}") from error


def latest_versions(versions_lf: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Keep what was known of each item at one instant, and when the item was first on offer.

    An item is first on offer at the `available_from` of its first version; where that names none, when the version
    became known. A version without a time of its own (`ALWAYS_KNOWN`) tells neither.

    Time:
        Reads versions with `known_at < as_of` and keeps the latest of each item.

    Args:
        versions_lf: item versions, in any order, or what this function returned of them for the same instant.
        as_of: the logical now.

    Returns:
        One row per item_id, the columns given and `launched_at` (null where unknown), sorted by item_id.
    """
    ordered_lf = versions_lf.filter(known_before(as_of)).sort(KEY)
    if LAUNCHED_AT not in ordered_lf.collect_schema():
        told = pl.when(~is_undated()).then(pl.coalesce("available_from", "known_at"))
        ordered_lf = ordered_lf.with_columns(told.first().over("item_id").alias(LAUNCHED_AT))
    return ordered_lf.unique("item_id", keep="last", maintain_order=True).sort("item_id")


def is_undated() -> pl.Expr:
    """Return whether a version tells neither when it became known nor from when on the item is on offer."""
    return (pl.col("known_at") == instant_literal(ALWAYS_KNOWN)) & pl.col("available_from").is_null()


def _checked(versions: pl.DataFrame) -> pl.DataFrame:
    """Bring versions into the contract, distinct and sorted."""
    missing = [name for name in KEY if name not in versions.columns]
    if missing:
        raise SchemaError(f"items: {len(missing)} column(s) missing: {', '.join(missing)}")
    further = [name for name in versions.columns if name not in ITEM_DTYPES]
    if LAUNCHED_AT in further:
        raise SchemaError(f"items: column {LAUNCHED_AT} is computed from the versions; leave it out, or rename it")
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
            f"first: item_id={first['item_id']!r:.80}, known_at={first['known_at']}; mend the file and deliver it again"
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
