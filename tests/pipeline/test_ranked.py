"""The two-stage recommender through the commands: learned, saved, loaded, listed and judged where it beats the rest."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.configuration import read_config
from pipelines.home import Home
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.frame_cache import code_digest
from recsys.recommender import RANKED, load
from recsys.tables import EXPOSURE, Slate
from tests.pipeline.commands import cut_off, run
from tests.unit.evaluation.worlds import DAY, START, world

# The ladder is weak here, and the ranker's candidates come from the sources that it lacks.
CONFIG = """
[shop]
n_users = 100
n_items = 60
n_days = 60

[recommender]
ladder = ["popularity_all_time", "popularity_decayed"]

[recommender.ranking]
windows = 3
validation_windows = 1
rankers = ["lambdarank", "linear"]

[evaluation]
n_cutoffs = 2
horizon = "7d"
selection_windows = 1
n_resamples = 1_000
"""
AS_OF = "2024-02-26"


def train(place: Path, out: str, home: str = "home", toml: str = "c.toml") -> int:
    words: list[str | Path] = ["train", "-c", place / toml, "--home", place / home, "--as-of", AS_OF]
    return run(*words, "--out", place / out)


def recommend(place: Path, model: str, *more: str) -> pl.DataFrame:
    words: list[str | Path] = ["recommend", "-c", place / "c.toml", "--model", place / model]
    assert run(*words, "--users", place / "users.parquet", "--k", "20", "--out", place / "slates.parquet", *more) == 0
    return pl.read_parquet(place / "slates.parquet")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a home with a simulated shop, a model that ranks and a file of users."""
    folder = tmp_path_factory.mktemp("ranked")
    (folder / "c.toml").write_text(CONFIG)
    pl.DataFrame({"user_id": [f"u{i:02d}" for i in range(20)] + ["stranger"]}).write_parquet(folder / "users.parquet")
    assert run("simulate", "-c", folder / "c.toml", "--home", folder / "home") == 0
    assert train(folder, "model") == 0
    return folder


def test_train_says_in_one_line_that_a_ranker_won(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "said") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "/said: " in line]
    assert len(lines) == 1
    for words in (
        ": ranked as of 2024-02-26T00:00:00Z: l",
        "learned from 3 window(s)",
        "; mean NDCG 0.",
        " against 0.",
    ):
        assert words in lines[0]


def channels(place: Path, out: str, capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, object]], list[str]]:
    """Train, and return the channels of the JSON and the rows of the table on stderr."""
    capsys.readouterr()
    words: list[str | Path] = ["train", "-c", place / "c.toml", "--home", place / "home", "--as-of", AS_OF]
    assert run(*words, "--out", place / out, "--json") == 0
    said = capsys.readouterr()
    rows = [line for line in said.err.splitlines() if line.startswith("│")]
    return json.loads(said.out)["channels"], rows


def test_train_shows_what_each_channel_brings_and_costs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, rows = channels(place, "shown", capsys)
    names = {channel.name for channel in read_config(place / "c.toml").recommender.retrieval.proposing}
    assert {str(one["channel"]) for one in found} == names
    assert [row.split("│")[1].strip() for row in rows] == [one["channel"] for one in found]
    assert all(isinstance(one["seconds"], float) and one["seconds"] > 0 for one in found)
    assert all(isinstance(one["fit_seconds"], float) and one["fit_seconds"] > 0 for one in found)


def test_times_of_channels_are_kept_beside_the_examples_and_unknown_without(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = channels(place, "timed", capsys)
    again, _ = channels(place, "timed", capsys)
    assert again == first  # as they were measured when the candidates were made
    for file in (place / "home/cache/costs").iterdir():
        file.unlink()
    lost, rows = channels(place, "timed", capsys)
    assert [{**one, "seconds": None, "fit_seconds": None} for one in first] == lost
    assert all([cell.strip() for cell in row.split("│")[-3:-1]] == ["–", "–"] for row in rows)
    for file in (place / "home/cache/examples").iterdir():
        file.unlink()
    anew, _ = channels(place, "timed", capsys)
    assert all(one["seconds"] for one in anew)


def test_a_saved_model_that_ranks_gives_full_lists_of_known_and_unknown_users(place: Path) -> None:
    slates = recommend(place, "model")
    Slate.validate(slates)
    assert slates.group_by("user_id").len()["len"].to_list() == [20] * 21
    first = slates.filter(pl.col("rank") == 1)
    assert first.filter(pl.col("source") == RANKED).height > 10  # of users who had events by then
    assert first["item_id"].n_unique() > 5  # not one list for all


def test_a_model_that_ranks_can_leave_out_what_users_had(place: Path) -> None:
    model = load(place / "model")
    had = model.seen.join(model.users, on="user_idx").join(model.items, on="item_idx").select("user_id", "item_id")
    slates = recommend(place, "model", "--repeats", "exclude")
    assert slates.join(had, on=["user_id", "item_id"], how="semi").is_empty()
    assert RANKED in slates["source"]


def test_what_is_kept_of_a_run_saves_time_and_changes_no_byte(place: Path) -> None:
    kept = place / "home/cache/examples"
    before = content(kept)
    assert len(before) == 3
    assert train(place, "again") == 0
    assert content(kept) == before
    for file in kept.iterdir():
        file.unlink()
    assert train(place, "anew") == 0
    assert content(kept) == before
    assert content(place / "model") == content(place / "again") == content(place / "anew")


def test_what_is_kept_has_the_slots_of_what_was_shown(place: Path) -> None:
    for file in (place / "home/cache/examples").iterdir():
        position = pl.read_parquet(file)["position"]
        assert set(position.unique()) == set(range(7))  # the shop shows six items; 0: not shown
        assert 0 < (position > 0).sum() < len(position) / 2


def test_exposures_that_become_known_later_are_not_hidden_by_what_was_kept(tmp_path: Path) -> None:
    events = world(lambda user, day: f"item-{(user + day) % 9}", 56)
    week = events.filter(pl.col("event_time").is_between(START + 46 * DAY, START + 50 * DAY))
    shown = week.with_columns(
        event_id=pl.format("shown-{}", "event_id"),
        event_type=pl.lit(EXPOSURE),
        position=pl.lit(2, pl.Int32),
        known_at=pl.lit(START + 54 * DAY, dtype=events.schema["known_at"]),
    )
    EventLog(tmp_path / "home").append(pl.concat([events, shown]))
    (tmp_path / "c.toml").write_text(CONFIG)
    home = Home(tmp_path / "home", read_config(tmp_path / "c.toml"))
    slots = []
    for day in (54, 55, 54):
        examples = home.examples(START + 46 * DAY, START + day * DAY, "allow")
        assert examples is not None
        position = examples.rows("interaction").position
        slots.append(None if position is None else set(position.tolist()))
    assert slots == [None, {0, 2}, None]
    assert len(content(home.path / "cache/examples")) == 2


def test_other_code_or_other_settings_do_not_read_what_was_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = place / "home/cache/examples"
    before = set(content(kept))
    few = CONFIG.replace("windows = 3", "windows = 2").replace('"lambdarank", ', "")
    (place / "few.toml").write_text(few)
    assert train(place, "few", toml="few.toml") == 0
    assert set(content(kept)) == before  # neither the number of windows nor the rankers change a window
    (place / "deep.toml").write_text(few + "\n[recommender.retrieval]\nn_candidates = 40\n")
    assert train(place, "deep", toml="deep.toml") == 0
    assert len(set(content(kept)) - before) == 2
    with_retrieval = set(content(kept))
    monkeypatch.setattr("pipelines.home.code_digest", lambda: "0" * len(code_digest()))
    assert train(place, "coded", toml="few.toml") == 0
    assert len(set(content(kept)) - with_retrieval) == 2


def test_a_log_cut_off_at_as_of_gives_the_same_ranked_lists(place: Path) -> None:
    cut_off(place / "home", AS_OF, place / "c.toml", place / "cut")
    assert ItemTable(place / "cut").version is not None
    assert train(place, "cut-model", home="cut") == 0
    assert_frame_equal(recommend(place, "cut-model"), recommend(place, "model"), check_exact=True)


def test_a_model_whose_ranker_is_lost_or_damaged_is_refused_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(place, "damaged") == 0
    words: list[str | Path] = ["recommend", "-c", place / "c.toml", "--model", place / "damaged"]
    words += ["--users", place / "users.parquet", "--out", place / "never.parquet"]
    for ranker in sorted((place / "damaged").glob("ranker.*")):
        whole = ranker.read_bytes()
        for damage in (ranker.unlink, lambda file=ranker: file.write_text("tree\n")):
            damage()
            capsys.readouterr()
            assert run(*words) == 2
            errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
            assert len(errors) == 1
            assert "train the model again" in errors[0]
        ranker.write_bytes(whole)
    assert run(*words) == 0


def test_evaluate_shows_the_ranker_above_the_heuristics(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words: list[str | Path] = ["evaluate", "-c", place / "c.toml", "--home", place / "home"]
    assert run(*words, "--out", place / "report") == 0
    assert "│ ranked * " in capsys.readouterr().out
    metrics = json.loads((place / "report/metrics.json").read_text())
    rungs = {rung["name"]: rung for rung in metrics["rungs"]}
    assert list(rungs)[-3:] == ["blend", RANKED, "served"]
    assert rungs[RANKED]["metrics"]["ndcg"] == rungs["served"]["metrics"]["ndcg"]
    assert rungs[RANKED]["description"].startswith("candidates of many sources, ordered by a learned ranker; at the ")
    assert " against 0." in metrics["choice"]["reason"]
    page = (place / "report/report.html").read_text()
    assert "Why ranked was chosen" in page
    assert "What the channels bring and cost" in page
    assert len(metrics["channels"]) == len(read_config(place / "c.toml").recommender.retrieval.proposing)
    assert "The learned ranker was measured on the latest of them only." in page


def test_cutoffs_with_too_few_earlier_windows_for_a_ranker_keep_its_row(place: Path) -> None:
    words: list[str | Path] = ["evaluate", "-c", place / "c.toml", "--home", place / "home"]
    assert run(*words, "--out", place / "mixed", "--cutoffs", "2024-01-10,2024-02-19") == 0
    metrics = json.loads((place / "mixed/metrics.json").read_text())
    rungs = {rung["name"]: rung for rung in metrics["rungs"]}
    first, last = rungs[RANKED]["per_cutoff"]
    assert first["metrics"] == rungs["served"]["per_cutoff"][0]["metrics"]
    assert last["metrics"] != rungs["blend"]["per_cutoff"][1]["metrics"]
    assert rungs[RANKED]["has_data"]
    assert run(*words, "--out", place / "young", "--cutoffs", "2024-01-10") == 0
    young = json.loads((place / "young/metrics.json").read_text())
    (row,) = [rung for rung in young["rungs"] if rung["name"] == RANKED]
    assert not row["has_data"]
    assert row["description"].endswith("too few earlier windows to learn from, so the best heuristic")


def test_quick_learns_from_few_windows(place: Path) -> None:
    (place / "many.toml").write_text(CONFIG.replace("windows = 3\nvalidation_windows = 1", "windows = 6"))
    assert read_config(place / "many.toml").recommender.ranking.validation_windows == 2
    words: list[str | Path] = ["evaluate", "-c", place / "many.toml", "--home", place / "home", "--quick"]
    assert run(*words, "--out", place / "quick") == 0
    reason = json.loads((place / "quick/metrics.json").read_text())["choice"]["reason"]
    assert "learned from 3 window(s)" in reason
    assert "on the latest 1 window(s)" in reason
