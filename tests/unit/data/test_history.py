"""What is known at one instant: which items stand in the catalogue, since when, and with what."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.data.history import History, read_history
from recsys.data.items import ALWAYS_KNOWN, latest_versions
from recsys.rewards import RewardSettings
from recsys.tables import EVENT_DTYPES, EXPOSURE, ITEM_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def events(*rows: tuple[str, str, int]) -> pl.LazyFrame:
    """Build events of one user from (item, type, day)."""
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "user_id": ["u"] * len(rows),
            "item_id": [item for item, _, _ in rows],
            "event_type": [kind for _, kind, _ in rows],
            "event_time": [day(number) for _, _, number in rows],
            "known_at": [day(number) for _, _, number in rows],
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("event_time", "known_at")},
    )
    return conform(frame, EVENT_DTYPES, "events").lazy()


def items(*rows: Mapping[str, object]) -> pl.LazyFrame:
    return pl.DataFrame(rows, schema=ITEM_DTYPES).lazy()


LOG = events(("a", "view", 0), ("late", "view", 20), ("shown", EXPOSURE, 5))
TIMELESS = items(*({"item_id": name, "known_at": ALWAYS_KNOWN, "title": name} for name in ("a", "late", "shown", "no")))


def read(as_of: datetime, versions: pl.LazyFrame, log: pl.LazyFrame = LOG) -> History:
    return read_history(log, as_of=as_of, rewards=RewardSettings(), items=versions)


def listed(history: History) -> list[str]:
    return history.items.filter("is_available")["item_id"].to_list()


@pytest.mark.parametrize(
    ("at", "expected"), [(1, ["a"]), (5, ["a"]), (6, ["a", "shown"]), (21, ["a", "late", "shown"])]
)
def test_an_item_without_any_time_is_listed_from_its_first_known_event_on(at: int, expected: list[str]) -> None:
    history = read(day(at), TIMELESS)
    assert listed(history) == history.items["item_id"].to_list() == expected
    assert history.items["title"].to_list() == expected


@pytest.mark.parametrize(
    "version",
    [
        {"known_at": day(3)},
        {"known_at": ALWAYS_KNOWN, "available_from": day(3)},
        {"known_at": day(1), "available_from": day(3)},
    ],
)
def test_an_item_with_a_time_of_its_own_needs_no_event(version: dict[str, object]) -> None:
    versions, hour = items({"item_id": "quiet", **version}), timedelta(hours=1)
    assert listed(read(day(3) - hour, versions)) == ["a"]
    assert listed(read(day(3) + hour, versions)) == ["a", "quiet"]


def test_a_later_version_with_a_time_lists_an_item_that_had_none() -> None:
    versions = items({"item_id": "no", "known_at": ALWAYS_KNOWN}, {"item_id": "no", "known_at": day(4)})
    assert listed(read(day(4), versions)) == ["a"]
    assert listed(read(day(5), versions)) == ["a", "no"]


def test_what_becomes_known_later_changes_no_past_catalogue() -> None:
    future = events(("no", "view", 30), ("new", "view", 31))
    peeking = read(
        day(10), pl.concat([TIMELESS, items({"item_id": "b", "known_at": day(10)})]), pl.concat([LOG, future])
    )
    assert_frame_equal(peeking.items, read(day(10), TIMELESS).items)


def test_the_first_time_is_the_earliest_sign_that_an_item_is_on_offer() -> None:
    versions = items(
        {"item_id": "a", "known_at": day(2)},  # seen before its version became known
        {"item_id": "announced", "known_at": day(1), "available_from": day(8)},
        {"item_id": "quiet", "known_at": day(3)},
        {"item_id": "quiet", "known_at": day(6), "price": 2.0},
        {"item_id": "restocked", "known_at": day(2), "available_from": day(2)},
        {"item_id": "restocked", "known_at": day(7), "available_from": day(7)},
        {"item_id": "timeless", "known_at": ALWAYS_KNOWN},
    )
    log = pl.concat([LOG, events(("timeless", "view", 4)).with_columns(event_id=pl.lit("x"))])
    found = read(day(10), versions, log).items.select("item_id", "first_time").rows()
    times = {"a": 0, "announced": 8, "quiet": 3, "restocked": 2, "timeless": 4}
    assert found == [(name, day(number)) for name, number in times.items()]


def test_versions_and_what_the_table_scans_of_them_give_the_same_items() -> None:
    versions = pl.concat([TIMELESS, items({"item_id": "a", "known_at": day(2)}, {"item_id": "q", "known_at": day(3)})])
    scanned = latest_versions(versions, day(10))
    assert_frame_equal(read(day(10), scanned).items, read(day(10), versions).items)


def test_the_items_carry_what_their_latest_version_says() -> None:
    told = {
        "title": "t",
        "category": "c",
        "brand": "b",
        "price": 9.5,
        "available_from": day(1),
        "available_to": day(30),
    }
    versions = items({"item_id": "a", "known_at": day(0), "price": 1.0}, {"item_id": "a", "known_at": day(1), **told})
    row = read(day(10), versions).items.row(0, named=True)
    assert {name: row[name] for name in told} == told
    assert read(day(10), items()).items.row(0, named=True)["price"] is None
