"""Co-visits of every kind against a count pair by pair, written without any of the code that it checks."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations, permutations, product
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings

from recsys.rewards import with_is_kept
from recsys.state import CovisitKind, CovisitSettings, StateSettings, build_state, update_state
from tests.property.state_logs import KINDS, REWARDS, day, dense_logs

WORTH = {"view": 0.0, "like": 0.5, "purchase": 2.0}
HALF_LIFE, GAP, WINDOW, BACK = timedelta(days=3), timedelta(hours=9), timedelta(days=2), 3
SETTINGS = StateSettings(
    covisits=CovisitSettings(half_lives=(HALF_LIFE,), window=WINDOW, gap_half_life=GAP, max_visits_back=BACK)
)
Visit = dict[str, tuple[float, str | None]]  # item -> worth of its best event, basket


class Pair(NamedTuple):
    """Two items of one user, in order."""

    x: str
    y: str
    worths: tuple[float, float]
    time: datetime  # of the later event
    gap: timedelta
    is_forward: bool

    def factor(self, kind: CovisitKind) -> float:
        """Return how much the pair counts."""
        bought = float(min(self.worths) > 0)
        return {"covisit": 1.0, "forward": float(self.is_forward), "typed": self.worths[1], "bought": bought}[kind]


def visits_of(kept: pl.DataFrame) -> dict[str, dict[datetime, Visit]]:
    """Return what each user, or anonymous basket, did at each instant."""
    visits: dict[str, dict[datetime, Visit]] = defaultdict(lambda: defaultdict(dict))
    for row in kept.iter_rows(named=True):
        if row["user_id"] is None and row["basket_id"] is None:
            continue
        visit = visits[row["user_id"] or f"anonymous {row['basket_id']}"][row["event_time"]]
        worth, basket = visit.get(row["item_id"], (0.0, row["basket_id"]))
        first = None if None in (basket, row["basket_id"]) else min(basket or "", row["basket_id"])
        visit[row["item_id"]] = (max(worth, WORTH[row["event_type"]]), first)
    return visits


def pairs_of(by_time: dict[datetime, Visit]) -> Iterator[Pair]:
    """Yield every directed pair of one user."""
    times = sorted(by_time)
    for time in times:
        for (x, (u, _)), (y, (v, _)) in permutations(by_time[time].items(), 2):
            yield Pair(x, y, (u, v), time, timedelta(), False)
    for i, j in combinations(range(len(times)), 2):
        gap = times[j] - times[i]
        if j - i > BACK or gap > WINDOW:
            continue
        for (x, (u, p)), (y, (v, q)) in product(by_time[times[i]].items(), by_time[times[j]].items()):
            together = p is not None and p == q
            yield Pair(x, y, (u, v), times[j], timedelta() if together else gap, not together)
            if together:
                yield Pair(y, x, (v, u), times[j], timedelta(), False)


def counted(kept: pl.DataFrame, kind: CovisitKind, as_of: datetime) -> dict[tuple[str, str], float]:
    """Add every pair up, one at a time."""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for by_time in visits_of(kept).values():
        for pair in pairs_of(by_time):
            if pair.x != pair.y and (factor := pair.factor(kind)):
                sums[pair.x, pair.y] += factor * 0.5 ** ((as_of - pair.time) / HALF_LIFE + pair.gap / GAP)
    return dict(sums)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(events=dense_logs)
def test_every_kind_equals_a_count_pair_by_pair(kind: CovisitKind, events: pl.DataFrame) -> None:
    as_of = day(9)
    seen = events.filter((pl.col("known_at") < as_of) & (pl.col("event_type") != "exposure"))
    kept = with_is_kept(seen.lazy(), REWARDS).filter("is_kept").collect()
    state = build_state(events, as_of=day(1), settings=SETTINGS, rewards=REWARDS)
    found = update_state(state, events, as_of=as_of).covisits(as_of, kind)
    sums = {(x, y): mass for x, y, _, mass in found.rows()}
    assert sums == pytest.approx(counted(kept, kind, as_of), rel=1e-9, abs=1e-12)
