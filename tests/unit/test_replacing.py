import fcntl
import os
import stat
from pathlib import Path

import pytest

from recsys import replacing
from recsys.errors import ConfigError
from recsys.replacing import (
    replacing_file,
    replacing_folder,
    require_replaceable_file,
    require_replaceable_folder,
)

MARKER = "marker.json"
HEX = "0123456789abcdef"


class StopError(Exception):
    """Ends a block early."""


def write_folder(out: Path, text: str) -> None:
    with replacing_folder(out, marker=MARKER) as fresh:
        (fresh / MARKER).write_text(text)


def write_file(out: Path, text: str) -> None:
    with replacing_file(out) as fresh:
        fresh.write_text(text)


def fail(out: Path) -> None:
    with replacing_folder(out, marker=MARKER) as fresh:
        (fresh / MARKER).write_text("new")
        raise StopError


def fail_with_a_file(out: Path) -> None:
    with replacing_file(out) as fresh:
        fresh.write_text("new")
        raise StopError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[True, False], ids=["exchange", "two renames"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exchange of folders, and as where the file system has none."""
    if not request.param:
        monkeypatch.setattr(replacing, "_exchanged", lambda one, other: False)


@pytest.mark.usefixtures("_way")
def test_a_folder_is_made_where_none_is_and_then_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "model"
    write_folder(out, "old")
    (out / "more").touch()
    write_folder(out, "new")
    assert names(out) == [MARKER]
    assert (out / MARKER).read_text() == "new"
    assert names(out.parent) == ["model"]


def test_two_folders_change_places_in_one_step_where_linux_can(tmp_path: Path) -> None:
    (tmp_path / "a" / "in a").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    if not replacing._exchanged(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange folders")
    assert (names(tmp_path / "a"), names(tmp_path / "b")) == ([], ["in a"])


def test_folders_are_not_exchanged_where_the_system_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not replacing._exchanged(tmp_path, tmp_path)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write_folder(tmp_path / "model", "new")
    assert names(tmp_path / "model") == [MARKER]


def test_the_new_folder_and_file_may_be_read_by_those_who_may_read_others(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    write_folder(tmp_path / "model", "new")
    usual, made = ((tmp_path / name).stat().st_mode for name in ("usual", "model"))
    assert stat.S_IMODE(made) == stat.S_IMODE(usual)


@pytest.mark.usefixtures("_way")
def test_a_block_that_fails_leaves_what_was_there_and_no_scratch_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", "old")
    write_file(tmp_path / "slates", "old")
    with pytest.raises(StopError):
        fail(tmp_path / "model")
    with pytest.raises(StopError):
        fail_with_a_file(tmp_path / "slates")
    assert (tmp_path / "model" / MARKER).read_text() == (tmp_path / "slates").read_text() == "old"
    assert names(tmp_path) == ["model", "slates"]


def test_a_folder_that_holds_something_else_is_refused_and_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "log").mkdir(parents=True)
    (home / "shop.json").touch()
    with pytest.raises(ConfigError, match=r"holds no marker\.json but 2 other file\(s\) or folder\(s\), first: log;"):
        write_folder(home, "new")
    assert names(home) == ["log", "shop.json"]
    assert names(tmp_path) == ["home"]


def test_what_appears_in_the_target_during_the_block_is_not_destroyed(tmp_path: Path) -> None:
    out = tmp_path / "model"

    def write_while_it_appears() -> None:
        with replacing_folder(out, marker=MARKER) as fresh:
            (fresh / MARKER).touch()
            out.mkdir()
            (out / "precious").touch()

    with pytest.raises(ConfigError, match="first: precious"):
        write_while_it_appears()
    assert names(out) == ["precious"]


def test_a_file_is_no_target_for_a_folder_and_a_folder_none_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="file: is a file, and a folder is to be written"):
        write_folder(tmp_path / "file", "new")
    with pytest.raises(ConfigError, match="folder: is a folder, and a file is to be written"):
        write_file(tmp_path / "folder", "new")
    assert names(tmp_path) == ["file", "folder"]


def test_a_device_or_a_pipe_is_no_target(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="pipe: is no regular file"):
        require_replaceable_file(tmp_path / "pipe")


def test_the_current_folder_and_those_around_it_are_no_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "model", "old")
    monkeypatch.chdir(tmp_path / "model")
    for out in (Path("."), tmp_path / "model", Path("..")):
        with pytest.raises(ConfigError, match="while it is in use"):
            require_replaceable_folder(out, marker=MARKER)
    require_replaceable_folder(Path("inside"), marker=MARKER)


@pytest.mark.parametrize("name", ["file/inside", "file/deep/inside", "n" * 300])
def test_a_place_that_cannot_be_written_is_named_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    for write in (write_folder, write_file):
        with pytest.raises(ConfigError, match="cannot be written") as error:
            write(tmp_path / name, "new")
        assert "\n" not in str(error.value)
    assert names(tmp_path) == ["file"]


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "v1", "old")
    write_file(tmp_path / "slates", "old")
    (tmp_path / "current").symlink_to("v1")
    (tmp_path / "latest").symlink_to("slates")
    write_folder(tmp_path / "current", "new")
    write_file(tmp_path / "latest", "new")
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "v1" / MARKER).read_text() == (tmp_path / "slates").read_text() == "new"


def left_over(target: Path, digits: str = HEX) -> Path:
    """Make the scratch folder of a run that was killed."""
    scratch = target.with_name(f".{target.name}-{digits}")
    (scratch / "new").mkdir(parents=True)
    (scratch / "new" / MARKER).write_text("never finished")
    (scratch / "lock").touch()
    return scratch


def test_scratch_folders_of_killed_runs_are_cleared_away(tmp_path: Path) -> None:
    left_over(tmp_path / "model")
    tmp_path.joinpath(f".model-{HEX[::-1]}").mkdir()  # killed before it had a lock
    write_folder(tmp_path / "model", "new")
    assert names(tmp_path) == ["model"]


def test_scratch_folders_of_living_runs_and_of_others_stay(tmp_path: Path) -> None:
    held = left_over(tmp_path / "model")
    others = [left_over(tmp_path / name) for name in ("model-b", "mode", "xmodel")]
    (tmp_path / ".model-notes").mkdir()
    (tmp_path / f".model-{HEX[::-1]}").touch()  # a file, no folder
    before = names(tmp_path)
    with (held / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_folder(tmp_path / "model", "new")
    assert all((scratch / "new" / MARKER).exists() for scratch in (held, *others))
    assert names(tmp_path) == [*before, "model"]


def test_a_scratch_folder_that_is_not_ours_to_open_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = left_over(tmp_path / "model")
    original = replacing._taken

    def taken(folder: Path) -> object:
        if folder == scratch:
            raise PermissionError
        return original(folder)

    monkeypatch.setattr(replacing, "_taken", taken)
    write_folder(tmp_path / "model", "new")
    assert names(tmp_path) == [scratch.name, "model"]


def test_a_target_that_was_put_aside_comes_back_even_if_the_next_block_fails(tmp_path: Path) -> None:
    scratch = left_over(tmp_path / "model")
    write_folder(tmp_path / "old", "old")
    (tmp_path / "old").rename(scratch / "replaced")
    with pytest.raises(StopError):
        fail(tmp_path / "model")
    assert (tmp_path / "model" / MARKER).read_text() == "old"
    assert names(tmp_path) == ["model"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_be_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "model", "old")

    def fail_between_the_two(one: Path, other: Path) -> bool:
        (one / MARKER).unlink()
        one.rmdir()
        return False

    monkeypatch.setattr(replacing, "_exchanged", fail_between_the_two)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_folder(tmp_path / "model", "new")
    assert (tmp_path / "model" / MARKER).read_text() == "old"
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("lost", ["removed", "held"])
def test_a_scratch_folder_taken_away_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    original, scratches = replacing._taken, []

    def taken(scratch: Path) -> object:
        scratches.append(scratch)
        if len(scratches) > 1:
            return original(scratch)
        if lost == "removed":
            scratch.rmdir()
            return original(scratch)
        with (scratch / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return original(scratch)

    monkeypatch.setattr(replacing, "_taken", taken)
    write_folder(tmp_path / "model", "new")
    assert len(scratches) == 2
    assert (tmp_path / "model" / MARKER).read_text() == "new"
