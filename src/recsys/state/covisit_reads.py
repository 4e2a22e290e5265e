"""Read the co-visits of one kind from segments, with numbers in place of ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.state.layout import COVISITS, Layout
from recsys.state.pairs import add_runs, add_up
from recsys.state.segments import Segment, parts_at
from recsys.state.settings import CovisitKind

_ENDS = ("item_id", "next_item_id")


def paired_items(segments: Sequence[Segment]) -> pl.Series:
    """Return the ids of all items with co-visits, sorted."""
    tables = [one.tables[COVISITS] for one in segments]
    ids = [table.select(pl.col(end).unique().alias("item_id")) for table in tables for end in _ENDS]
    return pl.concat(ids).unique().collect(engine="in-memory").to_series().sort()


@dataclass(frozen=True)
class CovisitRead:
    """What to read of the co-visits.

    Attributes:
        as_of: the instant to which pairs are decayed, not before the landmark of any segment.
        kind: which pairs count and how much.
        items: distinct item ids, sorted; pairs with others are left out.
        columns: `n_pairs` and decayed columns.
    """

    as_of: datetime
    kind: CovisitKind
    items: pl.Series
    columns: Sequence[str]


def read_covisits(segments: Sequence[Segment], wanted: CovisitRead, layout: Layout) -> pl.DataFrame:
    """Add the co-visits of one kind up.

    Args:
        segments: what to add up.
        wanted: what to read.
        layout: the columns, and the classes of pairs.

    Returns:
        `item` and `next_item` (u32, places in `items`) and the columns; sorted by both.

    Raises:
        ConfigError: if the settings leave the kind out.
    """
    factors = layout.classes.of_kind(wanted.kind)
    parts = [_numbered(part_lf, wanted, layout) for part_lf in parts_at(segments, COVISITS, wanted.as_of, layout)]
    sums = parts[0] if len(parts) == 1 else add_up(parts)
    # NOTE: where everything is cancelled, subtraction of floats leaves dust; the count says that nothing is there.
    sums = _weighed(sums.filter(pl.col("n_pairs") > 0).select("pair", *wanted.columns), factors)
    n_items = max(len(wanted.items), 1)
    places = {"item": pl.col("pair") // n_items, "next_item": pl.col("pair") % n_items}
    ends = [place.cast(pl.UInt32).alias(name) for name, place in places.items()]
    return sums.select(*ends, *wanted.columns)


def _numbered(part_lf: pl.LazyFrame, wanted: CovisitRead, layout: Layout) -> pl.DataFrame:
    """Return the table of a segment as pair sums, in the form of `pair_sums`."""
    number = pl.Enum(wanted.items)
    x, y = (pl.col(end).cast(number, strict=False).to_physical().cast(pl.Int64) for end in _ENDS)
    pair = (x * len(wanted.items) + y) * len(layout.classes) + pl.col("pair_class")
    sums_lf = part_lf.select(pair.alias("pair"), *dict.fromkeys(["n_pairs", *wanted.columns]))
    return sums_lf.filter(pl.col("pair").is_not_null()).collect(engine="in-memory")


def _weighed(sums: pl.DataFrame, factors: npt.NDArray[np.float64]) -> pl.DataFrame:
    """Multiply sums by the factors of their classes, and add the classes of each pair up."""
    if (factors != 1).any():
        factor = pl.Series(factors).gather(sums["pair"] % len(factors))
        sums = sums.with_columns(pl.col(pl.Float64) * factor).filter(factor > 0)
    return add_runs(sums.with_columns(pl.col("pair") // len(factors)))
