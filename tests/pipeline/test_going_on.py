"""Models that go on from earlier ones, through the commands: `train --warm-start` and `recommend --as-of`."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.recommender import RANKED, load
from tests.pipeline.commands import cut_off, run

# The ladder is weak here, so that the ranker wins, whose channels have matrix factors.
CONFIG = """
[shop]
n_users = 100
n_items = 60
n_days = 60

[recommender]
ladder = ["popularity_all_time", "popularity_decayed"]
n_factors = 8

[recommender.ranking]
windows = 2
validation_windows = 1
rankers = ["linear"]

[evaluation]
horizon = "7d"
selection_windows = 1
"""
EARLY, LATE = "2024-02-12", "2024-02-26"


def train(place: Path, out: str, *more: str | Path, as_of: str = LATE, toml: str = "c.toml") -> int:
    words: list[str | Path] = ["train", "-c", place / toml, "--home", place / "home", "--as-of", as_of]
    return run(*words, "--out", place / out, *more)


def recommend(place: Path, *more: str, home: str = "home", toml: str = "c.toml", out: str = "slates.parquet") -> int:
    words: list[str | Path] = ["recommend", "-c", place / toml, "--home", place / home, "--model", place / "early"]
    return run(*words, "--users", place / "users.parquet", "--k", "20", "--out", place / out, *more)


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of an error."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a home with a simulated shop, an early model that ranks, and a file of users."""
    folder = tmp_path_factory.mktemp("going_on")
    (folder / "c.toml").write_text(CONFIG)
    pl.DataFrame({"user_id": [f"u{i:02d}" for i in range(20)] + ["stranger"]}).write_parquet(folder / "users.parquet")
    assert run("simulate", "-c", folder / "c.toml", "--home", folder / "home") == 0
    assert train(folder, "early", as_of=EARLY) == 0
    return folder


def test_the_same_warm_start_gives_the_same_model_byte_by_byte_and_records_where_it_came_from(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in ("warm", "again"):
        assert train(place, out, "--warm-start", place / "early", "--json") == 0
    assert train(place, "cold") == 0
    said = capsys.readouterr()
    n_items = [load(place / name).items.height for name in ("early", "warm")]
    assert n_items[0] < n_items[1]
    counts = f"users and {n_items[0]} of {n_items[1]} items were known to the model as of 2024-02-12T00:00:00Z"
    assert counts in said.err
    facts = [json.loads((place / name / "model.json").read_text()) for name in ("early", "warm")]
    origin = {"as_of": "2024-02-12T00:00:00Z", "config_digest": facts[0]["config_digest"]}
    assert facts[1]["warm_start"] == origin == json.loads(said.out.splitlines()[0])["warm_start"]
    files = {path.name: path.read_bytes() for path in (place / "warm").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (place / "again").iterdir()}
    other = {path.name for path in (place / "cold").iterdir() if path.read_bytes() != files[path.name]}
    channels = [f"source.retrieval.factors_{which}" for which in ("fast", "slow", "all")]
    vectors = {f"{channel}.{name}.parquet" for channel in channels for name in ("users", "items", "withdrawn")}
    assert other == vectors | {"model.json"}


@pytest.mark.parametrize(
    ("edit", "as_of", "message"),
    [
        ("", "2024-02-05", "learned as of 2024-02-12T00:00:00Z and knows the future of 2024-02-05T00:00:00Z"),
        ("n_factors = 8 -> n_factors = 4", LATE, "the earlier vectors have 8 factors, these 4"),
        (
            "n_factors = 8 -> n_factors = 8\npersonal_half_lives = ['7d', '30d']",
            LATE,
            "has no factors (half_life=7d) to start from; it has factors (half_life=30d)",
        ),
    ],
    ids=["later", "other length", "other variant"],
)
def test_a_model_that_cannot_be_started_from_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], edit: str, as_of: str, message: str
) -> None:
    old, _, new = edit.partition(" -> ")
    (place / "other.toml").write_text(CONFIG.replace(old, new) if edit else CONFIG)
    assert train(place, "never", "--warm-start", place / "early", as_of=as_of, toml="other.toml") == 2
    assert message in error(capsys)
    assert not (place / "never").exists()


def test_a_damaged_model_is_refused_before_the_work_begins(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(place / "early", place / "damaged")
    (place / "damaged/source.retrieval.factors_all.withdrawn.parquet").unlink()
    assert train(place, "never", "--warm-start", place / "damaged") == 2
    assert "it lacks 1 table(s); first: source.retrieval.factors_all.withdrawn.parquet" in error(capsys)


def test_a_model_is_not_replaced_by_the_one_that_starts_from_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (place / "early/model.json").read_bytes()
    assert train(place, "early", "--warm-start", place / "early") == 2
    assert "is the model that learning starts from; name another folder" in error(capsys)
    assert (place / "early/model.json").read_bytes() == before


def test_a_plan_without_factors_can_not_be_started_from_and_starts_from_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "plain.toml").write_text(CONFIG.replace("windows = 2\n", "windows = 0\n", 1))
    assert train(place, "plain", "--warm-start", place / "early", toml="plain.toml") == 0
    assert "nothing starts from it, because the plan that won (popularity_" in capsys.readouterr().err
    assert json.loads((place / "plain/model.json").read_text())["warm_start"] is None
    assert train(place, "anew", "--warm-start", place / "plain") == 0
    assert "nothing starts from it, because its plan (popularity_" in capsys.readouterr().err
    assert json.loads((place / "anew/model.json").read_text())["warm_start"] is None


def test_lists_as_of_a_later_instant_follow_what_became_known_without_training(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recommend(place, out="stale.parquet") == 0
    assert recommend(place, "--as-of", LATE, "--json", out="later.parquet") == 0
    said = capsys.readouterr()
    model, known = load(place / "early"), pl.col("known_at") < pl.lit(LATE).str.to_datetime(time_zone="UTC")
    events, items = (pl.read_delta(str(place / "home/log" / name)).filter(known) for name in ("events", "items"))
    new_items = set(items["item_id"]) - set(model.items["item_id"])
    n_users = events.filter(pl.col("event_type") != "exposure")["user_id"].drop_nulls().n_unique() - model.users.height
    assert min(n_users, len(new_items)) > 0
    assert f"new since the model of 2024-02-12T00:00:00Z: {n_users} users and {len(new_items)} items" in said.err
    facts = json.loads(said.out)
    assert (facts["as_of"], facts["learned_as_of"]) == ("2024-02-26T00:00:00Z", "2024-02-12T00:00:00Z")
    stale, later = (pl.read_parquet(place / f"{name}.parquet") for name in ("stale", "later"))
    assert later.group_by("user_id").len()["len"].to_list() == [20] * 21
    personal = [set(slates.filter(source=RANKED)["user_id"]) for slates in (stale, later)]
    assert personal[0] < personal[1]  # users of whom something became known
    assert later.join(stale, on=["user_id", "rank", "item_id"], how="anti").height > 100
    assert set(later.filter(source=RANKED)["item_id"]) & new_items  # without a vector, through the other channels


def test_the_default_instant_is_that_of_the_model_and_needs_no_home(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recommend(place, "--json", home="nowhere") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["as_of"] == facts["learned_as_of"] == "2024-02-12T00:00:00Z"


def test_lists_as_of_a_later_instant_know_nothing_of_what_follows_it(place: Path) -> None:
    cut_off(place / "home", LATE, place / "c.toml", place / "cut")
    assert recommend(place, "--as-of", LATE, home="cut", out="without.parquet") == 0
    assert recommend(place, "--as-of", LATE, out="with.parquet") == 0
    assert_frame_equal(pl.read_parquet(place / "without.parquet"), pl.read_parquet(place / "with.parquet"))
    assert (place / "without.parquet").read_bytes() == (place / "with.parquet").read_bytes()


@pytest.mark.parametrize(
    ("words", "config", "message"),
    [
        (["--as-of", "2024-02-11"], "", "learned as of 2024-02-12T00:00:00Z and knows the future of 2024-02-11"),
        (["--as-of", "tomorrow"], "", "--as-of 'tomorrow' is no instant"),
        (
            ["--as-of", LATE],
            "[rewards]\nversion = '2'\n",
            "1 section(s) differ from what the model was trained with; first: [rewards]",
        ),
        (["--as-of", LATE], "[state.covisits]\nwindow = '3d'\n", "first: [state]; name the configuration of the model"),
    ],
)
def test_an_instant_or_a_configuration_that_does_not_fit_the_model_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], config: str, message: str
) -> None:
    (place / "else.toml").write_text(CONFIG + config)
    assert recommend(place, *words, toml="else.toml", out="never.parquet") == 2
    assert message in error(capsys)
    assert not (place / "never.parquet").exists()


def test_a_home_without_a_log_or_of_other_items_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recommend(place, "--as-of", LATE, home="nowhere", out="never.parquet") == 2
    assert "there are no events yet; run `recsys ingest` first" in error(capsys)
    events = {"user_id": ["u01"], "item_id": ["x"], "event_type": ["view"], "timestamp": ["2024-02-01T00:00:00Z"]}
    pl.DataFrame(events).write_csv(place / "strange.csv")
    assert run("ingest", "-c", place / "c.toml", "--home", place / "strange", place / "strange.csv") == 0
    assert recommend(place, "--as-of", LATE, home="strange", out="never.parquet") == 2
    assert "and this home knows 0 of them as of 2024-02-26T00:00:00Z" in error(capsys)
