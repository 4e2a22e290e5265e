"""UTC instants: the one way in which text becomes a moment and a moment becomes text."""

from datetime import UTC, datetime

import polars as pl

from recsys.errors import ConfigError

INSTANT = pl.Datetime("us", "UTC")
"""The dtype of every instant in every table: microseconds, UTC."""

_YEARS = range(1900, 2201)
"""Years of the instants that a person writes: any horizon before or after them is still an instant."""


def require_utc(instant: datetime, name: str = "instant") -> datetime:
    """Return `instant` in UTC, refusing one without a zone.

    Raises:
        ConfigError: if `instant` is naive, because its moment cannot be known.
    """
    if instant.tzinfo is None:
        raise ConfigError(f"{name} {instant.isoformat()} has no time zone; write it as {instant.isoformat()}Z")
    return instant.astimezone(UTC)


def parse_instant(text: str, name: str = "instant") -> datetime:
    """Read an ISO 8601 instant; a bare date means 00:00Z.

    Args:
        text: `2011-10-10`, `2011-10-10T12:00:00Z` or with any other offset.
        name: how the error calls it, e.g. `--as-of`.

    Raises:
        ConfigError: if `text` is no ISO 8601 instant, has a time of day but no zone, or lies outside 1900 to 2200.

    Example:
        >>> parse_instant("2011-10-10").isoformat()
        '2011-10-10T00:00:00+00:00'
        >>> parse_instant("2011-10-10T02:00:00+02:00").isoformat()
        '2011-10-10T00:00:00+00:00'
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{name} {text!r:.40} is no instant; write a date (2011-10-10) or 2011-10-10T12:00:00Z"
        ) from error
    if parsed.year not in _YEARS:
        raise ConfigError(f"{name} {text!r} is not in the years {_YEARS[0]} to {_YEARS[-1]}; write another year")
    if parsed.tzinfo is None and len(text) == len("2011-10-10"):
        parsed = parsed.replace(tzinfo=UTC)
    return require_utc(parsed, name)


def format_instant(instant: datetime) -> str:
    """Write an instant as ISO 8601 with `Z`, without a fraction where it has none.

    Example:
        >>> format_instant(parse_instant("2011-10-10"))
        '2011-10-10T00:00:00Z'
    """
    return require_utc(instant).isoformat().replace("+00:00", "Z")


def instant_literal(instant: datetime) -> pl.Expr:
    """Return the instant as a polars literal of dtype `INSTANT`."""
    return pl.lit(require_utc(instant), dtype=INSTANT)
