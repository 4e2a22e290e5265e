"""How long ingestion of generic events takes, in how much memory, against writing them unchecked to Delta Lake.

    python -m benchmarks.ingest [--events 10000000] [--format parquet|csv] [--folder DIR]

Every step runs in a process of its own, whose peak resident memory is its own. Bars: 10 million events within 60 s and
4 GiB; a scan of 28 days opens the files of those days only.
"""

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import write_deltalake

from recsys.data.deliveries import Delivery
from recsys.data.importers import IMPORTERS
from recsys.data.ingest import IngestSettings, ingest_events
from recsys.data.log import EventLog

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)


def generate(path: Path, n_events: int) -> str:
    """Write a year of events: long-tailed users and items, three types, times in no order."""
    random = np.random.default_rng(1)
    instants = pl.Series(random.integers(0, 365 * 86_400, n_events) + int(START.timestamp()))
    events = pl.select(
        user_id=pl.format("u{}", pl.Series((random.pareto(1.2, n_events) * 100).astype(np.int64) % 500_000)),
        item_id=pl.format("i{}", pl.Series((random.pareto(1.1, n_events) * 20).astype(np.int64) % 50_000)),
        event_type=pl.Series(random.integers(0, 3, n_events)).replace_strict([0, 1, 2], ["view", "cart", "purchase"]),
        timestamp=pl.from_epoch(instants, "s").dt.replace_time_zone("UTC"),
    )
    if path.suffix == ".csv":
        events.with_columns(pl.col("timestamp").dt.to_string("iso:strict")).write_csv(path)
    else:
        events.write_parquet(path)
    return f"{path.stat().st_size / 2**20:,.0f} MB"


def write_plainly(path: Path, home: Path) -> str:
    """Read the file and write it to Delta Lake by date: no checks, no ids, no second look."""
    read = pl.read_parquet if path.suffix == ".parquet" else pl.read_csv
    events = read(path)
    if events.schema["timestamp"] == pl.String:
        events = events.with_columns(pl.col("timestamp").str.to_datetime("%+", time_zone="UTC"))
    dated = events.with_columns(event_date=pl.col("timestamp").dt.date())
    write_deltalake(home / "plain", dated, partition_by=["event_date"])
    return f"{dated.height:,} rows"


def ingest(path: Path, home: Path) -> str:
    """Ingest the file as `recsys ingest` does."""
    deliveries = [Delivery(path.name, IMPORTERS["events"].read_events(path))]
    done = ingest_events(home, deliveries, IngestSettings(), now=END)
    return f"{done.accepted:,} accepted, {done.already_present:,} already there"


def scan(home: Path, days: int) -> str:
    """Read the last days of the log as of its end."""
    scanned_lf = EventLog(home).scan(END, since=END - timedelta(days=days))
    plan = scanned_lf.explain()
    more = re.search(r"(\d+) other sources", plan)
    n_files = len(re.findall(r"event_date=[\d-]+/", plan)) + int(more[1] if more else 0)
    n_rows = scanned_lf.collect().height
    return f"{n_rows:,} events from {n_files} of {len(list((home / 'log' / 'events').glob('event_date=*/*')))} files"


def measured(step: Callable[..., str], *arguments: object) -> tuple[str, float, float]:
    """Run a step; return what it says, its seconds and the process's peak memory in GiB."""
    start = time.perf_counter()
    said = step(*arguments)
    return said, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run(name: str, step: Callable[..., str], *arguments: object) -> float:
    """Measure a step in a fresh process, print a line and return its seconds."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        said, seconds, peak = pool.submit(measured, step, *arguments).result()
    print(f"{name:<24}{seconds:>8.1f} s{peak:>7.2f} GiB   {said}", flush=True)
    return seconds


def main() -> None:
    """Run every step in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        path = folder / f"events.{options.format}"
        run("generate", generate, path, options.events)
        plain = run("unchecked write", write_plainly, path, folder)
        checked = run("ingest", ingest, path, folder)
        print(f"{'':<24}{checked / plain:>8.1f} times the unchecked write")
        run("the same again", ingest, path, folder)
        run("scan of 28 days", scan, folder, 28)
        run("scan of all days", scan, folder, 365)


if __name__ == "__main__":
    main()
