"""What an update of the decayed state costs next to a recompute, as the log grows.

    python benchmarks/state_update.py [MILLIONS ...]        default: 1 10

Each size is a log of 100 days in daily Parquet files: sessions of about four events, a long tail of users and items,
users who mostly stay among a hundred items, one per cent late by up to two weeks, purchases and returns. The recompute
reads all of it, and its time leaves out the saving; it is made with every kind of co-visit, and with one. The update
loads the state of day 99 from its store, adds the last day and saves. Each runs in a process of its own, so that peak
memory is its own.
"""

import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import CovisitSettings, StateSettings, StateStore, build_state, update_state
from recsys.tables import EVENT_DTYPES, conform
from recsys.timeline import INSTANT, parse_instant

N_DAYS = 100
N_ITEMS = 20_000
START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=N_DAYS)
SETTINGS = StateSettings()
ONE_KIND = StateSettings(covisits=CovisitSettings(kinds=("covisit",)))
REWARDS = RewardSettings(
    target="purchase",
    definitions={
        "purchase": RewardDefinition(
            weights={"view": 0.1, "purchase": 1.0}, returns={"return": "purchase"}, return_window=timedelta(days=30)
        )
    },
)


def write_log(folder: Path, n_events: int) -> None:
    """Write the log, one file a day."""
    for day in range(N_DAYS):
        rng = np.random.default_rng([7, day])
        events = draw_day(rng, n_events // N_DAYS, n_users=n_events // 40, day=day)
        events.write_parquet(folder / f"{day:03d}.parquet")


def draw_day(rng: np.random.Generator, n: int, *, n_users: int, day: int) -> pl.DataFrame:
    """Draw the events that happen on one day."""
    session = np.sort(rng.integers(0, max(n // 4, 1), n))
    user = (n_users * rng.random(n // 4 + 1) ** 1.5).astype(np.int64)[session]
    popular = N_ITEMS * rng.random(n) ** 3
    own = (user * 37) % N_ITEMS + 100 * rng.random(n) ** 2
    item = np.where(rng.random(n) < 0.7, own, popular).astype(np.int64) % N_ITEMS
    seconds = rng.integers(0, 82_000, n // 4 + 1)[session] + rng.integers(0, 3_600, n)
    late = np.where(rng.random(n) < 0.01, rng.integers(0, 14 * 86_400, n), 0)
    happened = pl.lit(START + timedelta(days=day), dtype=INSTANT) + pl.duration(seconds=pl.col("seconds"))
    kinds = np.array(["view", "purchase", "return"])[rng.choice(3, n, p=[0.9, 0.09, 0.01])]
    frame = pl.DataFrame(
        {"n": np.arange(n), "user": user, "item": item, "seconds": seconds, "late": late, "event_type": kinds}
    ).select(
        pl.format("e{}-{}", pl.lit(day), "n").alias("event_id"),
        pl.format("u{}", "user").alias("user_id"),
        pl.format("i{}", "item").alias("item_id"),
        "event_type",
        happened.alias("event_time"),
        (happened + pl.duration(seconds=pl.col("late"))).alias("known_at"),
        pl.lit(1.0).alias("quantity"),
        pl.when(pl.col("user") % 10 == 0).then(pl.lit("north")).otherwise(pl.lit("south")).alias("market"),
    )
    return conform(frame, EVENT_DTYPES, "events")


def rebuild(log: Path, as_of: str, store: Path, settings: StateSettings) -> tuple[float, float]:
    """Build the state from the whole log; return seconds and peak GiB."""
    start = time.perf_counter()
    state = build_state(scan(log), as_of=parse_instant(as_of), settings=settings, rewards=REWARDS)
    seconds = time.perf_counter() - start
    StateStore(store).save(state, log_version=None)
    return seconds, peak_gib()


def update(log: Path, as_of: str, store: Path) -> tuple[float, float]:
    """Load the state, add what became known and save it; return seconds and peak GiB."""
    start = time.perf_counter()
    state = StateStore(store).load(SETTINGS, REWARDS)
    state = update_state(state, scan(log), as_of=parse_instant(as_of))
    StateStore(store).save(state, log_version=None)
    return time.perf_counter() - start, peak_gib()


def scan(log: Path) -> pl.LazyFrame:
    """Return the log, lazily."""
    return pl.scan_parquet(log / "*.parquet")


def peak_gib() -> float:
    """Return the largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def apart(task: object, *args: object) -> tuple[float, float]:
    """Run a task in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(task, *args).result()  # type: ignore[arg-type]


def main(millions: list[int]) -> None:
    """Print one row per size."""
    print(
        "| events | recompute | peak | with one kind | peak | update by one day | peak | share |\n" + "|---" * 8 + "|"
    )
    for size in millions:
        with tempfile.TemporaryDirectory() as folder:
            log, yesterday, today, one = (Path(folder) / name for name in ("log", "yesterday", "today", "one"))
            log.mkdir()
            write_log(log, size * 1_000_000)
            apart(rebuild, log, (END - timedelta(days=1)).isoformat(), yesterday, SETTINGS)
            full, full_gib = apart(rebuild, log, END.isoformat(), today, SETTINGS)
            plain, plain_gib = apart(rebuild, log, END.isoformat(), one, ONE_KIND)
            step, step_gib = apart(update, log, END.isoformat(), yesterday)
            costs = [(full, full_gib), (plain, plain_gib), (step, step_gib)]
            row = [f"{cost:.2f} s | {gib:.1f} GiB" for cost, gib in costs]
            print("| " + " | ".join([f"{size} M", *row, f"{step / full:.1%}"]) + " |", flush=True)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1, 10])
