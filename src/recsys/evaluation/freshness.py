"""How old a batch list is when it is used."""

from datetime import datetime

import polars as pl

from recsys.errors import DataError
from recsys.evaluation.slate_matrix import require_columns
from recsys.timeline import age_days, format_instant, instant_literal


def list_age_days(truth: pl.DataFrame, *, cutoff: datetime) -> pl.DataFrame:
    """Measure how old each user's list is when the user first acts: first label time - cutoff.

    A batch list is made at the cutoff and used later; this is the age at which it is judged, the same for every
    method, and what a faster refresh would shorten.

    Time:
        Reads `first_event_time` of the label window, all at or after the cutoff.

    Args:
        truth: `user_idx`, `first_event_time` (UTC): one row per pair, or per user.
        cutoff: when the lists were made.

    Returns:
        `user_idx`, `list_age_days` (Float64, >= 0): one row per user, ascending.

    Raises:
        SchemaError: if a column is absent.
        DataError: if a label lies before the cutoff.

    Example:
        >>> from datetime import UTC, timedelta
        >>> cutoff = datetime(2024, 3, 1, tzinfo=UTC)
        >>> truth = pl.DataFrame({"user_idx": [0, 0], "first_event_time": [cutoff + timedelta(days=d) for d in (3, 2)]})
        >>> list_age_days(truth, cutoff=cutoff).row(0)
        (0, 2.0)
    """
    require_columns(truth, ("user_idx", "first_event_time"), "truth")
    early = truth.filter(pl.col("first_event_time") < instant_literal(cutoff)).sort("first_event_time", "user_idx")
    if early.height:
        raise DataError(
            f"truth: {early.height} of {truth.height} labels lie before the cutoff {format_instant(cutoff)}; "
            f"first: user_idx={early['user_idx'][0]}, {early['first_event_time'][0]}; take labels from the label window"
        )
    first = truth.group_by("user_idx").agg(pl.col("first_event_time").min()).sort("user_idx")
    return first.select("user_idx", list_age_days=-age_days(pl.col("first_event_time"), cutoff))
