"""Worked by hand: as_of is day 100; an event is (user, item, day)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.candidates import (
    AllTimePopularity,
    AnyItem,
    DecayedPopularity,
    ItemList,
    NewArrivals,
    SameSeasonLastYear,
    Trending,
    WindowedPopularity,
)
from recsys.data.items import ALWAYS_KNOWN
from recsys.knowledge import Knowledge, gather
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, conform

AS_OF = datetime(2024, 4, 10, tzinfo=UTC)
DAY = timedelta(days=1)
Row = tuple[str | None, str, float]


def known(rows: Sequence[Row], items: pl.DataFrame | None = None) -> Knowledge:
    """Each row is (user, item, age in days at AS_OF)."""
    times = [AS_OF - age * DAY for _, _, age in rows]
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "event_type": ["purchase"] * len(rows),
            "event_time": times,
            "known_at": times,
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("user_id", "event_time", "known_at")},
    )
    events = conform(frame, EVENT_DTYPES, "events")
    lazy_items = None if items is None else items.lazy()
    return gather(events.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(), items=lazy_items)


def scores(scorer: object, knowledge: Knowledge) -> dict[str, float]:
    source = ItemList("list", scorer)  # type: ignore[arg-type]
    named = source.fit(knowledge)["ranking"].join(knowledge.history.items, on="item_idx", maintain_order="left")
    return dict(zip(named["item_id"], named["score"], strict=True))


ROWS: list[Row] = [("u", "old", 90), ("v", "old", 80), ("w", "old", 70), ("u", "new", 1), (None, "new", 7)]


def test_all_time_popularity_counts_every_event_also_anonymous_ones() -> None:
    assert scores(AllTimePopularity(), known(ROWS)) == {"old": 3.0, "new": 2.0}


def test_windowed_popularity_counts_only_its_window() -> None:
    # [as_of - 7 d, as_of) holds the events of age 1 and of exactly 7 days.
    assert scores(WindowedPopularity(7 * DAY), known(ROWS)) == {"new": 2.0}


def test_decayed_popularity_halves_with_each_half_life() -> None:
    found = scores(DecayedPopularity(7 * DAY), known([("u", "a", 7), ("v", "a", 14), ("w", "b", 0.0001)]))
    assert found["a"] == pytest.approx(0.5 + 0.25)
    assert list(found) == ["b", "a"]


def test_trending_prefers_what_rises() -> None:
    rising = [("u", "up", 1.0), ("v", "up", 2.0), ("u", "down", 60.0), ("v", "down", 61.0), ("w", "down", 62.0)]
    assert list(scores(Trending(7 * DAY, 30 * DAY), known(rising))) == ["up", "down"]


def test_the_same_season_last_year_looks_at_the_weeks_that_followed_this_date() -> None:
    # as_of - 365 d + [0, 28 d): ages 364 and 340 lie in it, 366 (the week before) and 330 do not.
    rows: list[Row] = [("u", "in", 364), ("v", "in", 340), ("u", "before", 366), ("u", "after", 330)]
    assert scores(SameSeasonLastYear(28 * DAY), known(rows)) == {"in": 2.0}


def test_new_arrivals_are_ranked_by_rate_since_their_launch() -> None:
    rows: list[Row] = [("u", "slow", 9), ("v", "fast", 3), ("w", "fast", 1), ("u", "old", 40)]
    # slow: 1 event / (9 + 1) days; fast: 2 / (3 + 1).
    assert scores(NewArrivals(30 * DAY), known(rows)) == {"fast": pytest.approx(0.5), "slow": pytest.approx(0.1)}


def test_new_arrivals_without_a_reward_come_last_and_the_newest_of_them_first() -> None:
    items = pl.DataFrame(
        {
            "item_id": ["today", "last_week", "last_year", "timeless"],
            "known_at": [AS_OF - DAY / 24, AS_OF - 7 * DAY, AS_OF - 360 * DAY, ALWAYS_KNOWN],
        },
        schema_overrides={"known_at": ITEM_DTYPES["known_at"]},
    )
    knowledge = known([("u", "slow", 29), ("v", "fast", 3)], conform(items, ITEM_DTYPES, "items"))
    found = scores(NewArrivals(30 * DAY), knowledge)
    assert list(found) == ["fast", "slow", "today", "last_week"]
    assert found["slow"] == pytest.approx(1 / 30)
    assert found["last_week"] == pytest.approx(1 / 30 / 9)  # the lowest rate / (age + 2)
    assert all(0 < score < float("inf") for score in found.values())


def test_new_arrivals_are_listed_where_none_has_a_reward() -> None:
    items = catalogue(available_from=[AS_OF - DAY, AS_OF - 3 * DAY])
    found = scores(NewArrivals(30 * DAY), known([("u", "old", 40)], items))
    assert found == {"new": pytest.approx(1 / 3), "unseen": pytest.approx(1 / 5)}


def catalogue(**columns: object) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"item_id": ["new", "unseen"], "known_at": [AS_OF - 200 * DAY] * 2, **columns},
        schema_overrides={name: ITEM_DTYPES[name] for name in ("known_at", *columns)},
    )
    return conform(frame, ITEM_DTYPES, "items")


def test_any_item_also_lists_what_was_never_seen() -> None:
    assert list(scores(AnyItem(7 * DAY), known(ROWS, catalogue()))) == ["new", "old", "unseen"]


def test_an_item_is_hidden_before_it_is_available_and_from_the_end_on() -> None:
    items = catalogue(available_from=[None, AS_OF + DAY], available_to=[AS_OF, None])
    assert list(scores(AnyItem(7 * DAY), known(ROWS, items))) == ["old"]  # "new" ends at as_of, "unseen" starts later


def test_equal_scores_are_ordered_by_the_tie_and_not_by_the_id() -> None:
    knowledge = known([("u", f"i{i}", 5) for i in range(8)])
    order = list(scores(AllTimePopularity(), knowledge))
    ties = knowledge.history.items.sort("tie")["item_id"].to_list()
    assert order == ties
    assert order != sorted(order)
