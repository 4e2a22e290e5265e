"""Tables that are kept by what they were computed from."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.frame_cache import FrameCache, digest, frame_digest

FRAME = pl.DataFrame({"user_idx": [1, 2, 3], "name": ["a", None, "c"], "x": [0.5, float("nan"), -1.0]})


class Computed:
    """Makes tables, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> pl.DataFrame:
        self.times += 1
        return FRAME.with_columns(time=pl.lit(self.times))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_same_inputs_are_computed_once(tmp_path: Path) -> None:
    make, inputs = Computed(), {"cutoff": "2024-01-01", "labels": {"sold": "abc"}}
    first = FrameCache(tmp_path / "cache").get(inputs, make)
    again = FrameCache(tmp_path / "cache").get(dict(reversed(inputs.items())), make)
    assert make.times == 1
    assert_frame_equal(again, first, check_exact=True)


@pytest.mark.parametrize(
    "other",
    [{"a": 2, "b": None}, {"a": "1", "b": None}, {"a": 1}, {"a": 1, "b": None, "c": 0}, {"a": 1, "b": {"deep": [1]}}],
    ids=str,
)
def test_other_inputs_are_computed_anew(tmp_path: Path, other: dict[str, object]) -> None:
    make, cache = Computed(), FrameCache(tmp_path)
    cache.get({"a": 1, "b": None}, make)
    assert cache.get(other, make)["time"].unique().to_list() == [2]
    assert cache.get({"a": 1, "b": None}, make)["time"].unique().to_list() == [1]


@pytest.mark.parametrize(
    "damage",
    [lambda raw: b"", lambda raw: raw[: len(raw) // 2], lambda raw: raw[:-1], lambda raw: b"no table at all"],
    ids=["empty", "half", "cut", "other"],
)
def test_a_damaged_file_is_computed_again_and_mended(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    make, cache = Computed(), FrameCache(tmp_path)
    cache.get({"a": 1}, make)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get({"a": 1}, make)["time"].unique().to_list() == [2]
    assert cache.get({"a": 1}, make)["time"].unique().to_list() == [2]
    assert make.times == 2


def test_the_oldest_files_go_when_there_are_too_many(tmp_path: Path) -> None:
    make, cache = Computed(), FrameCache(tmp_path, keep=3)
    for number in range(5):
        cache.get({"number": number}, make)
        file = tmp_path / f"{digest({'number': number})}.parquet"
        os.utime(file, ns=(number, number))
    cache.get({"number": 5}, make)
    assert names(tmp_path) == sorted(f"{digest({'number': number})}.parquet" for number in (3, 4, 5))
    (tmp_path / "notes.txt").touch()
    cache.get({"number": 6}, make)
    assert "notes.txt" in names(tmp_path)  # only tables are removed


def test_what_cannot_be_computed_leaves_nothing_behind(tmp_path: Path) -> None:
    def fails() -> pl.DataFrame:
        raise RuntimeError("no labels")

    with pytest.raises(RuntimeError, match="no labels"):
        FrameCache(tmp_path / "cache").get({"a": 1}, fails)
    assert not (tmp_path / "cache").exists()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(frame: pl.DataFrame, file: Path) -> None:
        file.write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    cache, make = FrameCache(tmp_path / "cache"), Computed()
    with monkeypatch.context() as patched:
        patched.setattr(pl.DataFrame, "write_parquet", half)
        with pytest.raises(OSError, match="No space left"):
            cache.get({"a": 1}, make)
    assert names(tmp_path / "cache") == []
    assert cache.get({"a": 1}, make)["time"].unique().to_list() == [2]


def test_a_digest_reads_values_and_not_their_order() -> None:
    assert digest({"a": 1, "b": date(2024, 1, 1)}) == digest({"b": date(2024, 1, 1), "a": 1})
    assert digest({"at": datetime(2024, 1, 1, tzinfo=UTC)}) != digest({"at": datetime(2024, 1, 2, tzinfo=UTC)})
    assert len(digest({})) == 64


def test_the_digest_of_a_table_follows_its_content_and_not_how_it_lies_in_memory() -> None:
    whole = frame_digest(FRAME)
    pieces = pl.concat([FRAME.head(1), FRAME.slice(1)], rechunk=False)
    longer = pl.concat([FRAME, FRAME])
    assert pieces.n_chunks() == 2
    assert [frame_digest(frame) for frame in (pieces, longer.head(3), longer.rechunk().slice(3))] == [whole] * 3
    assert frame_digest(FRAME.clone()) == whole


@pytest.mark.parametrize(
    "other",
    [
        FRAME.reverse(),
        FRAME.head(2),
        FRAME.with_columns(x=pl.lit(0.5)),
        FRAME.rename({"x": "y"}),
        FRAME.cast({"user_idx": pl.Int32}),
        FRAME.with_columns(pl.col("name").fill_null("")),
    ],
)
def test_another_table_has_another_digest(other: pl.DataFrame) -> None:
    assert frame_digest(other) != frame_digest(FRAME)


def test_what_was_put_is_found_and_can_be_replaced(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path)
    assert cache.find({"a": 1}) is None
    cache.put({"a": 1}, FRAME)
    cache.put({"a": 1}, FRAME.head(1))
    found = cache.find({"a": 1})
    assert found is not None
    assert_frame_equal(found, FRAME.head(1), check_exact=True)
    assert cache.find({"a": 2}) is None
    assert_frame_equal(cache.get({"a": 1}, Computed()), FRAME.head(1), check_exact=True)


def test_the_oldest_of_what_was_put_goes_too(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, keep=2)
    for number in range(3):
        cache.put({"a": number}, FRAME)
        os.utime(cache._file({"a": number}), ns=(number, number))
    cache.put({"a": 3}, FRAME)
    assert [cache.find({"a": number}) is not None for number in range(4)] == [False, False, True, True]
