"""`kill -9` during ingestion, at injected points and at random instants: afterwards each line is there exactly once."""

import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsys.data.deliveries import Delivery
from recsys.data.importers import IMPORTERS
from recsys.data.ingest import IngestSettings, IngestSummary, ingest_events
from recsys.data.log import EventLog
from recsys.data.quarantine import Quarantine

N_FILES = 4
NOW = datetime(2025, 1, 1, tzinfo=UTC)

CHILD = textwrap.dedent(
    """
    import os, signal, sys, time
    from pathlib import Path
    import deltalake
    from recsys.data import ingest, log, quarantine, staging
    from tests.faults import test_ingest_killed as this

    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    def after(owner, name, calls):
        original, left = getattr(owner, name), [calls]
        def patched(*args, **kwargs):
            result = original(*args, **kwargs)
            left[0] -= 1
            return die() if left[0] == 0 else result
        setattr(owner, name, patched)

    def before(owner, name):
        setattr(owner, name, die)

    points = {
        "while staging": lambda: after(staging.Staging, "add", 3),
        "after staging": lambda: after(staging.Staging, "flush", 1),
        "before the quarantine": lambda: before(quarantine, "write_deltalake"),
        "between the two commits": lambda: after(quarantine.Quarantine, "append", 1),
        "while writing the log": lambda: after(log, "conform", 1),
        "before the log's commit": lambda: before(log, "write_deltalake"),
        "after the log's commit": lambda: after(log.EventLog, "commit", 1),
    }
    home, point = Path(sys.argv[1]), sys.argv[2]
    points.get(point, lambda: None)()
    print("ready", flush=True)
    this.deliver(home)
    """
)


def deliver(home: Path) -> IngestSummary:
    """Ingest the files beside the home."""
    importer = IMPORTERS["events"]
    files = importer.find([home.parent / "inbox"])
    deliveries = [Delivery(file.name, importer.read_events(file)) for file in files]
    return ingest_events(home, deliveries, IngestSettings(max_bad_share=0.5), now=NOW)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose inbox holds 4 files of 6 lines: 2 repeat another, 1 is bad."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for day in range(1, N_FILES + 1):
        date = f"2024-01-{day:02d}"
        rows = [f"u{i % 2},i{i % 3},view,{date}" for i in range(3)] + [f"u0,i0,view,{date}"] * 2 + [f"u,,view,{date}"]
        (inbox / f"{date}.csv").write_text("\n".join(["user_id,item_id,event_type,timestamp", *rows]))
    return tmp_path / "home"


def start(home: Path, point: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(home), point], cwd=root, stdout=subprocess.PIPE, text=True
    )


def assert_whole(home: Path) -> None:
    """After one more ingestion each line is there once, and a further one adds nothing."""
    summary = deliver(home)
    assert summary.accepted + summary.already_present == N_FILES * 5
    again = deliver(home)
    assert (again.accepted, again.already_present, again.quarantined) == (0, N_FILES * 5, {"item_id_missing": N_FILES})
    logged = EventLog(home).scan(NOW).collect()
    assert (logged.height, logged["event_id"].n_unique()) == (N_FILES * 5, N_FILES * 5)
    assert Quarantine(home).scan().collect().height == N_FILES
    assert not (home / "log" / "staging").exists()


@pytest.mark.parametrize(
    ("point", "committed"),
    [
        ("while staging", False),
        ("after staging", False),
        ("before the quarantine", False),
        ("between the two commits", False),
        ("while writing the log", False),
        ("before the log's commit", False),
        ("after the log's commit", True),
    ],
)
def test_killed_at_a_chosen_point_the_next_ingestion_completes_it(home: Path, point: str, committed: bool) -> None:
    child = start(home, point)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert EventLog(home).exists == committed
    assert_whole(home)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_instants_the_next_ingestion_completes_it(home: Path, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(2):
        child = start(home, "none")
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.3))
        child.kill()
        child.wait()
        child.stdout.close()
    assert_whole(home)
