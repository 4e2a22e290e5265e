"""`recsys verify --leaks` on a small shop: it passes as it is, and says so when something peeks."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.home import Home
from recsys.data.log import EventLog
from tests.pipeline.commands import run

CONFIG = """
[shop]
n_users = 120
n_items = 80
n_days = 70

[recommender]
n_factors = 4

[recommender.retrieval]
n_candidates = 50
channels = [
    { name = "popular", rung = "popularity_decayed", quota = 30 },
    { name = "arrivals", rung = "new_arrivals", quota = 5 },
    { name = "personal", rung = "personal", quota = 30 },
    { name = "category", rung = "category_popularity", quota = 20 },
]

[recommender.ranking]
rankers = ["pointwise"]
ranked_within = ["score_personal"]

[evaluation]
horizon = "10d"
n_resamples = 1_000
"""
PROBES = ["future_blind", "canary", "permuted_labels", "too_good", "state_parity"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and a home that holds a simulated shop."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "c.toml").write_text(CONFIG)
    assert run("simulate", "-c", folder / "c.toml", "--home", folder / "home") == 0
    return folder


def verify(place: Path, *more: str) -> int:
    return run("verify", "-c", place / "c.toml", "--home", place / "home", *more)


def content(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of error."""
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def test_the_recommender_passes_on_its_own_shop_and_leaves_the_home_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(place)
    assert verify(place, "--leaks", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is True
    assert said["as_of"] == "2024-03-01T00:00:00Z"  # ten days before the end of the shop
    assert [probe["probe"] for probe in said["probes"]] == PROBES
    assert all(probe["passed"] and probe["showed"] and not probe["example"] for probe in said["probes"])
    assert content(place) == before


def test_a_home_that_reads_a_day_ahead_fails_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ahead(self: Home, as_of: datetime) -> pl.LazyFrame:
        read = EventLog(self.path).scan(as_of + timedelta(days=1), version=self.log_version)
        return read.with_columns(pl.col("known_at", "event_time") - timedelta(days=1))

    monkeypatch.setattr(Home, "events", ahead)
    assert verify(place, "--leaks", "--users", "60") == 2
    said = capsys.readouterr()
    assert said.out.count("FAIL") >= 2
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "of 5 probes failed: future_blind, canary" in errors[0]
    assert "first: " in errors[0]
    assert "docs/guide.md" in errors[0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "there is nothing to verify; write --leaks"),
        (["--leaks", "--as-of", "soon"], "--as-of 'soon' is no instant"),
        (["--leaks", "--as-of", "2024-03-09"], "not mature"),
        (["--leaks", "--as-of", "2024-01-12"], "has less than one horizon of history"),
        (["--leaks", "--as-of", "2024-01-04"], "have less than one horizon of history"),
    ],
)
def test_what_cannot_be_verified_is_said_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert verify(place, *more) == 2
    assert message in error_of(capsys)


def test_a_home_without_a_log_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", "-c", place / "c.toml", "--home", place / "nowhere", "--leaks") == 2
    assert "there are no events yet; run `recsys ingest` first" in error_of(capsys)


def test_too_few_users_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(place, "--leaks", "--users", "3") == 2
    assert "Invalid value" in capsys.readouterr().err
