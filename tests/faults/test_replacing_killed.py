"""`kill -9` while a folder is replaced, at injected points and at random instants: the target is the old one or new."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from recsys.replacing import replacing_folder

NAMES = ["a.parquet", "b.parquet", "c/d.parquet", "marker.json"]

CHILD = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from recsys import replacing
    from tests.faults import test_replacing_killed as this

    out, way, point, times = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])

    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    def after(owner, name, calls=1):
        original, left = getattr(owner, name), [calls]
        def patched(*args, **kwargs):
            try:
                return original(*args, **kwargs)
            finally:
                left[0] -= 1
                left[0] or die()
        setattr(owner, name, patched)

    if way == "two renames":
        replacing._exchanged = lambda one, other: False
    this.write(out, "first")
    print("ready", flush=True)
    {
        "none": lambda: None,
        "before the scratch folder is locked": lambda: setattr(replacing, "_taken", die),
        "before the new one is on disk": lambda: setattr(replacing, "_sync", die),
        "before the first rename": lambda: setattr(replacing, "_put_in_place", die),
        "after the step": lambda: after(replacing, "_put_in_place"),
        "between the two renames": lambda: after(Path, "rename", 2),
        "while clearing": lambda: after(replacing.shutil, "rmtree"),
    }[point]()
    for i in range(times):
        this.write(out, f"{os.getpid()} {i}")
    """
)


class StopError(Exception):
    """Ends a block early."""


def write(out: Path, text: str) -> None:
    """Replace the folder by one whose files all hold the same text."""
    with replacing_folder(out, marker="marker.json") as fresh:
        (fresh / "c").mkdir()
        for name in NAMES:
            (fresh / name).write_text(text * 1_000)


def content(out: Path) -> str:
    """Return the text that all files of a complete folder hold."""
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == NAMES
    texts = {(out / name).read_text() for name in NAMES}
    assert len(texts) == 1
    return texts.pop()


def start(out: Path, way: str, point: str = "none", times: int = 1_000_000) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", CHILD, str(out), way, point, str(times)]
    return subprocess.Popen(words, cwd=root, env=os.environ, stdout=subprocess.PIPE, text=True)


def assert_the_next_call_mends(out: Path) -> None:
    """A next call that fails leaves a complete folder and nothing else; one that succeeds the new folder."""
    with pytest.raises(StopError), replacing_folder(out, marker="marker.json"):
        raise StopError
    content(out)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    write(out, "last")
    assert content(out) == "last" * 1_000


ways = pytest.mark.parametrize("way", ["exchange", "two renames"])


@ways
@pytest.mark.parametrize(
    ("point", "is_old"),
    [
        ("before the scratch folder is locked", True),
        ("before the new one is on disk", True),
        ("before the first rename", True),
        ("after the step", False),
        ("while clearing", False),
    ],
)
def test_killed_at_a_chosen_point_the_folder_is_old_or_new(tmp_path: Path, way: str, point: str, is_old: bool) -> None:
    child = start(tmp_path / "model", way, point)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert (content(tmp_path / "model") == "first" * 1_000) == is_old
    assert_the_next_call_mends(tmp_path / "model")


def test_killed_between_the_two_renames_the_next_call_puts_the_old_folder_back(tmp_path: Path) -> None:
    child = start(tmp_path / "model", "two renames", "between the two renames")
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    with pytest.raises(StopError), replacing_folder(tmp_path / "model", marker="marker.json"):
        raise StopError
    assert content(tmp_path / "model") == "first" * 1_000
    assert_the_next_call_mends(tmp_path / "model")


@ways
def test_killed_at_random_instants_the_folder_is_complete(tmp_path: Path, way: str) -> None:
    moments, out = random.Random(7), tmp_path / "model"
    for _ in range(12):
        child = start(out, way)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.03))
        child.kill()
        child.wait()
        child.stdout.close()
        if way == "exchange" or out.exists():
            content(out)
    assert_the_next_call_mends(out)


def test_runs_that_replace_the_same_folder_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    children = [start(tmp_path / "model", "exchange", times=40) for _ in range(2)]
    for child in children:
        child.communicate(timeout=60)
    assert [child.returncode for child in children] == [0, 0]
    content(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
