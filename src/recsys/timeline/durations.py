"""Durations written as `14d`, `36h`, `30m` or `90s`; several parts may follow each other (`1d12h`)."""

import re
from datetime import timedelta

from recsys.errors import ConfigError

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")
_LONGEST = timedelta(days=36_525)


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        ConfigError: if `text` is anything else than numbers with the units w, d, h, m, s, or is over 100 years.

    Example:
        >>> parse_duration("14d")
        datetime.timedelta(days=14)
        >>> parse_duration("1d12h")
        datetime.timedelta(days=1, seconds=43200)
    """
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ConfigError(f"{text!r} is no duration; write numbers with w, d, h, m or s, such as 14d or 1d12h")
    try:
        duration = sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        duration = timedelta.max
    if duration > _LONGEST:
        raise ConfigError(
            f"{text!r:.40} is longer than 100 years ({format_duration(_LONGEST)}); write a shorter duration"
        )
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration in the form that `parse_duration` reads.

    Example:
        >>> format_duration(timedelta(days=1, hours=12))
        '1d12h'
    """
    seconds = duration.total_seconds()
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        whole, seconds = divmod(seconds, size)
        text += f"{int(whole)}{unit}" if whole else ""
    return text + (f"{seconds:g}s" if seconds or not text else "")


def in_days(duration: timedelta) -> float:
    """Return the duration in days, the unit of every half-life inside a formula."""
    return duration / timedelta(days=1)
