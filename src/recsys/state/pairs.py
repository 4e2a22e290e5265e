"""Expand visits into co-visit pairs and add them up, in blocks of bounded size.

A user's rows lie side by side, ordered by time, so a visit is a range of rows and the visit k places back is k ranges
earlier: pairs are made by arithmetic on positions, without a join. About 20 million pairs a second on one core.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys.state.settings import CovisitSettings
from recsys.timeline import format_duration, in_days

_BLOCK_PAIRS = 4_000_000  # bounds memory: about 100 bytes a pair
_MOST_PAIRS = 40_000_000  # rows of parts that wait to be added up
_SAMPLE = 50_000  # one pair in so many is looked at to cut parts into ranges
_DAY = 86_400_000_000.0  # microseconds

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Visits:
    """Rows in the order of group, time and item, and the ranges of them that are visits."""

    group: Ints  # per row
    time: Ints  # per row, microseconds
    item: Ints  # per row
    basket: Ints  # per row, -1 for none
    n_changed: Ints  # per row: changed visits of all groups up to and with this one
    is_changed: npt.NDArray[np.bool_]  # per row: of its visit
    start: Ints  # per visit: its first row
    size: Ints  # per visit: its rows

    @classmethod
    def read(cls, rows: pl.DataFrame) -> "Visits":
        """Find the visits in sorted rows: group, event_time, item, basket, n_changed, is_changed."""
        group, time = rows["group"].to_numpy(), rows["event_time"].to_physical().to_numpy()
        is_first = np.ones(len(group), dtype=np.bool_)
        is_first[1:] = (group[1:] != group[:-1]) | (time[1:] != time[:-1])
        start = np.flatnonzero(is_first)
        return cls(
            group=group,
            time=time,
            item=rows["item"].to_numpy(),
            basket=rows["basket"].to_numpy(),
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


def pair_sums(rows: pl.DataFrame, n_items: int, landmark: datetime, settings: CovisitSettings) -> pl.DataFrame:
    """Add up the pairs of sorted rows.

    Args:
        rows: one per group, event_time and item (codes below `n_items`), sorted by them, with basket (-1 for none),
            is_changed (of the visit) and n_changed (changed visits so far).
        n_items: number of item codes.
        landmark: the instant at which a weight is 1.
        settings: how items pair up.

    Returns:
        `pair` (x * n_items + y), `n_pairs` and one column per half-life; sorted by pair.
    """
    pairing = _Pairing(Visits.read(rows), n_items, landmark, settings)
    nothing = np.empty(0, dtype=np.int64)
    parts = [pairing.weigh(nothing, nothing, lag=0)]
    for lag in range(settings.max_visits_back + 1):
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


def _reduce(rows: pl.DataFrame) -> pl.DataFrame:
    """Add rows up by pair; twice as fast as grouping, and sorted."""
    rows = rows.sort("pair", maintain_order=True)
    pair = rows["pair"].to_numpy()
    if len(pair) == 0:
        return rows
    first = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]]))
    values = {name: rows[name].to_numpy() for name in rows.columns if name != "pair"}
    # NOTE: the dtype is named, because numpy adds 32-bit counts up in 64 bits.
    sums = {name: np.add.reduceat(value, first, dtype=value.dtype) for name, value in values.items()}
    return pl.DataFrame({"pair": pair[first], **sums})


@dataclass(frozen=True)
class _Pairing:
    """Makes the weighted pairs of visits."""

    visits: Visits
    n_items: int
    landmark: datetime
    settings: CovisitSettings

    def blocks(self, lag: int) -> Iterator[tuple[Ints, Ints]]:
        """Yield the rows of all pairs of items whose visits are `lag` apart, in bounded blocks."""
        earlier, later = self.visits.pairs_at(lag, self.settings.window)
        total = np.cumsum(self.visits.size[earlier] * self.visits.size[later])
        start = 0
        while start < len(total):
            done = total[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(total, done + _BLOCK_PAIRS, side="right")))
            yield self.visits.expand(earlier[start:stop], later[start:stop])
            start = stop

    def weigh(self, first: Ints, second: Ints, lag: int) -> pl.DataFrame:
        """Weigh pairs of rows, the first not after the second, and add them up.

        At lag 0 both orders of a pair are among the rows already. Further apart, a pair of one basket has no order, so
        it counts in both, without regard to the time between.
        """
        visits = self.visits
        differs = visits.item[first] != visits.item[second]
        first, second = first[differs], second[differs]
        x, y = visits.item[first], visits.item[second]
        gap = (visits.time[second] - visits.time[first]) / _DAY
        is_basket = (visits.basket[first] == visits.basket[second]) & (visits.basket[first] >= 0)
        gap_weight = np.where(is_basket, 1.0, np.exp2(-gap / in_days(self.settings.gap_half_life)))
        pair, later = x * self.n_items + y, second
        if lag:
            pair = np.concatenate([pair, (y * self.n_items + x)[is_basket]])
            later = np.concatenate([later, second[is_basket]])
            gap_weight = np.concatenate([gap_weight, gap_weight[is_basket]])
        age = (self.landmark.timestamp() * 1e6 - visits.time[later]) / _DAY
        decayed = {
            f"covisit_{format_duration(h)}": gap_weight * np.exp2(-age / in_days(h)) for h in self.settings.half_lives
        }
        return _reduce(pl.DataFrame({"pair": pair, "n_pairs": np.ones(len(pair), dtype=np.int32), **decayed}))
