"""One writer at a time."""

from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from recsys.data.writer_lock import one_writer
from recsys.errors import ArtifactError


def test_a_second_writer_is_told_who_is_in_the_way(tmp_path: Path) -> None:
    with (
        one_writer(tmp_path, timedelta()),
        pytest.raises(ArtifactError, match=r"writer\.lock: another process has been writing to this home for 0\.1 s"),
        one_writer(tmp_path, timedelta(seconds=0.1)),
    ):
        pass


def test_a_patient_writer_gets_its_turn(tmp_path: Path) -> None:
    turns: list[str] = []

    def second() -> None:
        with one_writer(tmp_path, timedelta(seconds=30)):
            turns.append("second")

    with one_writer(tmp_path, timedelta()):
        thread = Thread(target=second)
        thread.start()
        thread.join(0.1)
        turns.append("first")
    thread.join()
    assert turns == ["first", "second"]


def test_the_lock_is_free_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="crash"), one_writer(tmp_path, timedelta()):
        raise ValueError("crash")
    with one_writer(tmp_path, timedelta()):
        assert (tmp_path / "log" / "writer.lock").exists()
