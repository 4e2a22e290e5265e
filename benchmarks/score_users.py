"""How many users a second two stages score: retrieval, features and ranker, beside their bare engines.

    python -m benchmarks.score_users [N_USERS] [N_ITEMS]        default: 200000 20000

Synthetic shoppers over 60 days, about ten events each, a long tail of items. One process learns from them and writes
what it learned, as training does; another reads it and scores 20,000 of the users with 100 candidates each, as a batch
over everyone does: its memory is that of scoring. Beside it, in the same process: LightGBM predicting the same rows
alone, and FAISS searching the same vectors alone.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
SETTINGS = RecommenderSettings()
PLAN = RankingPlan(
    rankers=("lambdarank",), objectives={"interaction": 1.0}, cold="ranked", n_rounds={"lambdarank": 100}, windows=1
)


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


def learn(n_users: int, n_items: int, folder: Path) -> None:
    """Learn everything and write it down."""
    began = time.perf_counter()
    knowledge = gather(draw(n_users, n_items).lazy(), as_of=END, rewards=RewardSettings(), state=StateSettings())
    stage = TwoStage(SETTINGS)
    tables = dict(stage.fit(knowledge))
    users = knowledge.history.users.select("user_idx", "market")
    rankers = fit_ranker(stage, tables, users)
    rankers.save(folder)
    tables |= Ranked(RANKED, SETTINGS, rankers).own_tables(knowledge)
    for name, table in {**tables, "users": users}.items():
        table.write_parquet(folder / f"{name}.parquet")
    print(f"{n_users:,} users x {n_items:,} items: learned in {time.perf_counter() - began:.0f} s, {peak()}")


def fit_ranker(stage: TwoStage, tables: dict[str, pl.DataFrame], users: pl.DataFrame) -> RankerSet:
    """Fit a ranker of 100 trees on random grades: what it has learned does not change what it costs."""
    candidates, matrix = next(iter(stage.blocks(tables, users.head(2_000), None)))
    rng = np.random.default_rng(0)
    grade = (rng.random(len(matrix)) < 0.05).astype(np.int32)
    rows = Rows(matrix, grade, candidates.sizes, np.ones(len(matrix), np.float32))
    names = [feature.name for feature in stage.features]
    return RankerSet(PLAN, {("interaction", "lambdarank"): RANKERS["lambdarank"].fit(rows, names, n_rounds=100).ranker})


def score(folder: Path) -> None:
    """Read what was learned and score a sample of the users, whole and in parts."""
    tables = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    users = tables.pop("users")
    rankers = RankerSet.load(folder, PLAN)
    stage, source = TwoStage(SETTINGS), Ranked(RANKED, SETTINGS, rankers)
    sample = users.slice((users.height - N_SCORED) // 2, N_SCORED)  # side by side, as a batch over everyone meets them
    whole = timed(lambda: source.retrieve(tables, sample, 50))
    memory = peak()
    few = sample.head(N_SCORED // 5)
    blocks = list(stage.blocks(tables, few, None))
    predict = 5 * timed(lambda: [rankers.score(matrix, candidates.sizes) for candidates, matrix in blocks])
    print(f"whole      {N_SCORED / whole:9,.0f} users/s, {memory}")
    print(
        f"LightGBM   {N_SCORED / predict:9,.0f} users/s alone on the same rows; the whole takes {whole / predict:.1f}x"
    )
    search(tables)


def search(tables: dict[str, pl.DataFrame]) -> None:
    """Compare a vector channel with the bare index on the same vectors."""
    own = {name: tables[f"retrieval.factors_fast.{name}"] for name in ("users", "items")}
    source = TwoStage(SETTINGS).sources["factors_fast"]
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


def peak() -> str:
    """Say the most memory that this process held."""
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB"


def main() -> None:
    """Learn in one process and score in another; print users a second of each part, and of the bare engines."""
    n_users, n_items = (int(word) for word in (sys.argv[1:] + ["200000", "20000"][len(sys.argv) - 1 :]))
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for step, arguments in ((learn, (n_users, n_items, Path(folder))), (score, (Path(folder),))):
            process = spawn.Process(target=step, args=arguments)
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(f"{step.__name__} ended with {process.exitcode}")


if __name__ == "__main__":
    main()
