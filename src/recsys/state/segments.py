"""A state is a list of segments: sums of disjoint sets of changes, each with its own landmark.

An update appends a small segment instead of rewriting the state. Segments are merged only with others of similar
size, so each row is rewritten O(log n) times and an update costs O(new log new) on average, not O(state).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recsys.state.layout import KEYS, Layout, sum_by_key

Tables = Mapping[str, pl.LazyFrame]


@dataclass(frozen=True)
class Segment:
    """Sums of a set of changes, none of them later than the landmark.

    Attributes:
        landmark: the instant at which a weight is 1.
        tables: the tables of `KEYS`, sorted by key; lazy, so that what is stored is read only when needed.
        n_rows: rows of all tables together.
        folder: name of its folder in the store that holds it, if any.
    """

    landmark: datetime
    tables: Tables
    n_rows: int
    folder: str | None = None

    @classmethod
    def hold(cls, landmark: datetime, tables: Mapping[str, pl.DataFrame]) -> "Segment":
        """Make a segment of tables in memory."""
        n_rows = sum(table.height for table in tables.values())
        return cls(landmark, {name: table.lazy() for name, table in tables.items()}, n_rows)


def parts_at(segments: Sequence[Segment], table: str, landmark: datetime, layout: Layout) -> list[pl.LazyFrame]:
    """Return one table of every segment, all moved to one landmark that is not before theirs."""
    return [one.tables[table].with_columns(layout.moved(table, landmark - one.landmark)) for one in segments]


def merge_segments(segments: Sequence[Segment], layout: Layout) -> Segment:
    """Add segments up under the latest of their landmarks; associative and commutative up to rounding."""
    landmark = max(one.landmark for one in segments)
    return Segment.hold(
        landmark, {name: sum_by_key(parts_at(segments, name, landmark, layout), name, layout) for name in KEYS}
    )


def compact(segments: Sequence[Segment], layout: Layout) -> tuple[Segment, ...]:
    """Merge the last two segments as long as the one before is at most twice as large as the last."""
    kept = list(segments)
    while len(kept) > 1 and kept[-2].n_rows <= 2 * kept[-1].n_rows:
        kept[-2:] = [merge_segments(kept[-2:], layout)]
    return tuple(kept)
