"""Half-life weights: the age at which something counts one half, never a bare rate."""

from datetime import datetime, timedelta

import polars as pl

from recsys.errors import ConfigError
from recsys.timeline.durations import in_days
from recsys.timeline.instants import instant_literal

_MICROSECONDS_PER_DAY = 86_400_000_000.0


def age_days(instant: pl.Expr, as_of: datetime) -> pl.Expr:
    """Return the age of each instant at `as_of`, in days (negative where it lies after it)."""
    return (instant_literal(as_of) - instant).dt.total_microseconds() / _MICROSECONDS_PER_DAY


def half_life_weight(age: pl.Expr, half_life: timedelta) -> pl.Expr:
    """Weigh an age in days: w(age) = 2^(-age / half_life).

    Args:
        age: age in days.
        half_life: the age at which the weight is one half; positive.

    Raises:
        ConfigError: if the half-life is not positive.

    Example:
        >>> pl.select(half_life_weight(pl.lit(7.0), timedelta(days=7))).item()
        0.5
    """
    if half_life <= timedelta():
        raise ConfigError(f"half-life {half_life} is not positive; write one such as 7d")
    return pl.lit(2.0).pow(-age / in_days(half_life))
