"""`tune` through the command line: a configuration that `train` takes, from nothing but what was known."""

import json
import tomllib
from pathlib import Path

import pytest
import tomlkit

from pipelines.configuration import read_config
from recsys.ranking import BoostingSettings
from recsys.recommender import RANKED, RUNGS, load, parameters_of
from tests.pipeline.commands import cut_off, run

CONFIG = """# A shop that is tuned.

[shop]
n_users = 100
n_items = 60
n_days = 60

[recommender]
# weak on purpose
ladder = ["popularity_all_time", "popularity_decayed", "personal"]
popularity_half_lives = ["180d"]
personal_half_lives = ["180d"]
gammas = [3.0]

[recommender.ranking]
windows = 3
rankers = ["lambdarank"]

[evaluation]
n_cutoffs = 1
horizon = "7d" # a week
selection_windows = 2
n_resamples = 1_000
"""
AS_OF = "2024-02-26"


def tune(place: Path, out: str, *more: str, home: str = "home", toml: str = "c.toml", as_of: str = AS_OF) -> int:
    words: list[str | Path] = ["tune", "-c", place / toml, "--home", place / home, "--as-of", as_of, "--trials", "3"]
    return run(*words, "--out", place / out, *more)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a home with a simulated shop, and a tuned config."""
    folder = tmp_path_factory.mktemp("tune")
    (folder / "c.toml").write_text(CONFIG)
    assert run("simulate", "-c", folder / "c.toml", "--home", folder / "home") == 0
    assert tune(folder, "tuned.toml") == 0
    return folder


def test_the_written_configuration_is_the_own_one_with_better_settings(place: Path) -> None:
    text = (place / "tuned.toml").read_text()
    lines = text.splitlines()
    assert lines[0] == "# Tuned as of 2024-02-26T00:00:00Z by `recsys tune`: 3 trial(s) a rung, seed 0"
    assert [line.split(":")[0] for line in lines[2:6]] == [
        f"#   {name}" for name in ("popularity_all_time", "popularity_decayed", "personal", RANKED)
    ]
    for kept in ("# A shop that is tuned.", "# weak on purpose", 'horizon = "7d" # a week'):
        assert kept in text
    tuned, own = tomllib.loads(text), tomllib.loads(CONFIG)
    recommender = tuned["recommender"]
    assert recommender.pop("tuned_as_of") == "2024-02-26T00:00:00Z"
    assert "personal" in recommender.pop("tuned")
    recommender["ranking"].pop("boosting", None)
    assert tuned == own


def test_train_takes_it_and_the_tuned_variant_competes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Only personal: a better popularity rung would also fill its short lists otherwise.
    assert tune(place, "personal.toml", "--rungs", "personal", "--json") == 0
    found = json.loads(capsys.readouterr().out)["rungs"]["personal"]
    assert found["after"] > found["before"]
    config = read_config(place / "personal.toml")
    variant, source = list(RUNGS["personal"].variants("personal", config.recommender).items())[-1]
    assert variant.startswith("tuned ")
    assert parameters_of(source, RUNGS["personal"].space) == found["best"]
    words: list[str | Path] = ["train", "-c", place / "personal.toml", "--home", place / "home", "--as-of", AS_OF]
    assert run(*words, "--json", "--out", place / "model") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["scores_on_earlier_windows"]["personal"] == pytest.approx(found["after"], abs=1e-12)
    assert load(place / "model").manifest.settings == config.recommender


def test_training_with_tuned_settings_makes_no_candidates_and_features_again(place: Path) -> None:
    kept = place / "home/cache/examples"
    before = {path.name for path in kept.iterdir()}
    assert len(before) == 3
    tuned = place / "other_trees.toml"
    text = tomlkit.parse((place / "tuned.toml").read_text())
    text["recommender"]["ranking"]["boosting"] = {"learning_rate": 0.1}
    tuned.write_text(tomlkit.dumps(text))
    assert read_config(tuned).recommender.tuned
    assert read_config(tuned).recommender.ranking.boosting != BoostingSettings()
    words: list[str | Path] = ["train", "-c", tuned, "--home", place / "home", "--as-of", AS_OF]
    assert run(*words, "--out", place / "all") == 0
    assert {path.name for path in kept.iterdir()} == before


def test_the_same_seed_writes_the_same_bytes_and_the_table_says_what_was_tried(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert tune(place, "again.toml") == 0
    assert (place / "again.toml").read_bytes() == (place / "tuned.toml").read_bytes()
    said = capsys.readouterr()
    for words in ("rung", "tried", "before", "after", "nothing to tune", "1 of 1", "3 of 5", "3 of 900"):
        assert words in said.out
    assert "again.toml: " in said.err


def test_a_log_cut_off_at_as_of_writes_the_same_bytes(place: Path) -> None:
    cut_off(place / "home", AS_OF, place / "c.toml", place / "cut")
    assert tune(place, "cut.toml", home="cut") == 0
    assert (place / "cut.toml").read_bytes() == (place / "tuned.toml").read_bytes()


def test_some_rungs_alone_in_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert tune(place, "some.toml", "--rungs", "personal, popularity_decayed", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said["rungs"]) == ["popularity_decayed", "personal"]
    assert said["cutoffs"] == ["2024-02-12T00:00:00Z", "2024-02-19T00:00:00Z"]
    assert {name: one["n_tried"] for name, one in said["rungs"].items()} == {"popularity_decayed": 3, "personal": 3}
    assert "boosting" not in (place / "some.toml").read_text()


def test_a_tuned_configuration_can_be_tuned_again(place: Path) -> None:
    assert tune(place, "twice.toml", "--rungs", "personal", "--trials", "1", toml="tuned.toml", as_of="2024-02-27") == 0
    text = (place / "twice.toml").read_text()
    assert text.count("# Tuned as of") == 1
    assert text.startswith("# Tuned as of 2024-02-27T00:00:00Z")
    # One trial finds nothing better than what there is, so the settings and their instant stay.
    assert read_config(place / "twice.toml") == read_config(place / "tuned.toml")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--rungs", "personal,persona"], "--rungs: 1 of 2 are no rung of the ladder; first: 'persona'; choose among"),
        (["--rungs", "blend"], "first: 'blend'"),
        (["--rungs", "covisits"], "first: 'covisits'"),
        (["--as-of", "2024-01-10"], "as_of 2024-01-10T00:00:00Z: 0 of 2 earlier window(s) of 7d have a horizon of"),
        (["--as-of", "yesterday"], "--as-of 'yesterday'"),
        (["--horizon", "soon"], "'soon' is no duration"),
    ],
)
def test_a_wrong_option_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    capsys.readouterr()
    assert tune(place, "never.toml", *more) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not (place / "never.toml").exists()


@pytest.mark.parametrize("trials", ["0", "-1", "many"])
def test_no_trial_is_refused(place: Path, capsys: pytest.CaptureFixture[str], trials: str) -> None:
    assert tune(place, "never.toml", "--trials", trials) == 2
    assert "Invalid value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("c.toml", "c.toml: is the file that is read as"),
        ("home/../c.toml", "c.toml: is the file that is read as"),
        ("home", "home: is a folder, and a file is to be written"),
    ],
)
def test_an_out_that_would_destroy_something_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], out: str, message: str
) -> None:
    assert tune(place, out) == 2
    assert message in capsys.readouterr().err
    assert (place / "c.toml").read_text() == CONFIG


@pytest.mark.parametrize(
    "section",
    [
        "recommender.ranking.windows = 3\n",
        '[recommender]\ntuned.personal = { half_life = "30d", gamma = 0.5 }\n',
    ],
)
def test_a_configuration_that_cannot_be_rewritten_is_refused_before_the_work(
    place: Path, capsys: pytest.CaptureFixture[str], section: str
) -> None:
    (place / "odd.toml").write_text(section)
    assert tune(place, "never.toml", toml="odd.toml", home="nowhere") == 2
    assert "odd.toml: tuned values cannot be written beside" in capsys.readouterr().err
    assert not (place / "never.toml").exists()


@pytest.mark.parametrize(("verb", "option"), [("train", "--as-of"), ("evaluate", "--cutoffs")])
def test_a_tuned_configuration_is_refused_for_an_earlier_instant(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, option: str
) -> None:
    words: list[str | Path] = [verb, "-c", place / "tuned.toml", "--home", place / "home", option, "2024-02-20"]
    assert run(*words, "--out", place / "never") == 2
    assert "tuned on labels known before 2024-02-26T00:00:00Z, and 2024-02-20T00" in capsys.readouterr().err
    assert not (place / "never").exists()
