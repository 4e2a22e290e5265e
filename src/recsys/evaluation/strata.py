"""Groups of users in which a method may shine or fail: by how much we know of them, and by market."""

from datetime import datetime, timedelta

import polars as pl

from recsys.errors import ConfigError, DataError, LeakageError
from recsys.evaluation.slate_matrix import require_columns
from recsys.timeline import age_days, format_duration, format_instant, in_days, instant_literal

ACTIVITY_STRATA = ("cold", "light", "heavy", "dormant")
"""The values of `activity`, in the order of a report."""

NO_MARKET = "(none)"
"""The market of a user who has none."""


def build_strata(
    users: pl.DataFrame,
    *,
    cutoff: datetime,
    heavy_from: int = 20,
    dormant_after: timedelta = timedelta(days=90),
) -> pl.DataFrame:
    """Put every user into one activity stratum and one market.

    A mean over users hides whom a method serves. The strata are disjoint and cover all users: cold (no event
    before the cutoff), else dormant (last event more than `dormant_after` ago), else heavy (`heavy_from` events or
    more), else light.

    Time:
        Counts and last times are of the history, `known_at` < cutoff; a last time at or after it is refused.

    Args:
        users: `user_idx`, `n_events` >= 0, `last_time` (UTC, null for a user without events), `market` (nullable);
            one row per user.
        cutoff: the evaluation instant.
        heavy_from: fewest events of a heavy user, at least 1.
        dormant_after: longest silence of a user who is not dormant; positive.

    Returns:
        `user_idx`, `activity`, `market`: one row per user, ascending.

    Raises:
        ConfigError: if a threshold is not positive.
        SchemaError: if a column is absent.
        LeakageError: if a last time lies at or after the cutoff.
        DataError: if a user has events and no last time, or occurs twice.

    Example:
        >>> from datetime import UTC
        >>> cutoff = datetime(2024, 6, 1, tzinfo=UTC)
        >>> users = pl.DataFrame({"user_idx": [0, 1, 2, 3], "n_events": [0, 3, 20, 50], "market": ["DE"] * 3 + [None],
        ...     "last_time": [None] + [cutoff - timedelta(days=d) for d in (1, 90, 91)]})
        >>> build_strata(users, cutoff=cutoff)["activity"].to_list()
        ['cold', 'light', 'heavy', 'dormant']
    """
    if heavy_from < 1 or dormant_after <= timedelta():
        raise ConfigError(
            f"heavy_from={heavy_from}, dormant_after={format_duration(dormant_after)}: both must be positive"
        )
    _check(users, cutoff)
    is_dormant = age_days(pl.col("last_time"), cutoff) > in_days(dormant_after)
    activity = (
        pl.when(pl.col("n_events") == 0)
        .then(pl.lit("cold"))
        .when(is_dormant)
        .then(pl.lit("dormant"))
        .when(pl.col("n_events") >= heavy_from)
        .then(pl.lit("heavy"))
        .otherwise(pl.lit("light"))
    )
    market = pl.col("market").cast(pl.String).fill_null(NO_MARKET)
    return users.sort("user_idx").select("user_idx", activity=activity, market=market)


def _check(users: pl.DataFrame, cutoff: datetime) -> None:
    require_columns(users, ("user_idx", "n_events", "last_time", "market"), "users")
    rules = (
        (pl.col("last_time") >= instant_literal(cutoff), "a last_time at or after it", LeakageError),
        ((pl.col("n_events") > 0) & pl.col("last_time").is_null(), "events and no last_time", DataError),
        (pl.col("user_idx").is_duplicated(), "a user_idx that occurs twice", DataError),
    )
    for rule, what, error in rules:
        bad = users.filter(rule).sort("user_idx")
        if bad.height:
            raise error(
                f"users at {format_instant(cutoff)}: {bad.height} of {users.height} rows have {what}; first: "
                f"user_idx={bad['user_idx'][0]}, last_time={bad['last_time'][0]}; build them from the history"
            )
