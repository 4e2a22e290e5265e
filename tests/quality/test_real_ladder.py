"""Quality floors on real data, through the commands: what `ingest`, `train` and `recommend` give, judged from outside.

Floors lie a little below what was measured (docs/log.md), so that only a real loss fails.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.cli import main

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("REAL_DATA", ROOT.parent / "shared/data"))
pytestmark = pytest.mark.real_data


def run(*words: str | Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["recsys", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code


def truth_of(log: pl.DataFrame, cutoff: str, days: int) -> pl.DataFrame:
    """Return the distinct pairs of known users with an event in [cutoff, cutoff + days)."""
    start = datetime.fromisoformat(cutoff).replace(tzinfo=UTC)
    inside = pl.col("event_time").is_between(start, start + timedelta(days=days), closed="left")
    return log.filter(inside & pl.col("user_id").is_not_null()).select("user_id", "item_id").unique()


def mean_ndcg(slates: pl.DataFrame, truth: pl.DataFrame, k: int = 10) -> float:
    """Compute NDCG@k from its definition, the ideal truncated at min(k, |truth|); no slate scores 0."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    hits = truth.join(slates.filter(pl.col("rank") <= k), on=["user_id", "item_id"], how="inner")
    found = hits.group_by("user_id").agg(dcg=(1 / (pl.col("rank") + 1).log(2)).sum())
    users = truth.group_by("user_id").len().join(found, on="user_id", how="left").fill_null(0.0)
    ideal = np.cumsum(discounts)[np.minimum(users["len"].cast(pl.Int64).to_numpy(), k) - 1]
    return float((users["dcg"].to_numpy() / ideal).mean())


def slates_at(config: Path, home: Path, cutoff: str, days: int, users: pl.DataFrame) -> pl.DataFrame:
    """Train as of the cutoff and recommend to users."""
    users.select("user_id").unique().write_parquet(home / "users.parquet")
    start: list[str | Path] = ["-c", config, "--home", home]
    run("train", *start, "--as-of", cutoff, "--horizon", f"{days}d", "--out", home / "model")
    words: list[str | Path] = ["recommend", *start, "--model", home / "model", "--users", home / "users.parquet"]
    run(*words, "--k", "50", "--out", home / "slates.parquet")
    return pl.read_parquet(home / "slates.parquet")


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with all of Online Retail."""
    folder = REAL_DATA / "online_retail/by_day"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set REAL_DATA")
    home = tmp_path_factory.mktemp("retail")
    run("ingest", "-c", ROOT / "configs/online_retail.toml", "--home", home, "--format", "online-retail", folder)
    return home


@pytest.fixture(scope="module")
def retail_log(retail: Path) -> pl.DataFrame:
    return pl.read_delta(str(retail / "log/events")).drop("event_date")


def test_the_ladder_on_online_retail_beats_every_simple_peer(retail: Path, retail_log: pl.DataFrame) -> None:
    truth = truth_of(retail_log.filter(pl.col("event_type") == "purchase"), "2011-10-10", 14)
    assert truth["user_id"].n_unique() == 691
    slates = slates_at(ROOT / "configs/online_retail.toml", retail, "2011-10-10", 14, truth)
    assert slates["user_id"].n_unique() == 691
    assert mean_ndcg(slates, truth) >= 0.243  # personal history alone 0.240, all-time popularity 0.084


def test_slates_from_a_log_cut_off_at_the_cutoff_are_the_same(
    retail: Path, retail_log: pl.DataFrame, tmp_path: Path
) -> None:
    cutoff = pl.lit("2011-06-06").str.to_datetime(time_unit="us", time_zone="UTC")
    users = retail_log.select("user_id").drop_nulls().unique().sort("user_id").head(300)
    default = ROOT / "configs/default.toml"
    for name, log in (("full", retail_log), ("cut", retail_log.filter(pl.col("known_at") < cutoff))):
        (tmp_path / name).mkdir()
        log.drop("known_at").rename({"event_time": "timestamp"}).write_parquet(tmp_path / name / "events.parquet")
        run("ingest", "-c", default, "--home", tmp_path / name, tmp_path / name / "events.parquet")
    full, cut = (slates_at(default, tmp_path / name, "2011-06-06", 14, users) for name in ("full", "cut"))
    assert_frame_equal(full, cut, check_exact=True)


def test_where_nobody_repeats_new_items_are_found_on_amazon_beauty(tmp_path: Path) -> None:
    events = REAL_DATA / "amazon_beauty/events.parquet"
    if not events.is_file():
        pytest.skip(f"{events} is absent; set REAL_DATA")
    config = ROOT / "configs/amazon_beauty.toml"
    run("ingest", "-c", config, "--home", tmp_path, events)
    log = pl.read_delta(str(tmp_path / "log/events"))
    truth = truth_of(log, "2014-04-01", 30)
    slates = slates_at(config, tmp_path, "2014-04-01", 30, truth)
    had = log.filter(pl.col("event_time") < pl.lit("2014-04-01").str.to_datetime(time_unit="us", time_zone="UTC"))
    assert slates.join(had, on=["user_id", "item_id"], how="semi").is_empty()
    assert mean_ndcg(slates, truth) >= 0.052  # best popularity window .030, decayed ALS .034
