"""The commands from simulate to evaluate, run as a user runs them, on a shop of a few hundred users."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.tables import Slate
from tests.pipeline.commands import cut_off, run

CONFIG = """
[shop]
n_users = 150
n_items = 80
n_days = 70

[rewards]
target = "engagement"

[rewards.definitions.engagement]
weights = { view = 1.0, cart = 3.0, purchase = 6.0 }
returns = { return = "purchase" }
return_window = "30d"

[rewards.definitions.purchase]
weights = { purchase = 1.0 }

[recommender.ranking]
windows = 2
rankers = ["linear"]

[evaluation]
n_cutoffs = 2
horizon = "7d"
selection_windows = 2
n_resamples = 1_000
"""
AS_OF = "2024-03-04"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and a home that holds a simulated shop and a model of it."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "tiny.toml").write_text(CONFIG)
    users = pl.DataFrame({"user_id": ["u001", "u007", "stranger", "u001"], "more": [1, 2, 3, 4]})
    users.write_parquet(folder / "users.parquet")
    assert run("simulate", "-c", folder / "tiny.toml", "--home", folder / "home") == 0
    assert train(folder) == 0
    return folder


def train(folder: Path, *more: str, out: str = "model", home: str = "home") -> int:
    words: list[str | Path] = ["train", "-c", folder / "tiny.toml", "--home", folder / home]
    words += ["--as-of", AS_OF, "--horizon", "7d"]
    return run(*words, "--out", folder / out, *more)


def recommend(folder: Path, *more: str, model: str = "model", out: str = "slates.parquet", home: str = "home") -> int:
    words: list[str | Path] = [
        "recommend",
        "-c",
        folder / "tiny.toml",
        "--home",
        folder / home,
        "--model",
        folder / model,
    ]
    return run(*words, "--users", folder / "users.parquet", "--out", folder / out, *more)


def test_recommend_gives_every_user_a_full_list_that_keeps_the_contract(place: Path) -> None:
    assert recommend(place, "--k", "20") == 0
    slates = pl.read_parquet(place / "slates.parquet")
    Slate.validate(slates)
    assert slates.group_by("user_id").len().sort("user_id").rows() == [
        ("stranger", 20),
        ("u001", 20),
        ("u007", 20),
    ]
    first = dict(slates.filter(pl.col("rank") == 1).select("user_id", "source").rows())
    assert first["stranger"] not in (first["u001"], first["u007"])  # nothing is known of a stranger


def test_the_same_commands_give_the_same_bytes(place: Path) -> None:
    assert train(place, out="again") == 0
    for model, out in (("model", "one.parquet"), ("again", "two.parquet")):
        assert recommend(place, model=model, out=out) == 0
    assert (place / "one.parquet").read_bytes() == (place / "two.parquet").read_bytes()


def test_a_log_cut_off_at_as_of_gives_the_same_slates_as_the_full_log(place: Path) -> None:
    cut_off(place / "home", AS_OF, place / "tiny.toml", place / "cut")
    assert train(place, out="cut-model", home="cut") == 0
    assert recommend(place, out="full.parquet") == 0
    assert recommend(place, model="cut-model", out="cut-slates.parquet", home="cut") == 0
    expected = pl.read_parquet(place / "full.parquet")
    assert_frame_equal(pl.read_parquet(place / "cut-slates.parquet"), expected, check_exact=True)


def test_train_says_in_json_what_it_chose_and_why(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "--json", "--repeats", "exclude", out="json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["as_of"] == "2024-03-04T00:00:00Z"
    assert said["plan"]["repeats"] == "exclude"
    assert said["n_windows"] == 2
    heuristics = {name: score for name, score in said["scores_on_earlier_windows"].items() if name != "ranked"}
    duel = said["duel"]
    assert duel["rival"] == max(heuristics, key=heuristics.__getitem__)
    assert said["rung"] == ("ranked" if duel["score"] > duel["rival_score"] else duel["rival"])


def test_evaluate_writes_a_report_its_numbers_and_every_user(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words: list[str | Path] = [
        "evaluate",
        "-c",
        place / "tiny.toml",
        "--home",
        place / "home",
        "--out",
        place / "report",
    ]
    assert run(*words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    metrics = json.loads((place / "report/metrics.json").read_text())
    per_user = pl.read_parquet(place / "report/per_user.parquet")
    assert len(metrics["protocol"]["cutoffs"]) == 2
    assert {rung["name"] for rung in metrics["rungs"]} == set(said["ndcg"])
    assert said["ndcg"]["popularity_all_time"] < said["ndcg"]["served"]
    means = per_user.group_by("rung", "cutoff").agg(pl.col("ndcg").mean()).group_by("rung").agg(pl.col("ndcg").mean())
    assert dict(means.rows()) == pytest.approx(said["ndcg"])
    assert "reward_ndcg[purchase]" in per_user.columns
    assert "<svg" in (place / "report/report.html").read_text()


def test_quick_looks_at_the_last_cutoff_only_and_prints_the_ladder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words: list[str | Path] = [
        "evaluate",
        "-c",
        place / "tiny.toml",
        "--home",
        place / "home",
        "--out",
        place / "quick",
    ]
    assert run(*words, "--quick", "--cutoffs", "2024-02-12, 2024-02-26") == 0
    metrics = json.loads((place / "quick/metrics.json").read_text())
    assert metrics["protocol"]["cutoffs"] == ["2024-02-26T00:00:00Z"]
    assert "popularity_all_time" in capsys.readouterr().out


def test_a_log_too_short_for_an_earlier_window_is_served_by_decayed_popularity(place: Path) -> None:
    words: list[str | Path] = ["train", "-c", place / "tiny.toml", "--home", place / "home", "--as-of", "2024-01-05"]
    assert run(*words, "--out", place / "young") == 0
    plan = json.loads((place / "young/model.json").read_text())["plan"]
    assert plan["parts"][0]["rung"] == "popularity_decayed"
    assert recommend(place, model="young", out="young.parquet") == 0


def test_a_home_that_holds_a_log_is_not_simulated_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", "-c", place / "tiny.toml", "--home", place / "home", "--users", "5") == 2
    assert "holds events already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--as-of", "soon"], "--as-of 'soon' is no instant"),
        (["--as-of", "2023-01-01"], "none is known before 2023-01-01T00:00:00Z"),
        (["--as-of", AS_OF, "--horizon", "two weeks"], "is no duration"),
    ],
)
def test_wrong_words_for_train_are_answered_in_one_line_with_exit_code_2(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    start: list[str | Path] = ["train", "-c", place / "tiny.toml", "--home", place / "home", "--out", place / "never"]
    assert run(*start, *words) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not (place / "never").exists()


def test_a_home_without_a_log_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, out="never", home="nowhere") == 2
    assert "there are no events yet; run `recsys ingest` first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pl.DataFrame({"customer": ["a"]}), "has no column user_id but customer"),
        (pl.DataFrame({"user_id": [1.5]}), "user_id is Float64, not text or an integer"),
        (pl.DataFrame({"user_id": [None]}, schema={"user_id": pl.String}), "names 0 users"),
        (None, "is no readable Parquet file"),
    ],
)
def test_a_users_file_that_cannot_serve_is_refused_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], table: pl.DataFrame | None, message: str
) -> None:
    bad = place / "bad"
    shutil.rmtree(bad, ignore_errors=True)
    bad.mkdir()
    if table is not None:
        table.write_parquet(bad / "users.parquet")
    else:
        (bad / "users.parquet").write_text("user_id")
    words: list[str | Path] = [
        "recommend",
        "-c",
        place / "tiny.toml",
        "--model",
        place / "model",
        "--users",
        bad / "users.parquet",
    ]
    assert run(*words, "--out", bad / "out.parquet") == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in bad.iterdir()] == ["users.parquet"]


def test_integer_user_ids_are_read_as_their_decimal_text(place: Path) -> None:
    pl.DataFrame({"user_id": [17850, 17850]}).write_parquet(place / "numbers.parquet")
    words: list[str | Path] = [
        "recommend",
        "-c",
        place / "tiny.toml",
        "--model",
        place / "model",
        "--users",
        place / "numbers.parquet",
    ]
    assert run(*words, "--k", "3", "--out", place / "numbered.parquet") == 0
    assert pl.read_parquet(place / "numbered.parquet")["user_id"].to_list() == ["17850"] * 3


@pytest.mark.parametrize("cutoffs", ["2024-01-02", "2024-03-10,2025-01-01"])
def test_cutoffs_without_history_or_labels_are_refused(
    place: Path, capsys: pytest.CaptureFixture[str], cutoffs: str
) -> None:
    words: list[str | Path] = ["evaluate", "-c", place / "tiny.toml", "--home", place / "home", "--out", place / "none"]
    assert run(*words, "--cutoffs", cutoffs) == 2
    assert "cutoff" in capsys.readouterr().err


def test_a_config_that_is_wrong_is_answered_with_all_problems(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "wrong.toml").write_text('[evaluation]\nhorizn = "7d"\nk = 0\n')
    words: list[str | Path] = [
        "evaluate",
        "-c",
        place / "wrong.toml",
        "--home",
        place / "home",
        "--out",
        place / "none",
    ]
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert "2 wrong setting(s)" in error
    assert "evaluation.horizn" in error
    assert "evaluation.k" in error
