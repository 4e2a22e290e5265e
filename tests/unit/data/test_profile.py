"""The profile of a log: every measure on rows small enough to count by hand."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.profile import Profile, Quantiles, profile_log
from recsys.errors import DataError
from recsys.tables import EVENT_DTYPES, EXPOSURE, ITEM_DTYPES, conform
from recsys.timeline import INSTANT

MONDAY = datetime(2020, 1, 6, tzinfo=UTC)
LATER = MONDAY + timedelta(days=365)

Row = tuple[str | None, str, float]
"""User, item, and days after MONDAY."""


def log(rows: Iterable[Row], **columns: pl.Expr) -> pl.DataFrame:
    users, items, days = zip(*rows, strict=True)
    times = pl.Series([MONDAY + timedelta(days=d) for d in days], dtype=INSTANT)
    frame = pl.DataFrame({"user_id": users, "item_id": items, "event_time": times}).with_columns(
        event_type=pl.lit("buy"), known_at="event_time"
    )
    return conform(frame.with_columns(**columns), EVENT_DTYPES, "events")


def profile(frame: pl.DataFrame, as_of: datetime = LATER) -> Profile:
    return profile_log(frame.lazy(), pl.LazyFrame(schema=ITEM_DTYPES), as_of)


ROWS: list[Row] = [("u", "a", 0), ("u", "a", 0), ("u", "b", 1), ("u", "a", 4), ("v", "a", 4), (None, "c", 8)]


def test_volume_counts_rows_ids_and_filled_columns() -> None:
    result = profile(log(ROWS, price=pl.when(pl.col("item_id") == "a").then(2.0), market=pl.lit("GB")))
    assert (result.n_events, result.n_users, result.n_items, result.n_markets, result.n_baskets) == (6, 2, 3, 1, 0)
    assert (result.first_event, result.last_event, result.span_days) == (MONDAY, MONDAY + timedelta(days=8), 8.0)
    assert result.anonymous_share == pytest.approx(1 / 6)
    assert result.filled_share["price"] == pytest.approx(4 / 6)
    assert result.filled_share["market"] == 1.0
    assert result.filled_share["value"] == 0.0


def test_a_repeat_follows_an_earlier_instant_of_the_same_pair() -> None:
    # Of five events with a user only ("u", "a") on day 4 does: the two at day 0 are at one instant.
    result = profile(log(ROWS))
    assert result.repeat_share == pytest.approx(1 / 5)
    assert result.repeat_days == Quantiles(p10=4, p50=4, p90=4, p99=4)


def test_intervals_of_a_user_run_between_distinct_instants_and_days() -> None:
    # u: day 0, 0.25, 1 and 4: gaps .25, .75, 3; active days 0, 1, 4: 1, 3. The nearest rank below the middle counts.
    result = profile(log([("u", "a", 0), ("u", "b", 0.25), ("u", "b", 1), ("u", "a", 4)]))
    assert result.gap_days == Quantiles(p10=0.25, p50=0.75, p90=3, p99=3)
    assert result.return_days is not None
    assert (result.return_days.p10, result.return_days.p99) == (1, 3)


def test_rhythm_counts_days_without_events_and_finds_the_longest_gap() -> None:
    # Days 0..8: 2, 1, 0, 0, 2, 0, 0, 0, 1 events; the gap of days 5, 6, 7 is the longest.
    result = profile(log(ROWS))
    assert result.daily_mean == pytest.approx(6 / 9)
    assert result.daily_p95 == 2
    assert (result.longest_gap_days, result.longest_gap_from) == (3, date(2020, 1, 11))
    # Monday, Tuesday, Friday, and Tuesday a week later
    assert result.weekday_share == pytest.approx((2 / 6, 2 / 6, 0, 0, 2 / 6, 0, 0))


def test_a_log_without_a_gap_has_none() -> None:
    result = profile(log([("u", "a", 0), ("u", "b", 1)]))
    assert (result.longest_gap_days, result.longest_gap_from) == (0, None)


def test_the_month_index_compares_events_per_day() -> None:
    # 31 January: 3 events a day; 1 and 2 February: none and 3. Mean 2: January 1.5, February 0.75.
    result = profile(log([("u", "a", 25)] * 3 + [("u", "a", 27)] * 3))
    assert result.month_index == {1: 1.5, 2: 0.75}


def test_novelty_is_the_share_of_a_week_s_ids_never_seen_before() -> None:
    # Week 1: users u, v and items a, b, all new. Week 2: user u is not new; items a and c, one of them new.
    result = profile(log([("u", "a", 0), ("v", "b", 2), ("u", "a", 7), ("u", "c", 8)]))
    first, second = result.weeks
    assert (first.week, first.n_events, first.n_users, first.new_user_share) == (MONDAY.date(), 2, 2, 1.0)
    assert (second.n_users, second.new_user_share, second.n_items, second.new_item_share) == (1, 0.0, 2, 0.5)
    assert (result.new_user_share, result.new_item_share) == (0.0, 0.5)  # the later half is the second week


def test_event_types_are_described_apart_and_the_most_frequent_first() -> None:
    types = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("view")).otherwise(pl.lit("buy"))
    result = profile(log([("u", "a", 0), ("u", "b", 0), ("u", "a", 1), ("v", "a", 2), ("v", "a", 5)], event_type=types))
    buy, view = result.event_types
    assert (buy.event_type, buy.n_events, buy.n_users, buy.n_items) == ("buy", 3, 2, 1)
    assert (view.event_type, view.n_events, view.repeat_share, view.repeat_days) == ("view", 2, 0.0, None)
    assert buy.repeat_share == pytest.approx(1 / 3)
    assert buy.repeat_days == Quantiles(p10=3, p50=3, p90=3, p99=3)


def test_exposures_are_counted_and_left_aside() -> None:
    types = pl.when(pl.col("item_id") == "a").then(pl.lit("buy")).otherwise(pl.lit(EXPOSURE))
    result = profile(log([("u", "a", 0), ("u", "b", 1), ("v", "b", 1)], event_type=types))
    assert (result.n_events, result.n_exposures, result.n_items, result.n_users) == (1, 2, 1, 1)


def test_late_rows_are_measured_by_how_late_they_are() -> None:
    late = pl.when(pl.col("item_id") == "b").then(pl.col("event_time") + timedelta(days=2)).otherwise("event_time")
    result = profile(log([("u", "a", 0), ("u", "b", 1), ("u", "c", 2), ("u", "d", 3)], known_at=late))
    assert result.late_share == 0.25
    assert result.lag_days == Quantiles(p10=2, p50=2, p90=2, p99=2)


@pytest.mark.parametrize(
    ("step", "resolution"),
    [
        (timedelta(days=1), "day"),
        (timedelta(hours=1), "hour"),
        (timedelta(minutes=1), "minute"),
        (timedelta(seconds=1), "second"),
        (timedelta(microseconds=1), "below a second"),
    ],
)
def test_the_resolution_is_the_coarsest_clock_that_fits(step: timedelta, resolution: str) -> None:
    assert profile(log([("u", "a", 0), ("u", "b", step / timedelta(days=1))])).resolution == resolution


def test_anonymous_events_alone_have_no_users_and_no_repeats() -> None:
    result = profile(log([(None, "a", 0), (None, "a", 1)]))
    assert (result.n_users, result.anonymous_share, result.repeat_share, result.return_days) == (0, 1.0, None, None)
    assert (result.new_user_share, result.weeks[0].n_users) == (None, 0)


def test_catalogue_items_are_counted_as_known() -> None:
    known_at = pl.Series([MONDAY, LATER], dtype=INSTANT)
    items = pl.DataFrame({"item_id": ["a", "b"], "known_at": known_at})
    result = profile_log(log(ROWS).lazy(), conform(items, ITEM_DTYPES, "items").lazy(), LATER)
    assert result.n_catalogue_items == 1


def test_a_log_with_nothing_known_is_refused() -> None:
    with pytest.raises(DataError, match="events: none is known before 2020-01-06T00:00:00Z"):
        profile(log(ROWS), as_of=MONDAY)


@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(6)))
def test_neither_row_order_nor_what_is_known_later_changes_a_profile(order: list[int]) -> None:
    frame = log(ROWS)
    future = log([("w", "z", 365), ("u", "a", 400)])
    shuffled = pl.concat([future, frame[order]])
    assert profile(shuffled).model_dump_json() == profile(frame).model_dump_json()
