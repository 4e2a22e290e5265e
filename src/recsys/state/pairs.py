"""Expand visits into co-visit pairs and add them up, in blocks of bounded size.

A user's rows lie side by side, ordered by time, so a visit is a range of rows and the visit k places back is k ranges
earlier: pairs are made by arithmetic on positions, without a join. About 20 million pairs a second on one core.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.state.layout import COVISITS, Layout
from recsys.timeline import in_days

_BLOCK_PAIRS = 4_000_000  # bounds memory: about 100 bytes a pair
_MOST_PAIRS = 40_000_000  # rows of parts that wait to be added up
_SAMPLE = 50_000  # one pair in so many is looked at to cut parts into ranges
_DAY = 86_400_000_000.0  # microseconds

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Visits:
    """Rows in the order of group, time and item, and the ranges of them that are visits."""

    group: Ints  # per row
    time: Ints  # per row, microseconds
    item: Ints  # per row
    basket: Ints  # per row, -1 for none
    rank: npt.NDArray[np.uint16]  # per row: of the weight of its type
    n_changed: Ints  # per row: changed visits of all groups up to and with this one
    is_changed: npt.NDArray[np.bool_]  # per row: of its visit
    start: Ints  # per visit: its first row
    size: Ints  # per visit: its rows

    @classmethod
    def read(cls, rows: pl.DataFrame) -> "Visits":
        """Find the visits in sorted rows: group, event_time, item, basket, type_rank, n_changed, is_changed."""
        group, time = rows["group"].to_numpy(), rows["event_time"].to_physical().to_numpy()
        is_first = np.ones(len(group), dtype=np.bool_)
        is_first[1:] = (group[1:] != group[:-1]) | (time[1:] != time[:-1])
        start = np.flatnonzero(is_first)
        return cls(
            group=group,
            time=time,
            item=rows["item"].to_numpy(),
            basket=rows["basket"].to_numpy(),
            rank=rows["type_rank"].to_numpy(),
            n_changed=rows["n_changed"].to_numpy(),
            is_changed=rows["is_changed"].to_numpy(),
            start=start,
            size=np.diff(np.append(start, len(group))),
        )

    def pairs_at(self, lag: int, window: timedelta) -> tuple[Ints, Ints]:
        """Return the pairs of visits `lag` apart, from one to the other of which some visit changed."""
        earlier = np.arange(max(len(self.start) - lag, 0))
        later = earlier + lag
        a, b = self.start[earlier], self.start[later]
        holds = self.is_changed[a] | (self.n_changed[b] > self.n_changed[a])
        holds &= (self.group[a] == self.group[b]) & (self.time[b] - self.time[a] <= window / timedelta(microseconds=1))
        return earlier[holds], later[holds]

    def expand(self, earlier: Ints, later: Ints) -> tuple[Ints, Ints]:
        """Return the rows of every pair of items of each pair of visits."""
        width = self.size[later]
        sizes = self.size[earlier] * width
        of = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self.start[earlier][of] + place // width[of], self.start[later][of] + place % width[of]


def pair_sums(rows: pl.DataFrame, n_items: int, landmark: datetime, layout: Layout) -> pl.DataFrame:
    """Add up the pairs of sorted rows.

    Args:
        rows: one per group, event_time and item (codes below `n_items`), sorted by them, with basket (-1 for none),
            type_rank, is_changed (of the visit) and n_changed (changed visits so far).
        n_items: number of item codes.
        landmark: the instant at which a weight is 1.
        layout: how items pair up, and the classes of pairs.

    Returns:
        `pair` ((x * n_items + y) * number of classes + class), `n_pairs` and one column per half-life; sorted by pair.
    """
    pairing = _Pairing(Visits.read(rows), n_items, landmark, layout)
    nothing = np.empty(0, dtype=np.int64)
    parts = [pairing.weigh(nothing, nothing, lag=0)]
    for lag in range(layout.settings.covisits.max_visits_back + 1):
        for first, second in pairing.blocks(lag):
            parts.append(pairing.weigh(first, second, lag))
            if sum(part.height for part in parts) > _MOST_PAIRS:
                parts = [add_up(parts)]
    return add_up(parts)


def add_up(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add sorted parts up by pair, in the order given, a range of pairs at a time; sorted by pair."""
    return pl.concat(list(add_up_ranges(parts)))


def add_up_ranges(parts: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield what `add_up` returns in consecutive ranges of pairs, each from about `_BLOCK_PAIRS` rows."""
    sample = np.sort(np.concatenate([part["pair"].to_numpy()[_SAMPLE // 2 :: _SAMPLE] for part in parts]))
    bounds = np.unique(sample[_BLOCK_PAIRS // _SAMPLE :: _BLOCK_PAIRS // _SAMPLE])
    cuts = [[0, *np.searchsorted(part["pair"].to_numpy(), bounds), part.height] for part in parts]
    for i in range(len(bounds) + 1):
        slices = [part[int(cut[i]) : int(cut[i + 1])] for part, cut in zip(parts, cuts, strict=True)]
        yield _reduce(pl.concat(slices))


def add_runs(rows: pl.DataFrame) -> pl.DataFrame:
    """Add neighbouring rows of one pair up, in their order."""
    pair = rows["pair"].to_numpy()
    if len(pair) == 0:
        return rows
    first = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]]))
    if len(first) == len(pair):
        return rows
    values = {name: rows[name].to_numpy() for name in rows.columns if name != "pair"}
    # NOTE: the dtype is named, because numpy adds 32-bit counts up in 64 bits.
    sums = {name: np.add.reduceat(value, first, dtype=value.dtype) for name, value in values.items()}
    return pl.DataFrame({"pair": pair[first], **sums})


def _reduce(rows: pl.DataFrame) -> pl.DataFrame:
    """Add rows up by pair; twice as fast as grouping, and sorted."""
    return add_runs(rows.sort("pair", maintain_order=True))


@dataclass(frozen=True)
class _Pairing:
    """Makes the weighted pairs of visits."""

    visits: Visits
    n_items: int
    landmark: datetime
    layout: Layout

    @cached_property
    def fades(self) -> dict[str, Floats]:
        """Decayed column -> the weight of each row's age."""
        age = (self.landmark.timestamp() * 1e6 - self.visits.time) / _DAY
        return {name: np.exp2(-age / in_days(h)) for name, h in self.layout.decayed(COVISITS).items()}

    def blocks(self, lag: int) -> Iterator[tuple[Ints, Ints]]:
        """Yield the rows of all pairs of different items whose visits are `lag` apart, in bounded blocks."""
        earlier, later = self.visits.pairs_at(lag, self.layout.settings.covisits.window)
        total = np.cumsum(self.visits.size[earlier] * self.visits.size[later])
        start = 0
        while start < len(total):
            done = total[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(total, done + _BLOCK_PAIRS, side="right")))
            first, second = self.visits.expand(earlier[start:stop], later[start:stop])
            differs = self.visits.item[first] != self.visits.item[second]
            yield first[differs], second[differs]
            start = stop

    def weigh(self, first: Ints, second: Ints, lag: int) -> pl.DataFrame:
        """Weigh pairs of rows, the first not after the second, and add them up.

        At lag 0 both orders of a pair are among the rows already. Further apart, a pair of one basket has no order, so
        it counts in both, without regard to the time between.
        """
        if not lag:
            return _reduce(self._rows(first, second, 0, second, 1.0))
        visits = self.visits
        gap = (visits.time[second] - visits.time[first]) / _DAY
        is_basket = (visits.basket[first] == visits.basket[second]) & (visits.basket[first] >= 0)
        gap_half_life = in_days(self.layout.settings.covisits.gap_half_life)
        gap_weight = np.where(is_basket, 1.0, np.exp2(-gap / gap_half_life))
        ahead = self._rows(first, second, 1 - is_basket, second, gap_weight)
        first, second = first[is_basket], second[is_basket]
        back = self._rows(second, first, 0, second, 1.0)
        return _reduce(pl.concat([ahead, back]))

    def _rows(self, x: Ints, y: Ints, is_forward: Ints | int, later: Ints, gap_weight: Floats | float) -> pl.DataFrame:
        """Return one row per directed pair from row x to row y, as old as the row `later`."""
        visits, classes = self.visits, self.layout.classes
        pair = visits.item[x] * self.n_items + visits.item[y]
        if len(classes) > 1:
            pair = pair * len(classes) + classes.codes[is_forward, visits.rank[x], visits.rank[y]]
        decayed = {name: gap_weight * fade[later] for name, fade in self.fades.items()}
        return pl.DataFrame({"pair": pair, "n_pairs": np.ones(len(pair), dtype=np.int32), **decayed})
