import re
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ConfigError
from recsys.timeline import (
    INSTANT,
    Fold,
    Window,
    age_days,
    format_duration,
    format_instant,
    half_life_weight,
    parse_duration,
    parse_instant,
    require_utc,
    rolling_cutoffs,
)

CUTOFF = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2024-13-01", "yesterday", "", "2024-03-01T00:00"])
def test_text_that_is_no_instant_or_has_no_zone_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--as-of .*(is no instant|has no time zone)"):
        parse_instant(text, "--as-of")


@pytest.mark.parametrize(
    "text", ["9999-12-31", "0001-01-01T00:00:00+05:00", "1899-12-31", "2201-01-01", "0001-01-01T00:00"]
)
def test_an_instant_that_a_horizon_might_overflow_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--as-of '{re.escape(text)}' is not in the years 1900 to 2200"):
        parse_instant(text, "--as-of")


@pytest.mark.parametrize("text", ["1900-01-01", "2200-12-31"])
def test_the_longest_duration_fits_before_and_after_every_instant(text: str) -> None:
    instant, longest = parse_instant(text), parse_duration("36525d")
    assert instant - longest < instant < instant + longest


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no time zone"):
        require_utc(CUTOFF.replace(tzinfo=None))


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_an_instant_survives_being_written_and_read(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize("text", ["14", "d", "-1d", "1y", "1d 2h", ""])
def test_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36525d1s", "99999999999d", "5300w", "9" * 400 + "d", "999999999d" * 9])
def test_a_duration_of_more_than_a_century_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is longer than 100 years \(36525d\)") as error:
        parse_duration(text)
    assert len(str(error.value)) < 150


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=14), "14d"),
        (timedelta(hours=36), "1d12h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(), "0s"),
    ],
)
def test_a_duration_is_written_in_the_form_it_is_read(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text
    assert parse_duration(text) == duration


def test_a_weight_halves_at_each_half_life() -> None:
    ages = pl.DataFrame({"age": [0.0, 7.0, 14.0, -7.0]})
    weights = ages.select(half_life_weight(pl.col("age"), timedelta(days=7))).to_series()
    assert weights.to_list() == [1.0, 0.5, 0.25, 2.0]


def test_a_half_life_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ConfigError, match="not positive"):
        half_life_weight(pl.col("age"), timedelta())


def test_age_is_counted_in_days_before_as_of() -> None:
    times = pl.DataFrame({"t": [CUTOFF - timedelta(hours=36), CUTOFF]}, schema={"t": INSTANT})
    assert times.select(age_days(pl.col("t"), CUTOFF)).to_series().to_list() == [1.5, 0.0]


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(CUTOFF, CUTOFF + timedelta(days=1))
    times = pl.DataFrame({"t": [CUTOFF, CUTOFF + timedelta(days=1)]}, schema={"t": INSTANT})
    assert times.select(window.holds(pl.col("t"))).to_series().to_list() == [True, False]


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ConfigError, match="is empty"):
        Window(CUTOFF, CUTOFF)


def test_rolling_label_windows_tile_the_time_before_the_end() -> None:
    cutoffs = rolling_cutoffs(CUTOFF, timedelta(days=7), 3, gap=timedelta(days=1))
    # The last label window is [29 Feb - 7 d + ..): cutoff + 1 d + 7 d = end.
    assert [CUTOFF - cutoff for cutoff in cutoffs] == [timedelta(days=22), timedelta(days=15), timedelta(days=8)]


def test_no_cutoff_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        rolling_cutoffs(CUTOFF, timedelta(days=7), 0)


@pytest.mark.parametrize("n_cutoffs", [1_000, 10**30])
def test_windows_that_reach_back_beyond_all_time_are_refused(n_cutoffs: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"^{n_cutoffs} window\(s\) of 36500d before .*Z reach back beyond the year 1"
    ):
        rolling_cutoffs(CUTOFF, timedelta(days=36_500), n_cutoffs)


hours = st.integers(min_value=-600, max_value=600)


@given(st.lists(st.tuples(hours, st.integers(min_value=0, max_value=400)), max_size=40), st.integers(0, 48))
def test_a_fold_puts_every_row_into_exactly_one_part(rows: list[tuple[int, int]], gap_hours: int) -> None:
    times = [CUTOFF + timedelta(hours=h) for h, _ in rows]
    known = [time + timedelta(hours=delay) for time, (_, delay) in zip(times, rows, strict=True)]
    events = pl.DataFrame({"event_time": times, "known_at": known}, schema={"event_time": INSTANT, "known_at": INSTANT})
    horizon = timedelta(days=7)
    fold = Fold(cutoff=CUTOFF, horizon=horizon, as_of=CUTOFF + timedelta(days=12), gap=timedelta(hours=gap_hours))
    parts = events.select(
        pl.sum_horizontal(
            *(part.cast(pl.Int8) for part in (fold.is_history(), fold.is_late(), fold.is_label(), fold.is_after()))
        ).alias("n")
    )
    assert parts["n"].to_list() == [1] * len(rows)


def test_a_fold_draws_its_bounds_where_the_module_says() -> None:
    fold = Fold(cutoff=CUTOFF, horizon=timedelta(days=7), as_of=CUTOFF + timedelta(days=9), gap=timedelta(days=1))
    day = timedelta(days=1)
    rows = [  # (event_time, known_at) and the part it belongs to
        (CUTOFF - day, CUTOFF - day, "history"),
        (CUTOFF - day, CUTOFF, "late"),
        (CUTOFF, CUTOFF, "late"),  # inside the embargo
        (CUTOFF + day, CUTOFF + day, "label"),
        (CUTOFF + 8 * day, CUTOFF + 8 * day, "after"),
        (CUTOFF + 2 * day, CUTOFF + 9 * day, "after"),  # not yet known at as_of
    ]
    events = pl.DataFrame(
        {"event_time": [row[0] for row in rows], "known_at": [row[1] for row in rows]},
        schema={"event_time": INSTANT, "known_at": INSTANT},
    )
    part = (
        pl.when(fold.is_history())
        .then(pl.lit("history"))
        .when(fold.is_late())
        .then(pl.lit("late"))
        .when(fold.is_label())
        .then(pl.lit("label"))
        .when(fold.is_after())
        .then(pl.lit("after"))
    )
    assert events.select(part.alias("part"))["part"].to_list() == [row[2] for row in rows]
