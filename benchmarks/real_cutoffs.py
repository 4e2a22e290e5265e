"""What two stages cost and bring on real data: train and recommend at four cutoffs, beside the best heuristic.

    python -m benchmarks.real_cutoffs [FOLDER]        default: ../shared/data

The folder holds `online_retail/by_day/*.csv` and `amazon_beauty/events.parquet`. Both are ingested as bare events
(user, item, type, time; of Online Retail its purchases) with `configs/default.toml`. At each cutoff each method trains
and recommends in processes of its own, from a home without kept examples; the other method is the same configuration
with `recommender.ranking.windows = 0`, so that the best heuristic serves. Users are those of the label window, cold
ones too.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recsys.data.history import number
from recsys.evaluation import UserGroups, bootstrap, compare, per_user_metrics
from recsys.timeline import instant_literal, parse_duration, parse_instant

ROOT = Path(__file__).parents[1]
DEFAULT = ROOT / "configs/default.toml"
DEPTH = 50
RANKED, HEURISTIC = "two stages", "best heuristic"


@dataclass(frozen=True)
class Case:
    """One cutoff.

    Attributes:
        data: name of the dataset.
        cutoff: when the label window begins.
        horizon: how long it is.
        repeats: whether lists may hold what a user had; labels of pairs that they had count only then.
    """

    data: str
    cutoff: str
    horizon: str
    repeats: str


CASES = (
    Case("online_retail", "2011-09-12", "14d", "allow"),
    Case("online_retail", "2011-10-10", "14d", "allow"),
    Case("online_retail", "2011-11-07", "14d", "allow"),
    Case("amazon_beauty", "2014-04-01", "30d", "exclude"),
)


def main() -> None:
    """Print seconds and NDCG@10 of both methods at each cutoff, and their paired ratio per dataset."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "../shared/data")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        heuristic = place / "heuristic.toml"
        heuristic.write_text(DEFAULT.read_text() + "\n[recommender.ranking]\nwindows = 0\n")
        homes = {"online_retail": retail(folder, place), "amazon_beauty": beauty(folder, place)}
        found: dict[Case, dict[str, pl.DataFrame]] = {}
        print("| data, cutoff | users | method | train s | recommend s | NDCG@10 | recall@20 |\n" + "|---" * 7 + "|")
        for case in CASES:
            truth = truth_of(homes[case.data], case)
            found[case] = {
                method: served(homes[case.data], case, truth, config, method)
                for method, config in ((RANKED, DEFAULT), (HEURISTIC, heuristic))
            }
        for data in homes:
            print(f"{data}: {ratio({case: both for case, both in found.items() if case.data == data})}")


def retail(folder: Path, place: Path) -> Path:
    """Ingest the purchases of Online Retail as bare events."""
    days = folder / "online_retail/by_day"
    recsys("ingest", ROOT / "configs/online_retail.toml", place / "own", "--format", "online-retail", days)
    columns = ["user_id", "item_id", "event_type", pl.col("event_time").alias("timestamp")]
    purchases = pl.read_delta(str(place / "own/log/events")).filter(pl.col("event_type") == "purchase").select(columns)
    purchases.write_parquet(place / "purchases.parquet")
    recsys("ingest", DEFAULT, place / "retail", place / "purchases.parquet")
    return place / "retail"


def beauty(folder: Path, place: Path) -> Path:
    """Ingest Amazon Beauty."""
    recsys("ingest", DEFAULT, place / "beauty", folder / "amazon_beauty/events.parquet")
    return place / "beauty"


def truth_of(home: Path, case: Case) -> pl.DataFrame:
    """Return the distinct pairs of the label window, of known users."""
    start = parse_instant(case.cutoff, "cutoff")
    first, last = (instant_literal(instant) for instant in (start, start + parse_duration(case.horizon)))
    log = pl.read_delta(str(home / "log/events")).filter(pl.col("user_id").is_not_null())
    pairs = (
        log.filter(pl.col("event_time").is_between(first, last, closed="left")).select("user_id", "item_id").unique()
    )
    if case.repeats == "allow":
        return pairs
    return pairs.join(log.filter(pl.col("event_time") < first), on=["user_id", "item_id"], how="anti")


def served(home: Path, case: Case, truth: pl.DataFrame, config: Path, method: str) -> pl.DataFrame:
    """Train, recommend, print what that took and gave, and return the metrics of each user."""
    users, model, slates = home / "users.parquet", home / "model", home / "slates.parquet"
    truth.select("user_id").unique().write_parquet(users)
    shutil.rmtree(home / "cache", ignore_errors=True)  # nothing that another method or cutoff kept
    choice = ["--repeats", case.repeats]
    train = recsys("train", config, home, "--as-of", case.cutoff, "--horizon", case.horizon, *choice, "--out", model)
    words: list[str | Path] = ["--model", model, "--users", users, "--k", str(DEPTH), *choice, "--out", slates]
    recommend = recsys("recommend", config, home, *words)
    scores = metrics(pl.read_parquet(slates), truth)
    ndcg, recall = (scores[name].to_numpy().mean() for name in ("ndcg", "recall"))
    where = f"{case.data}, {case.cutoff}, {case.horizon}"
    print(
        f"| {where} | {scores.height:,} | {method} | {train:.0f} | {recommend:.0f} | {ndcg:.4f} | {recall:.4f} |",
        flush=True,
    )
    return scores


def metrics(slates: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Score each user of the truth, and name them."""
    users = number(truth["user_id"], "user")
    items = number(pl.concat([truth["item_id"], slates["item_id"]]), "item")
    numbered = [
        frame.join(users, on="user_id").join(items, on="item_id").drop("user_id", "item_id")
        for frame in (slates.select("user_id", "item_id", "rank"), truth.with_columns(reward=pl.lit(1.0)))
    ]
    return per_user_metrics(*numbered).join(users, on="user_idx")


def ratio(found: dict[Case, dict[str, pl.DataFrame]]) -> str:
    """Compare the methods, paired by user over the cutoffs of one dataset."""
    everyone = pl.concat([both[RANKED]["user_id"] for both in found.values()])
    deal = UserGroups.build(everyone, seed=0)
    sums = {
        method: {case.cutoff: deal.at(both[method]).sum(both[method], ["ndcg"]) for case, both in found.items()}
        for method in (RANKED, HEURISTIC)
    }
    (one,) = compare(bootstrap(sums), [(RANKED, HEURISTIC)], metric="ndcg")
    low, middle, high = (1.0 + (part or 0.0) for part in (one.relative_low, one.relative, one.relative_high))
    return f"{RANKED} have {middle:.3f} [{low:.3f}, {high:.3f}] times the NDCG@10 of the {HEURISTIC}"


def recsys(verb: str, config: Path, home: Path, *words: str | Path) -> float:
    """Run a command as a user does and return its seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipelines.cli", verb, "--config", config, "--home", home, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"recsys {verb} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
