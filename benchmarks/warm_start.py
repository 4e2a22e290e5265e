"""What matrix factors cost that go on from earlier ones, beside learning them from nothing.

    python -m benchmarks.warm_start [N_USERS] [N_ITEMS]        default: 100000 20000

The synthetic shoppers of `benchmarks.score_users`: ten events a user over 60 days. The earlier factors are those of the
day before the end. At the end, in one process, they are learned from nothing, the same in as few turns as a warm start
takes, warm, and kept for items with users folded in. What they find is compared with 30 turns from nothing: which share
of the 20 nearest items of 2,000 users is the same. Seconds are of processor time, so that other work disturbs less.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import polars as pl

from benchmarks.score_users import END, draw
from recsys.candidates import CandidateSource, Factors, Tables
from recsys.knowledge import Knowledge, gather
from recsys.recommender import FORMAT, Earlier, Manifest, Pick, Plan, RecommenderSettings, fit
from recsys.rewards import RewardSettings
from recsys.state import StateSettings

FACTORS = Pick(rung="factors", variant="half_life=30d")
SETTINGS = RecommenderSettings()
SETTLED = 30
"""Turns after which the factors are taken to have settled."""

N_COMPARED = 2_000
DEPTH = 20


def main() -> None:
    """Print a row for each way to the factors of the end."""
    n_users, n_items = (int(word) for word in (sys.argv[1:] + ["100000", "20000"][len(sys.argv) - 1 :]))
    log_lf = draw(n_users, n_items).lazy()
    before, now = (
        gather(log_lf, as_of=as_of, rewards=RewardSettings(), state=StateSettings())
        for as_of in (END - timedelta(days=1), END)
    )
    earlier = earlier_factors(before, now)
    source = Factors("factors", timedelta(days=30), SETTINGS.n_factors)
    turns = {n: replace(source, n_iterations=n) for n in (SETTLED, 12, SETTINGS.n_warm_iterations)}
    ways: dict[str, Callable[[], Tables]] = {
        "from nothing, 12 turns": lambda: turns[12].fit(now),
        f"from nothing, {SETTINGS.n_warm_iterations} turns": lambda: turns[SETTINGS.n_warm_iterations].fit(now),
        f"warm, {SETTINGS.n_warm_iterations} turns": lambda: earlier.starting(now, SETTINGS)(FACTORS),
        "users folded in": lambda: earlier.refreshing(now)(FACTORS),
    }
    settled = nearest(source, turns[SETTLED].fit(now), now)
    print(f"{n_users:,} users x {n_items:,} items")
    print(f"| factors | processor seconds | share | as {SETTLED} turns find |\n" + "|---" * 4 + "|")
    cold = 0.0
    for name, way in ways.items():
        seconds, tables = timed(way)
        cold = cold or seconds
        same = nearest(source, tables, now).join(settled, on=["user_idx", "item_idx"], how="semi").height
        print(f"| {name} | {seconds:.2f} | {seconds / cold:.0%} | {same / settled.height:.1%} |", flush=True)


def earlier_factors(before: Knowledge, now: Knowledge) -> Earlier:
    """Return the factors of the day before, numbered as at the end."""
    popular = Pick(rung="popularity_decayed", variant="half_life=7d")
    plan = Plan(parts=(FACTORS,), fallback=popular, repeats="allow")
    as_of = before.as_of
    facts = Manifest(format=FORMAT, as_of=as_of, log_version=None, config_digest="", settings=SETTINGS, plan=plan)
    return Earlier.of(fit(before, facts), now.history)


def nearest(source: CandidateSource, tables: Tables, knowledge: Knowledge) -> pl.DataFrame:
    """Return the nearest items of some users, evenly chosen."""
    users = knowledge.history.users.select("user_idx", "market")
    return source.retrieve(tables, users.gather_every(max(users.height // N_COMPARED, 1)), DEPTH)


def timed(run: Callable[[], Tables]) -> tuple[float, Tables]:
    """Return the processor seconds of the faster of two runs, and what it gave."""
    seconds = []
    for _ in range(2):
        began = time.process_time()
        tables = run()
        seconds.append(time.process_time() - began)
    return min(seconds), tables


if __name__ == "__main__":
    main()
