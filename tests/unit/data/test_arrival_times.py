"""Instants as they arrive."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.arrival_times import read_times
from recsys.errors import SchemaError
from recsys.timeline import INSTANT


def read_one(value: object, zone: str | None = None, dtype: pl.DataType | None = None) -> datetime | None:
    read = read_times(pl.Series("event_time", [value], dtype=dtype), zone, "f.csv").instants
    assert read.dtype == INSTANT
    instant: datetime | None = read[0]
    return instant


NOON = datetime(2011, 10, 10, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2011-10-10T12:00:00Z",
        "2011-10-10 12:00:00z",
        "2011-10-10T12:00Z",
        "2011-10-10t12:00:00.000000000+00:00",
        "2011-10-10T14:00:00+02:00",
        "2011-10-10T17:30:00+0530",
        "2011-10-10T07:00:00-05",
        "2011-10-10 12:00:00 UTC",
        " 2011-10-10T12:00:00 +00:00 ",
        "1318248000",
        "+1318248000",
        "1318248000000",
        "1318248000000000",
        "1318248000000000000",
    ],
)
def test_every_way_to_write_a_moment_reads_as_that_moment(text: str) -> None:
    assert read_one(text) == NOON


def test_one_column_may_mix_offsets_dates_and_epochs() -> None:
    texts = ["2011-10-10", "2011-10-10T02:00+02:00", "1318204800", "1318204800000"]
    assert read_times(pl.Series("t", texts), None, "f").instants.unique().to_list() == [
        datetime(2011, 10, 10, tzinfo=UTC)
    ]


@pytest.mark.parametrize("texts", [["2011-10-10T12:00:00Z", None], ["2011-10-10 10:00:00\u221202:00"], [None], []])
def test_a_column_written_in_one_way_reads_as_a_mixed_one(texts: list[str | None]) -> None:
    column = pl.Series("t", texts, dtype=pl.String)
    mixed = pl.concat([column, pl.Series("t", ["soon", "1318248000"])])
    assert read_times(column, None, "f").instants.equals(read_times(mixed, None, "f").instants[: len(texts)])


@pytest.mark.parametrize("text", ["2011-10-1012:00:00Z", "2011-10-10T12:00:00+02:00Z", "11-10-10T12:00:00Z"])
def test_almost_iso_is_unreadable(text: str) -> None:
    assert read_one(text) is None


def test_fractions_are_cut_to_microseconds() -> None:
    assert read_one("2011-10-10T12:00:00.123456789Z") == NOON + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2011-02-30",
        "2011-10-10T25:00:00Z",
        "2011-10-10T12:00:00+99:00",
        "10/10/2011",
        "99999999999999999999",
        "1.5",
    ],
)
def test_what_is_no_instant_is_unreadable(text: str) -> None:
    read = read_times(pl.Series("t", [text]), None, "f")
    assert (read.instants[0], read.is_naive[0], read.is_unreadable[0]) == (None, False, True)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_nothing_written_is_neither_naive_nor_unreadable(text: str | None) -> None:
    read = read_times(pl.Series("t", [text], dtype=pl.String), None, "f")
    assert (read.instants[0], read.is_naive[0], read.is_unreadable[0]) == (None, False, False)


def test_a_naive_text_is_named_as_such_and_read_only_in_a_declared_zone() -> None:
    texts = pl.Series("t", ["2011-07-01 12:00:00"])
    read = read_times(texts, None, "f")
    assert (read.instants[0], read.is_naive[0], read.is_unreadable[0]) == (None, True, False)
    in_london = read_times(texts, "Europe/London", "f")  # British summer time: one hour ahead of UTC
    assert in_london.instants[0] == datetime(2011, 7, 1, 11, tzinfo=UTC)
    assert not in_london.is_naive[0]


def test_a_wall_clock_time_that_the_zone_skipped_is_unreadable() -> None:
    read = read_times(pl.Series("t", ["2011-03-27 01:30:00"]), "Europe/London", "f")
    assert (read.instants[0], read.is_unreadable[0]) == (None, True)


def test_typed_instants_are_converted_to_utc_microseconds() -> None:
    local = (
        pl.Series("t", [NOON.replace(hour=14, tzinfo=None)])
        .dt.cast_time_unit("ns")
        .dt.replace_time_zone("Europe/Paris")
    )
    assert read_times(local, None, "f").instants.to_list() == [NOON]
    assert read_one(date(2011, 10, 10)) == datetime(2011, 10, 10, tzinfo=UTC)
    assert read_one(1318248000) == NOON
    assert read_one(None) is None


def test_a_typed_instant_without_a_zone_is_refused_unless_one_is_declared() -> None:
    naive = pl.Series("t", [NOON.replace(tzinfo=None)])
    with pytest.raises(SchemaError, match=r"f\.parquet: column t is .* without a time zone"):
        read_times(naive, None, "f.parquet")
    assert read_times(naive, "UTC", "f.parquet").instants[0] == NOON


@pytest.mark.parametrize("values", [[1.5], [True], [[1]]])
def test_other_types_are_refused(values: list[object]) -> None:
    with pytest.raises(SchemaError, match=r"column t is .*, no instant"):
        read_times(pl.Series("t", values), None, "f")


def test_an_integer_past_64_bits_is_unreadable() -> None:
    read = read_times(pl.Series("t", [2**64 - 1], dtype=pl.UInt64), None, "f")
    assert (read.instants[0], read.is_unreadable[0]) == (None, True)


@settings(deadline=None)
@given(
    instant=st.integers(100_000_000 * 10**6, 4_000_000_000 * 10**6).map(lambda n: EPOCH + timedelta(microseconds=n)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_text_in_any_offset_and_every_epoch_unit_read_back(instant: datetime, minutes: int) -> None:
    whole = instant.replace(microsecond=0)
    elsewhere = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert read_one(elsewhere.isoformat()) == instant
    assert read_one(elsewhere.isoformat(" ")) == instant
    seconds = int(whole.timestamp())
    for factor in (1, 10**3, 10**6, 10**9):
        assert read_one(str(seconds * factor)) == whole
