"""`recsys init` and `recsys profile` as a user meets them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.configuration import Config, read_config
from recsys.errors import DataError, SchemaError

HEADER = "user_id,item_id,event_type,timestamp,value\n"


def event_file(folder: Path) -> Path:
    """Write 300 events of 10 users, one a day, who come back to the same 7 items."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [
        f"u{n % 10},i{n % 7},{'view' if n % 3 else 'buy'},{(start + timedelta(days=n)).isoformat()},1"
        for n in range(300)
    ]
    path = folder / "events.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_init_writes_a_config_that_loads_without_edits(tmp_path: Path) -> None:
    result = run("init", event_file(tmp_path))
    assert result.exit_code == 0
    assert result.stderr == ""
    path = tmp_path / "mine.toml"
    path.write_text(result.stdout)
    config = read_config(path)
    # Each user is active every 10 days: the horizon is the next longer one, and half-lives begin at a month.
    assert config.evaluation.horizon == timedelta(days=14)
    assert config.recommender.personal_half_lives[0] == timedelta(days=30)
    assert config.recommender.ranking.windows == 5
    assert config != Config()


def test_a_log_is_learned_from_with_the_config_that_init_wrote_for_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(run("init", event_file(tmp_path)).stdout)
    home = ("--config", path, "--home", tmp_path / "home")
    assert run("ingest", *home, tmp_path / "events.csv").exit_code == 0
    done = run("train", *home, "--as-of", "2024-10-01", "--out", tmp_path / "model")
    assert done.exit_code == 0
    assert "mean NDCG" in done.stderr  # a ranker met the best heuristic


def test_init_names_the_rows_it_leaves_aside(tmp_path: Path) -> None:
    path = event_file(tmp_path)
    path.write_text(path.read_text() + "u1,,view,2024-01-01,1\nu1,i1,view,soon,1\nu1,i1\n")
    result = run("init", path)
    assert result.exit_code == 0
    assert "302 rows left aside: {" in result.stderr
    assert "'item_id_missing': 1" in result.stderr
    assert "1 malformed line(s) left aside; first: 'u1,i1'" in result.stderr
    assert result.stdout.startswith('# For "events.csv": 300 events')


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("user_id,item_id\n1,2\n", SchemaError, r"2 column\(s\) missing: event_type, timestamp"),
        (HEADER, DataError, "events: none is known before"),
    ],
)
def test_init_refuses_a_file_without_events(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(error, match=message):
        run("init", path)


def test_profile_of_a_log_is_one_json_object_or_tables(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("")
    home = ("--config", config, "--home", tmp_path / "home")
    assert run("ingest", *home, event_file(tmp_path)).exit_code == 0
    found = json.loads(run("profile", *home, "--json").stdout)
    assert (found["n_events"], found["n_users"], found["n_items"], found["log_version"]) == (300, 10, 7, 0)
    # Half a year earlier only the events of January to March (31 + 29 + 31 days) were known.
    earlier = json.loads(run("profile", *home, "--json", "--as-of", "2024-04-01").stdout)
    assert earlier["n_events"] == 91
    tables = run("profile", *home).stdout
    for expected in ("Profile", "Event types", "Seasons", "300, and 0 exposures", "view", "Sun"):
        assert expected in tables
