"""Score one million users with lists of 50: all metrics, strata and intervals, for two methods.

    python benchmarks/evaluate_million.py [--users 1000000]

Prints one JSON object: seconds per step and for all of it, peak memory, and the same accuracy metrics by ir-measures
on 10,000 of the users in this run (its seconds scaled to all users), with the largest difference in NDCG.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import ir_measures
import numpy as np
import polars as pl

from recsys.evaluation import (
    ACCURACY_METRICS,
    LIST_METRICS,
    REPEAT_METRICS,
    UserGroups,
    bootstrap,
    build_strata,
    compare,
    list_metrics,
    per_user_metrics,
)
from recsys.timeline import INSTANT

N_ITEMS = 100_000
DEPTH = 50
N_TRUTH = 5
N_SEEN = 20
CUTOFF = datetime(2024, 6, 1, tzinfo=UTC)
METHODS = ("worse", "better")
SAMPLE = 10_000


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time of the block to the step's."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def pairs(random: np.random.Generator, n_users: int, n: int) -> pl.DataFrame:
    """Make n distinct items for each user: a random start, and a stride too short to come round the catalogue."""
    start, stride = random.integers(0, N_ITEMS, (n_users, 1)), random.integers(1, N_ITEMS // (n + 1), (n_users, 1))
    items = (start + stride * np.arange(n)) % N_ITEMS
    users = np.repeat(np.arange(n_users, dtype=np.uint32), n)
    return pl.DataFrame({"user_idx": users, "item_idx": items.ravel().astype(np.uint32)})


def slates(random: np.random.Generator, truth: pl.DataFrame, n_users: int, hit_prob: float) -> pl.DataFrame:
    """Make lists of DEPTH in which some places hold a true item, sorted by user and rank."""
    lists = pairs(random, n_users, DEPTH)["item_idx"].to_numpy().reshape(n_users, DEPTH).copy()
    true_items = truth["item_idx"].to_numpy().reshape(n_users, N_TRUTH)
    for place in range(N_TRUTH):
        is_hit = (random.random(n_users) < hit_prob) & ~(lists == true_items[:, [place]]).any(axis=1)
        rank = place * 9 + random.integers(0, 9, n_users)
        lists[is_hit, rank[is_hit]] = true_items[is_hit, place]
    users = np.repeat(np.arange(n_users, dtype=np.uint32), DEPTH)
    ranks = np.tile(np.arange(1, DEPTH + 1, dtype=np.int32), n_users)
    return pl.DataFrame({"user_idx": users, "item_idx": lists.ravel(), "rank": ranks})


def tables(random: np.random.Generator, n_users: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make the catalogue and the users at the cutoff."""
    items = pl.DataFrame(
        {
            "item_idx": np.arange(N_ITEMS, dtype=np.uint32),
            "n_events": random.zipf(1.5, N_ITEMS).clip(max=10**6),
            "category": random.integers(0, 200, N_ITEMS),
            "item_age_days": random.random(N_ITEMS) * 365,
        }
    )
    n_events = random.geometric(0.1, n_users) - 1
    last = pl.Series([CUTOFF - timedelta(days=1)], dtype=INSTANT) - pl.Series(
        (random.random(n_users) * 200 * 86_400e6).astype(np.int64)
    ).cast(pl.Duration("us"))
    users = pl.DataFrame(
        {
            "user_idx": np.arange(n_users, dtype=np.uint32),
            "user_id": np.arange(n_users).astype(str),
            "n_events": n_events,
            "last_time": last,
            "market": pl.Series(random.integers(0, 4, n_users)).cast(pl.String),
        }
    )
    return items, users


def score(
    lists: dict[str, pl.DataFrame], frames: dict[str, pl.DataFrame], clock: Clock
) -> tuple[pl.DataFrame, list[float | None]]:
    """Do what an evaluation does at one cutoff; return the better method's scores and its relative gain in NDCG."""
    metrics = [*ACCURACY_METRICS, *REPEAT_METRICS, *LIST_METRICS]
    with clock.step("groups and strata"):
        groups = UserGroups.build(frames["users"]["user_id"], seed=0).at(frames["users"])
        strata = build_strata(frames["users"], cutoff=CUTOFF)
    sums = {}
    for name, method in lists.items():
        with clock.step("accuracy metrics"):
            scores = per_user_metrics(method, frames["truth"], seen=frames["seen"])
        with clock.step("list metrics"):
            listed = list_metrics(method, frames["items"], seen=frames["seen"])
        with clock.step("sums by group"):
            scores = scores.join(listed.per_user, on="user_idx", how="left", maintain_order="left")
            sums[name] = {"c": groups.sum(scores, metrics)}
        with clock.step("sums by group and stratum"):
            for column in ("activity", "market"):
                for (value,), part in strata.group_by(column, maintain_order=True):
                    inside = scores.join(part, on="user_idx", how="semi")
                    sums[f"{name} {value}"] = {"c": groups.sum(inside, ["ndcg"])}
    with clock.step("bootstrap"):
        boot = bootstrap(sums, resamples=2000, seed=0)
        found = {metric: compare(boot, [METHODS[::-1]], metric=metric)[0] for metric in metrics}
    return scores, [found["ndcg"].relative, found["ndcg"].relative_low, found["ndcg"].relative_high]


def by_ir_measures(method: pl.DataFrame, truth: pl.DataFrame) -> tuple[float, pl.DataFrame]:
    """Score users 0 .. SAMPLE - 1 with ir-measures: its seconds and their NDCG."""
    ours = (ir_measures.nDCG @ 10, ir_measures.R @ 20, ir_measures.P @ 10, ir_measures.RR @ 10)
    measures = [*ours, ir_measures.AP @ 10, ir_measures.Success @ 10]
    as_text = pl.col("user_idx", "item_idx").cast(pl.String)
    run = method.filter(pl.col("user_idx") < SAMPLE).with_columns(as_text)
    qrels = truth.filter(pl.col("user_idx") < SAMPLE).with_columns(as_text)
    start = time.perf_counter()
    found = ir_measures.iter_calc(
        measures,
        [ir_measures.Qrel(u, i, 1) for u, i in qrels.select("user_idx", "item_idx").iter_rows()],
        [ir_measures.ScoredDoc(u, i, -float(r)) for u, i, r in run.iter_rows()],
    )
    ndcg = {int(m.query_id): m.value for m in found if m.measure == measures[0]}
    seconds = time.perf_counter() - start
    return seconds, pl.DataFrame({"user_idx": list(ndcg), "oracle": list(ndcg.values())}).sort("user_idx")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    n_users = parser.parse_args().users
    random = np.random.default_rng(0)
    truth = pairs(random, n_users, N_TRUTH).with_columns(
        reward=pl.Series(1.0 + random.integers(0, 5, n_users * N_TRUTH))
    )
    items, users = tables(random, n_users)
    frames = {"truth": truth, "items": items, "users": users, "seen": pairs(random, n_users, N_SEEN)}
    lists = {name: slates(random, truth, n_users, prob) for name, prob in zip(METHODS, (0.3, 0.32), strict=True)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock = Clock()
    with clock.step("all"):
        scores, gain = score(lists, frames, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, oracle = by_ir_measures(lists["better"], truth)
    gap = scores.head(SAMPLE)["ndcg"] - oracle["oracle"]
    scaled = seconds * n_users / SAMPLE
    print(
        json.dumps(
            {
                "users": n_users,
                "methods": len(METHODS),
                "ndcg_gain_and_interval": gain,
                "seconds": {name: round(value, 2) for name, value in clock.seconds.items()},
                "seconds_per_method": round(clock.seconds["all"] / len(METHODS), 2),
                "rss_gib_input": round(before / 2**20, 2),
                "rss_gib_peak": round(peak / 2**20, 2),
                "ir_measures_seconds_scaled": round(scaled, 1),
                "ir_measures_over_accuracy_metrics": round(
                    scaled * len(METHODS) / clock.seconds["accuracy metrics"], 1
                ),
                "largest_ndcg_difference": float(gap.abs().max()),  # type: ignore[arg-type]
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
