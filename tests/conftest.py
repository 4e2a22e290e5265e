"""Small worlds that many tests share; every value in them is made here, none is read from a file."""

import os
from datetime import UTC, datetime, timedelta

# As the commands do, before anything loads OpenMP or OpenBLAS: idle threads soon sleep, and BLAS takes one.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import polars as pl
import pytest

from recsys.knowledge import Knowledge, gather
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2024, 5, 1, tzinfo=UTC)


def draw_events(n: int, first_id: int, start: datetime, days: int, seed: int) -> pl.DataFrame:
    """Draw events of 30 users and 40 items; low items are popular, and users come back to their own few."""
    random = np.random.default_rng(seed)
    users = random.integers(0, 30, n)
    own = (users * 7 + random.integers(0, 4, n)) % 40
    popular = np.minimum(random.geometric(0.15, n) - 1, 39)
    items = np.where(random.random(n) < 0.5, own, popular)
    times = [start + timedelta(seconds=int(s)) for s in random.integers(0, days * 86_400, n)]
    frame = pl.DataFrame(
        {
            "event_id": [f"e{first_id + i}" for i in range(n)],
            "user_id": [None if i % 17 == 0 else f"u{u:02d}" for i, u in enumerate(users)],
            "item_id": [f"i{i:02d}" for i in items],
            "event_type": random.choice(["view", "purchase"], n),
            "event_time": times,
            "known_at": times,
            "basket_id": [f"b{(first_id + i) // 3}" for i in range(n)],
            "market": random.choice(["DE", "FR"], n),
        },
        schema_overrides={"event_time": EVENT_DTYPES["event_time"], "known_at": EVENT_DTYPES["known_at"]},
    )
    return conform(frame, EVENT_DTYPES, "drawn events")


@pytest.fixture(scope="session")
def events() -> pl.DataFrame:
    """1,200 events of 120 days, all known before `AS_OF`."""
    return draw_events(1_200, 0, START, 120, seed=1)


@pytest.fixture(scope="session")
def future_events() -> pl.DataFrame:
    """300 events that are known only at or after `AS_OF`, with users and items that did not exist before."""
    drawn = draw_events(300, 10_000, AS_OF, 20, seed=2)
    return drawn.with_columns(item_id=pl.col("item_id").replace("i00", "canary"))


@pytest.fixture(scope="session")
def items() -> pl.DataFrame:
    """A catalogue: 45 items in 5 categories, two of them no longer available, one never seen in an event."""
    ids = [f"i{i:02d}" for i in range(45)]
    frame = pl.DataFrame(
        {
            "item_id": ids,
            "known_at": [START] * 45,
            "title": [f"item {i}" for i in ids],
            "category": [f"c{i % 5}" for i in range(45)],
            "available_to": [datetime(2024, 4, 1, tzinfo=UTC) if i in (3, 4) else None for i in range(45)],
        },
        schema_overrides={"known_at": ITEM_DTYPES["known_at"], "available_to": ITEM_DTYPES["available_to"]},
    )
    return conform(frame, ITEM_DTYPES, "drawn items")


@pytest.fixture(scope="session")
def knowledge(events: pl.DataFrame, items: pl.DataFrame) -> Knowledge:
    """Everything known at `AS_OF`."""
    return gather(events.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(), items=items.lazy())
