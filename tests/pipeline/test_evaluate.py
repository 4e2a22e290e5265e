"""`recsys evaluate`: which cutoffs it takes, what it refuses, and what it records; on a shop of a few dozen users."""

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.configuration import read_config
from pipelines.home import Home
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.rewards import label_pairs
from recsys.tables import EVENT_DTYPES
from recsys.timeline import Fold
from tests.pipeline.commands import run

CONFIG = """
[shop]
n_users = 40
n_items = 30
n_days = 40

[rewards]
target = "engagement"

[rewards.definitions.engagement]
weights = { view = 1.0, purchase = 6.0 }

[rewards.definitions.purchase]
weights = { purchase = 1.0 }
returns = { return = "purchase" }
delay_half_life = "7d"

[recommender]
ladder = ["popularity_decayed", "season", "personal"]

[recommender.ranking]
windows = 0

[evaluation]
n_cutoffs = 1
horizon = "7d"
selection_windows = 1
n_resamples = 1_000
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and a home that holds a simulated shop."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "tiny.toml").write_text(CONFIG)
    assert run("simulate", "-c", folder / "tiny.toml", "--home", folder / "home") == 0
    return folder


def config(place: Path, *changes: tuple[str, str]) -> Path:
    """Write the config with some texts replaced."""
    text = CONFIG
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (place / "changed.toml").write_text(text)
    return place / "changed.toml"


def evaluate(place: Path, *more: str, toml: Path | None = None, home: str = "home", out: str = "report") -> int:
    words: list[str | Path] = ["evaluate", "-c", toml or place / "tiny.toml", "--home", place / home]
    return run(*words, "--out", place / out, *more)


def metrics(place: Path) -> dict[str, dict[str, object]]:
    content: dict[str, dict[str, object]] = json.loads((place / "report/metrics.json").read_text())
    return content


def test_a_home_without_a_log_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(place, home="nowhere", out="never") == 2
    error = capsys.readouterr().err
    assert f"error: {place / 'nowhere'}: there are no events yet; run `recsys ingest` first" in error
    assert not (place / "never").exists()


def test_a_log_that_holds_no_event_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    EventLog(place / "empty").commit([pl.DataFrame(schema=EVENT_DTYPES)])
    assert evaluate(place, home="empty", out="never") == 2
    assert f"error: {place / 'empty'}: the log has 0 events; run `recsys ingest` first" in capsys.readouterr().err


def test_the_report_records_the_versions_and_every_option_that_was_given(place: Path) -> None:
    assert evaluate(place, "--quick", "--cutoffs", "2024-02-01, 2024-01-22") == 0
    found = metrics(place)
    assert found["protocol"]["cutoffs"] == ["2024-02-01T00:00:00Z"]  # the last one, however they are written
    provenance = found["provenance"]
    assert provenance["log_version"] == EventLog(place / "home").version
    assert provenance["item_version"] == ItemTable(place / "home").version is not None
    words = shlex.split(str(provenance["command"]))
    home, out = str(place / "home"), str(place / "report")
    assert words == [
        *("recsys", "evaluate", "--config", str(place / "tiny.toml"), "--home", home, "--out", out),
        *("--cutoffs", "2024-02-01, 2024-01-22", "--quick"),
    ]


def test_a_rung_without_data_is_marked_in_the_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(place, "--quick") == 0
    assert "season (no data)" in capsys.readouterr().out
    assert "season (no data)" in (place / "report/report.html").read_text()


def test_a_short_log_is_evaluated_at_the_cutoffs_that_have_history(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(place, toml=config(place, ("n_cutoffs = 1", "n_cutoffs = 6"))) == 0
    found = metrics(place)["protocol"]["cutoffs"]
    assert found == [f"2024-{day}T00:00:00Z" for day in ("01-13", "01-20", "01-27", "02-03")]
    assert "cutoffs: 2 of 6 are left out" in capsys.readouterr().err


def test_a_log_of_which_no_window_has_history_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(place, toml=config(place, ('horizon = "7d"', 'horizon = "30d"')), out="never") == 2
    assert "error: cutoffs: none of the last 1 window(s) of 30d before" in capsys.readouterr().err


def test_labels_are_mature_where_the_target_has_an_attribution_window(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = config(place, ("purchase = 6.0 }", 'purchase = 6.0 }\nattribution_window = "3d"'))
    assert evaluate(place, toml=slow) == 0
    found = metrics(place)
    as_of = datetime.fromisoformat(str(found["provenance"]["as_of"]))
    cutoff = datetime.fromisoformat(str(found["protocol"]["cutoffs"][0]))  # type: ignore[index]
    assert cutoff + timedelta(days=7 + 3) == as_of
    earlier = datetime.fromisoformat(str(found["choice"]["cutoffs"][0]))  # type: ignore[index]
    assert earlier + timedelta(days=7 + 3) == cutoff
    late = (cutoff + timedelta(days=1)).date().isoformat()
    assert evaluate(place, "--cutoffs", late, toml=slow, out="never") == 2
    assert "error: cutoffs: 1 of 1 have a label window that is not mature" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cutoffs", "message"),
    [
        ("2024-01-22,2024-02-01,2024-01-22", "1 instant(s) repeated; first: 2024-01-22T00:00:00Z"),
        ("2024-01-22,soon", "'soon' is no instant"),
        ("2024-01-03,2024-01-22", "1 of 2 have less than one horizon of history"),
        ("2024-01-22,2024-03-01", "1 of 2 have a label window that is not mature"),
    ],
)
def test_cutoffs_that_cannot_serve_are_refused_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], cutoffs: str, message: str
) -> None:
    assert evaluate(place, "--cutoffs", cutoffs, out="never") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]


def test_labels_of_every_reward_come_from_one_reading_of_the_log(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(place / "home", read_config(place / "tiny.toml"))
    start = datetime(2024, 1, 22, tzinfo=UTC)
    fold = Fold(cutoff=start, horizon=timedelta(days=7), as_of=start + timedelta(days=14))
    rewards, log_lf = home.config.rewards, home.events(fold.as_of)
    scans: list[datetime] = []
    scan = EventLog.scan

    def counted(log: EventLog, as_of: datetime, **more: object) -> pl.LazyFrame:
        scans.append(as_of)
        return scan(log, as_of, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(EventLog, "scan", counted)
    found = home.labels(fold)
    assert scans == [fold.as_of]
    assert list(found) == ["engagement", "purchase"]
    for name, pairs in found.items():
        expected = label_pairs(log_lf, fold, rewards.model_copy(update={"target": name}))
        wanted = expected.select("user_id", "item_id", "first_event_time", reward=f"reward_{name}")
        assert 0 < pairs.height
        assert_frame_equal(pairs, wanted, check_exact=True)


def test_a_run_reads_one_version_of_the_item_table(place: Path) -> None:
    home = Home(place / "home", read_config(place / "tiny.toml"))
    pinned = home.item_version
    as_of = datetime(2024, 2, 5, tzinfo=UTC)
    before = home.knowledge(as_of).history.items
    later = pl.DataFrame({"item_id": ["later"], "known_at": [as_of - timedelta(days=1)]})
    ItemTable(place / "home").append(later)
    assert home.item_version == pinned
    assert_frame_equal(home.knowledge(as_of).history.items, before)
    fresh = Home(place / "home", read_config(place / "tiny.toml"))
    assert fresh.item_version != pinned
    assert "later" in fresh.knowledge(as_of).history.items["item_id"]


def test_a_model_records_the_version_of_the_item_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words: list[str | Path] = ["train", "-c", place / "tiny.toml", "--home", place / "home", "--as-of", "2024-02-05"]
    assert run(*words, "--out", place / "model", "--json") == 0
    version = ItemTable(place / "home").version
    assert json.loads((place / "model/model.json").read_text())["item_version"] == version
    assert json.loads(capsys.readouterr().out)["item_version"] == version
