import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys.errors import ArtifactError
from recsys.rewards import RewardSettings
from recsys.state import DecayedState, StateSettings, StateStore, build_state, update_state
from recsys.tables import EVENT_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)
SETTINGS = StateSettings()
REWARDS = RewardSettings()


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def log() -> pl.DataFrame:
    """Make 20 views on the first day and one on each of the next."""
    times = [day(max(0, i - 19)) for i in range(24)]
    frame = pl.DataFrame({"event_time": times, "known_at": times}, schema_overrides=EVENT_DTYPES)
    names = [pl.format(f"{name}{{}}", pl.int_range(pl.len())).alias(f"{name}_id") for name in ("event", "item")]
    users = pl.format("user{}", pl.int_range(pl.len()) % 5)
    return conform(frame.with_columns(*names, user_id=users, event_type=pl.lit("view")), EVENT_DTYPES, "events")


def built(number: int) -> DecayedState:
    items = pl.DataFrame({"item_id": ["item1"], "category": ["c"]})
    return build_state(log(), as_of=day(number), settings=SETTINGS, rewards=REWARDS, items=items)


def test_a_state_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    store, state = StateStore(tmp_path / "state"), built(2)
    assert not store.exists()
    saved = store.save(state, log_version=7)
    loaded = store.load(SETTINGS, REWARDS)
    assert store.exists()
    assert store.manifest().log_version == 7
    assert (loaded.as_of, loaded.n_events) == (day(2), state.n_events)
    for grain in ("user", "item", "user_item", "user_category", "market_item"):
        assert loaded.read(grain, day(3)).equals(state.read(grain, day(3)))
    assert saved.covisits(day(3)).equals(state.covisits(day(3)))


def test_an_update_writes_only_its_own_segment(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    state = store.save(built(2), log_version=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    state = store.save(update_state(state, log(), as_of=day(3)), log_version=2)
    assert len(state.segments) == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert state.read("item", day(3)).equals(update_state(built(2), log(), as_of=day(3)).read("item", day(3)))


def test_a_state_in_memory_can_be_saved_in_two_places(tmp_path: Path) -> None:
    state = StateStore(tmp_path / "one").save(built(2), log_version=1)
    copy = StateStore(tmp_path / "two").save(state, log_version=1)
    assert copy.read("item", day(2)).equals(state.read("item", day(2)))


def test_saving_the_same_state_again_changes_no_segment(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save(built(2), log_version=1)
    folders = sorted(path.name for path in tmp_path.iterdir())
    store.save(built(2), log_version=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == folders


def test_old_segments_outlive_one_save_and_then_go(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    old = store.save(built(1), log_version=1)
    store.save(built(2), log_version=2)
    assert old.read("item", day(1)).height == 20  # still readable by whoever loaded it
    store.save(built(3), log_version=3)
    named = store.manifest()
    folders = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert folders == {named.categories, *(one.folder for one in named.segments), *named.retired}


@pytest.mark.parametrize("call", range(1, 20))
def test_a_crash_at_any_step_leaves_the_last_good_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    store = StateStore(tmp_path)
    state = store.save(built(2), log_version=1)
    expected = state.read("item", day(2))
    n_syncs = 0

    def fail(descriptor: int) -> None:
        nonlocal n_syncs
        n_syncs += 1
        if n_syncs == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fail)
    newer = update_state(state, log(), as_of=day(3))
    try:
        store.save(newer, log_version=2)
    except KeyboardInterrupt:
        found = store.load(SETTINGS, REWARDS)
        assert found.as_of in (day(2), day(3))
        if found.as_of == day(2):
            assert found.read("item", day(2)).equals(expected)
    monkeypatch.undo()
    assert store.save(newer, log_version=2).read("item", day(3)).equals(newer.read("item", day(3)))


def test_a_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.save(built(2), log_version=1)
    with pytest.raises(ArtifactError, match="built with other settings or rewards; rebuild it"):
        store.load(SETTINGS, RewardSettings(version="2"))


def test_a_missing_or_damaged_state_is_named(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    with pytest.raises(ArtifactError, match=r"manifest.json: cannot be read \(No such file"):
        store.load(SETTINGS, REWARDS)
    store.save(built(2), log_version=None)
    next(tmp_path.rglob("user_item.parquet")).unlink()
    with pytest.raises(ArtifactError, match=r"user_item.parquet: is missing; rebuild the state"):
        store.load(SETTINGS, REWARDS)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"manifest.json: is damaged"):
        store.manifest()
