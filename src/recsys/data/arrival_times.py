"""Instants as they arrive: ISO 8601 text with any offset, epoch numbers, typed dates and instants.

An epoch number says its unit by its size. With `earliest` not before 1973-03-03 the ranges cannot be confused:

    |n| < 10^11            seconds        (up to the year 5138)
    10^11 <= |n| < 10^14   milliseconds   (from 1973-03-03)
    10^14 <= |n| < 10^17   microseconds   (from 1973-03-03)
    10^17 <= |n|           nanoseconds    (from 1973-03-03)

So `20111010` is a number of seconds (in 1970, refused as too old) and not a date: dates are written with hyphens.
"""

from dataclasses import dataclass

import polars as pl

from recsys.errors import SchemaError
from recsys.timeline import INSTANT

_OFFSET = r" ?(Z|z|UTC|[+\u2212-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}"
_INTEGER = r"^[+-]?\d{1,19}$"


@dataclass(frozen=True)
class ReadTimes:
    """A column read as instants.

    Attributes:
        instants: dtype `INSTANT`; null where nothing was written or it could not be read.
        is_naive: a time of day was written without a zone, and none is declared.
        is_unreadable: something was written that is no instant.
    """

    instants: pl.Series
    is_naive: pl.Series
    is_unreadable: pl.Series


def read_times(arrived: pl.Series, naive_time_zone: str | None, where: str) -> ReadTimes:
    """Read a column of instants, whatever its type.

    Args:
        arrived: text (ISO 8601 or epoch numbers, mixed as they come), integers (epoch), dates or instants.
        naive_time_zone: zone of instants that name none; the earlier of two moments when the clock is set back.
            None refuses them. A bare date is 00:00Z in any case.
        where: the file, for the error.

    Returns:
        Series as long as the input and in its order.

    Raises:
        SchemaError: if the column has another type, or is typed without a zone and none is declared.

    Example:
        >>> texts = pl.Series("event_time", ["2011-10-10", "2011-10-10T02:00+02:00", "1318204800", "1318204800000"])
        >>> read_times(texts, None, "example").instants.n_unique()
        1
    """
    dtype = arrived.dtype
    never = pl.repeat(value=False, n=arrived.len(), eager=True)
    if dtype == pl.String:
        return _read_text(arrived, naive_time_zone)
    if dtype.is_integer():
        read = _from_epoch(arrived.cast(pl.Int64, strict=False))
        return ReadTimes(read, never, read.is_null() & arrived.is_not_null())
    if dtype in (pl.Date, pl.Null):
        return ReadTimes(arrived.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), never, never)
    if not isinstance(dtype, pl.Datetime):
        raise SchemaError(
            f"{where}: column {arrived.name} is {dtype}, no instant; write ISO 8601 text, whole epoch numbers, "
            "or a timestamp with a zone"
        )
    if dtype.time_zone is not None:
        return ReadTimes(arrived.dt.convert_time_zone("UTC").cast(INSTANT), never, never)
    if naive_time_zone is None:
        raise SchemaError(
            f"{where}: column {arrived.name} is {dtype} without a time zone; write it with one, e.g. in polars "
            f"dt.replace_time_zone('UTC')"
        )
    located = _locate(arrived.cast(pl.Datetime("us")), naive_time_zone)
    return ReadTimes(located, never, located.is_null() & arrived.is_not_null())


def _read_text(arrived: pl.Series, naive_time_zone: str | None) -> ReadTimes:
    text = arrived.str.strip_chars()
    text = text.set(text == "", None)
    if text.str.contains(_DATE_TIME).all():
        for separator in "T ":
            # A column written in one way, as most are, takes a third of the time.
            form = f"%Y-%m-%d{separator}%H:%M:%S%.f%#z"
            instants = text.str.to_datetime(form, time_unit="us", strict=False)
            if instants.null_count() == text.null_count():
                never = pl.repeat(value=False, n=text.len(), eager=True)
                return ReadTimes(instants.cast(INSTANT), never, never)
    return _read_mixed_text(text, naive_time_zone)


def _read_mixed_text(text: pl.Series, naive_time_zone: str | None) -> ReadTimes:
    """Read texts each of which may be written in its own way."""
    table = (
        pl.DataFrame({"text": text})
        .with_columns(
            offset=pl.when(pl.col("text").str.contains(_DATE_TIME)).then(pl.col("text").str.extract(_OFFSET)),
            number=pl.when(pl.col("text").str.contains(_INTEGER)).then("text").cast(pl.Int64, strict=False),
            date=pl.when(pl.col("text").str.contains(_DATE)).then("text").str.to_date("%Y-%m-%d", strict=False),
        )
        .with_columns(local=_local_time())
    )
    local, has_offset = table["local"], table["offset"].is_not_null()
    is_naive = local.is_not_null() & ~has_offset
    moments = table.select(
        pl.coalesce(
            pl.when(has_offset).then((pl.col("local") - _offset()).dt.replace_time_zone("UTC")),
            pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            _from_epoch(table["number"]),
        ).alias("instant")
    ).to_series()
    if naive_time_zone is not None and is_naive.any():
        moments = pl.select(pl.coalesce(moments, _locate(local, naive_time_zone))).to_series()
        is_naive = pl.repeat(value=False, n=text.len(), eager=True)
    return ReadTimes(moments, is_naive, moments.is_null() & text.is_not_null() & ~is_naive)


def _local_time() -> pl.Expr:
    """The date and time of day that the text shows, whatever its offset; to the microsecond, cut."""
    shown = pl.when(pl.col("text").str.contains(_DATE_TIME)).then("text").str.replace(_OFFSET, "")
    shown = shown.str.replace("[Tt]", " ")
    return pl.coalesce(
        shown.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False),
        shown.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False),
    )


def _offset() -> pl.Expr:
    """The offset from UTC as a duration: `+05:30`, `+0530`, `+05`; `Z`, `z` and `UTC` are none."""
    digits = pl.col("offset").str.replace(":", "", literal=True)
    hours = digits.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = digits.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(digits.str.contains(r"^[\u2212-]")).then(-1).otherwise(1)
    return pl.duration(minutes=sign * (hours * 60 + minutes), time_unit="us")


def _locate(local: pl.Series, time_zone: str) -> pl.Series:
    """Read wall-clock times of a zone; null where the clock skipped them."""
    located = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return located.dt.convert_time_zone("UTC")


def _from_epoch(numbers: pl.Series) -> pl.Series:
    number = pl.col("number")
    microseconds = (
        pl.when(number.is_between(-(10**11), 10**11, closed="none"))
        .then(number * 1_000_000)
        .when(number.is_between(-(10**14), 10**14, closed="none"))
        .then(number * 1_000)
        .when(number.is_between(-(10**17), 10**17, closed="none"))
        .then(number)
        .otherwise(number // 1_000)
    )
    return numbers.alias("number").to_frame().select(microseconds.cast(INSTANT)).to_series()
