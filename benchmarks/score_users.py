"""How many users a second two stages score: retrieval, features and ranker, beside their bare engines.

    python -m benchmarks.score_users [N_USERS] [N_ITEMS]        default: 200000 20000

Synthetic shoppers over 60 days, about ten events each, a long tail of items. What is learned from them is saved and
loaded as a model is; then 20,000 users are scored with 100 candidates each. Beside it, in the same process: LightGBM
predicting the same rows alone, and FAISS searching the same vectors alone.
"""

import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import faiss
import numpy as np
import polars as pl

from recsys.knowledge import gather
from recsys.ranking import RANKERS, Rows
from recsys.recommender import RANKED, Ranked, RankerSet, RankingPlan, RecommenderSettings, TwoStage
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, conform, matrix_of

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=60)
N_SCORED = 20_000


def draw(n_users: int, n_items: int) -> pl.DataFrame:
    """Draw the events: users mostly stay among a hundred items, the others follow a long tail."""
    rng = np.random.default_rng(3)
    n = 10 * n_users
    user = rng.integers(0, n_users, n)
    own = (user * 37) % n_items + 100 * rng.random(n) ** 2
    item = np.where(rng.random(n) < 0.7, own, n_items * rng.random(n) ** 3).astype(np.int64) % n_items
    times = np.datetime64(START.replace(tzinfo=None), "us") + (rng.random(n) * 60 * 86_400e6).astype("timedelta64[us]")
    frame = pl.DataFrame({"user_id": user, "item_id": item, "event_time": times}).with_columns(
        pl.col("user_id", "item_id").cast(pl.String),
        pl.col("event_time").dt.replace_time_zone("UTC"),
        event_id=pl.int_range(pl.len()).cast(pl.String),
        event_type=pl.lit("view"),
    )
    return conform(frame.with_columns(known_at="event_time"), EVENT_DTYPES, "events")


def fit_ranker(stage: TwoStage, tables: dict[str, pl.DataFrame], users: pl.DataFrame) -> RankerSet:
    """Fit a ranker of 100 trees on random grades: what it has learned does not change what it costs."""
    candidates, matrix = next(iter(stage.blocks(tables, users.head(2_000), None)))
    rng = np.random.default_rng(0)
    grade = (rng.random(len(matrix)) < 0.05).astype(np.int32)
    rows = Rows(matrix, grade, candidates.sizes, np.ones(len(matrix), np.float32))
    names = [feature.name for feature in stage.features]
    learned = RANKERS["lambdarank"].fit(rows, names, n_rounds=100)
    plan = RankingPlan(
        rankers=("lambdarank",), objectives={"interaction": 1.0}, cold="ranked", n_rounds={"lambdarank": 100}, windows=1
    )
    return RankerSet(plan, {("interaction", "lambdarank"): learned.ranker})


def main() -> None:
    """Print users a second of each part, and of the bare engines."""
    n_users, n_items = (int(word) for word in (sys.argv[1:] + ["200000", "20000"][len(sys.argv) - 1 :]))
    began = time.perf_counter()
    knowledge = gather(draw(n_users, n_items).lazy(), as_of=END, rewards=RewardSettings(), state=StateSettings())
    settings = RecommenderSettings()
    stage = TwoStage(settings)
    tables = dict(stage.fit(knowledge))
    users = knowledge.history.users.select("user_idx", "market")
    rankers = fit_ranker(stage, tables, users)
    source = Ranked(RANKED, settings, rankers)
    tables |= source.own_tables(knowledge)
    del knowledge
    print(f"{n_users:,} users x {n_items:,} items: learned in {time.perf_counter() - began:.0f} s")
    sample = users.sample(N_SCORED, seed=1).sort("user_idx")
    whole = timed(lambda: source.retrieve(tables, sample, 50))
    blocks = list(stage.blocks(tables, sample, None))
    retrieval = timed(lambda: stage.candidates(tables, sample, None))
    predict = timed(lambda: [rankers.score(matrix, candidates.sizes) for candidates, matrix in blocks])
    print(f"whole      {N_SCORED / whole:9,.0f} users/s")
    print(f"retrieval  {N_SCORED / retrieval:9,.0f} users/s")
    print(
        f"LightGBM   {N_SCORED / predict:9,.0f} users/s alone on the same rows; the whole takes {whole / predict:.1f}x"
    )
    search(tables)
    print(f"peak memory, learning included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def search(tables: dict[str, pl.DataFrame]) -> None:
    """Compare a vector channel with the bare index on the same vectors."""
    own = {name: tables[f"retrieval.factors_fast.{name}"] for name in ("users", "items")}
    source = TwoStage(RecommenderSettings()).sources["factors_fast"]
    users = own["users"].head(N_SCORED).select("user_idx")
    queries, items = matrix_of(own["users"].head(N_SCORED)), matrix_of(own["items"])
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    bare = timed(lambda: index.search(queries, 120))
    channel = timed(lambda: source.retrieve(own, users, 120))
    print(f"FAISS      {len(queries) / bare:9,.0f} users/s alone; the channel takes {channel / bare:.2f}x")


def timed(run: Callable[[], object]) -> float:
    """Return the seconds of the faster of two runs."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
