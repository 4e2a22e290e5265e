"""Options that would destroy something or overflow are answered in one line with exit code 2, and nothing changes."""

from pathlib import Path

import polars as pl
import pytest

from tests.pipeline.commands import run

CONFIG = """
[shop]
n_users = 60
n_items = 40
n_days = 40

[recommender]
ladder = ["popularity_all_time", "popularity_decayed"]

[recommender.ranking]
windows = 0

[evaluation]
n_cutoffs = 1
horizon = "7d"
selection_windows = 1
n_resamples = 1_000
"""
AS_OF = ["--as-of", "2024-02-05"]


def content(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a home, a model, a report, a users file and a folder of notes."""
    folder = tmp_path_factory.mktemp("targets")
    (folder / "c.toml").write_text(CONFIG)
    (folder / "notes").mkdir()
    (folder / "notes" / "diary.txt").write_text("dear diary")
    pl.DataFrame({"user_id": ["u000001", "stranger"]}).write_parquet(folder / "users.parquet")
    home: list[str | Path] = ["-c", folder / "c.toml", "--home", folder / "home"]
    assert run("simulate", *home) == 0
    assert run("train", *home, *AS_OF, "--out", folder / "model") == 0
    assert run("evaluate", *home, "--out", folder / "report") == 0
    return folder


def words(place: Path, verb: str, out: str) -> list[str | Path]:
    """Return a whole command that would succeed with a good `out`."""
    more: list[str | Path] = list(AS_OF) if verb == "train" else []
    if verb == "recommend":
        more = ["--model", place / "model", "--users", place / "users.parquet"]
    return [verb, "-c", place / "c.toml", "--home", place / "home", *more, "--out", place / out]


def refused(place: Path, capsys: pytest.CaptureFixture[str], command: list[str | Path]) -> str:
    """Run what must be refused; return its one line of error. Nothing in the place changes."""
    before = content(place)
    capsys.readouterr()
    assert run(*command) == 2
    assert content(place) == before
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


@pytest.mark.parametrize(
    ("verb", "out", "message"),
    [
        ("train", "home", "home: is not replaced, because it holds no model.json"),
        ("train", "notes", "first: diary.txt; name a new or an empty folder"),
        ("train", "report", "holds no model.json"),
        ("train", "users.parquet", "users.parquet: is a file, and a folder is to be written"),
        ("train", "users.parquet/model", "users.parquet/model: cannot be written"),
        ("evaluate", "home", "home: is not replaced, because it holds no metrics.json"),
        ("evaluate", "model", "holds no metrics.json"),
        ("evaluate", "c.toml", "c.toml: is a file"),
        ("recommend", "notes", "notes: is a folder, and a file is to be written"),
        ("recommend", "users.parquet", "users.parquet: is the file that is read as"),
        ("recommend", "c.toml", "c.toml: is the file that is read as"),
        ("recommend", "model/../users.parquet", "is the file that is read as"),
        ("recommend", "model", "lies inside the model folder"),
        ("recommend", "model/seen.parquet", "lies inside the model folder"),
        ("recommend", "model/new/slates.parquet", "lies inside the model folder"),
    ],
)
def test_an_out_that_would_destroy_something_else_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, out: str, message: str
) -> None:
    assert message in refused(place, capsys, words(place, verb, out))


@pytest.mark.parametrize(("verb", "out"), [("train", "model"), ("evaluate", "report"), ("recommend", "slates.parquet")])
def test_an_out_of_an_earlier_run_is_replaced(place: Path, verb: str, out: str) -> None:
    assert run(*words(place, verb, out)) == 0
    assert run(*words(place, verb, out)) == 0
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_an_empty_folder_is_filled(place: Path, verb: str) -> None:
    (place / f"{verb}-empty").mkdir()
    assert run(*words(place, verb, f"{verb}-empty")) == 0
    assert any((place / f"{verb}-empty").iterdir())


@pytest.mark.parametrize(
    ("verb", "more", "message"),
    [
        ("train", ["--horizon", "99999999999d"], "'99999999999d' is longer than 100 years (36525d)"),
        ("train", ["--horizon", "9" * 400 + "d"], "is longer than 100 years"),
        ("train", ["--as-of", "9999-12-31"], "--as-of '9999-12-31' is not in the years 1900 to 2200"),
        ("train", ["--as-of", "0001-01-01T00:00:00+05:00"], "is not in the years 1900 to 2200"),
        ("train", ["--as-of", "1900-01-01", "--horizon", "36525d"], "none is known before 1900-01-01T00:00:00Z"),
        ("evaluate", ["--cutoffs", "2024-01-20,9999-12-31"], "'9999-12-31' is not in the years"),
        ("evaluate", ["--cutoffs", "0001-01-01"], "'0001-01-01' is not in the years"),
    ],
)
def test_durations_and_instants_that_overflow_are_refused(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, more: list[str], message: str
) -> None:
    assert message in refused(place, capsys, [*words(place, verb, "never"), *more])


@pytest.mark.parametrize(
    ("words_", "message"),
    [
        (["profile", "--as-of", "9999-12-31"], "is not in the years 1900 to 2200"),
        (["compact", "--keep", "99999999999d"], "is longer than 100 years"),
    ],
)
def test_the_other_verbs_refuse_them_too(
    place: Path, capsys: pytest.CaptureFixture[str], words_: list[str], message: str
) -> None:
    command: list[str | Path] = [*words_, "-c", place / "c.toml", "--home", place / "home"]
    assert message in refused(place, capsys, command)


@pytest.mark.parametrize("home", ["users.parquet", "users.parquet/home"])
@pytest.mark.parametrize("verb", ["simulate", "profile", "train", "evaluate"])
def test_a_home_that_is_a_file_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, home: str
) -> None:
    command = words(place, verb, "never") if verb in ("train", "evaluate") else [verb, "-c", place / "c.toml"]
    message = refused(place, capsys, [*command, "--home", place / home])
    assert "users.parquet is a file; name a folder" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[shop]\nn_users = 0\n", "shop.n_users"),
        ('[evaluation]\nhorizn = "7d"\n', "evaluation.horizn"),
        ('[state]\nhalf_lives = ["99999999d"]\n', "is longer than 100 years"),
        ("[evaluation]\ncutoffs = [9999-12-31T00:00:00Z]\n", "is not in the years 1900 to 2200"),
        ("= =", "is no TOML"),
    ],
)
def test_recommend_reads_its_config(place: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    (place / "wrong.toml").write_text(text)
    command = [*words(place, "recommend", "never.parquet"), "-c", place / "wrong.toml"]
    assert message in refused(place, capsys, command)


def test_recommend_without_its_config_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*words(place, "recommend", "never.parquet"), "-c", place / "absent.toml"]
    assert "absent.toml: cannot be read" in refused(place, capsys, command)


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        ("simulate", ["--days", "99999999999"]),
        ("simulate", ["--users", "99999999999999"]),
        ("recommend", ["--k", "99999999999"]),
    ],
)
def test_counts_beyond_all_measure_are_refused(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str, option: list[str]
) -> None:
    start = words(place, verb, "never") if verb == "recommend" else [verb, "-c", place / "c.toml"]
    assert run(*start, *option) == 2
    assert "Invalid value" in capsys.readouterr().err
    assert not (place / "never").exists()
