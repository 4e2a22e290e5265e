"""Half-open windows and folds: which rows are history, which are labels, and which are neither.

    event_time ──────────────┬────────┬──────────────────┬──────────►
                             cutoff   + gap              + gap + horizon
    history: known_at < cutoff        [ labels           )
    late:    known_at >= cutoff, event_time before the label window
    after:   event_time at or after its end, or not yet known at `as_of`

The four parts are disjoint and add up to the input, whatever the rows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from recsys.errors import ConfigError
from recsys.timeline.durations import format_duration
from recsys.timeline.instants import format_instant, instant_literal, require_utc


@dataclass(frozen=True)
class Window:
    """The half-open span [start, end)."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if require_utc(self.start, "window start") >= require_utc(self.end, "window end"):
            raise ConfigError(
                f"window [{self.start.isoformat()}, {self.end.isoformat()}) is empty; its end must be later"
            )

    def holds(self, instant: pl.Expr) -> pl.Expr:
        """Return whether each instant lies in [start, end)."""
        return (instant >= instant_literal(self.start)) & (instant < instant_literal(self.end))


@dataclass(frozen=True)
class Fold:
    """One evaluation instant: history before `cutoff`, labels in [cutoff + gap, cutoff + gap + horizon).

    Time:
        `as_of` is when the evaluation itself happens: labels not known before it do not exist yet.
    """

    cutoff: datetime
    horizon: timedelta
    as_of: datetime
    gap: timedelta = timedelta()

    @property
    def label_window(self) -> Window:
        """Where labels have their `event_time`."""
        start = self.cutoff + self.gap
        return Window(start, start + self.horizon)

    def is_history(self) -> pl.Expr:
        """Rows known before the cutoff."""
        return known_before(self.cutoff)

    def is_label(self) -> pl.Expr:
        """Rows of the label window that are not history and are known before `as_of`."""
        return ~self.is_history() & self.label_window.holds(pl.col("event_time")) & known_before(self.as_of)

    def is_late(self) -> pl.Expr:
        """Rows that happened before the label window but became known only after the cutoff."""
        return ~self.is_history() & (pl.col("event_time") < instant_literal(self.label_window.start))

    def is_after(self) -> pl.Expr:
        """Everything else: past the label window, or in it and not yet known."""
        return ~self.is_history() & ~self.is_label() & ~self.is_late()


def known_before(as_of: datetime) -> pl.Expr:
    """Return the one condition under which a row may be seen: `known_at < as_of`."""
    return pl.col("known_at") < instant_literal(as_of)


def rolling_cutoffs(end: datetime, horizon: timedelta, n_cutoffs: int, gap: timedelta = timedelta()) -> list[datetime]:
    """Place `n_cutoffs` evaluation instants so that their label windows tile the time before `end`.

    Label windows do not overlap and the last one ends at `end`, so every label is mature then.

    Args:
        end: the first instant that no label may reach.
        horizon: length of each label window.
        n_cutoffs: how many; at least 1.
        gap: embargo between cutoff and labels.

    Returns:
        Cutoffs in ascending order.

    Raises:
        ConfigError: if there is to be no cutoff, or the first would lie before the year 1.

    Source:
        Rolling-origin evaluation, Tashman 2000, doi:10.1016/S0169-2070(00)00065-0.

    Example:
        >>> from datetime import UTC
        >>> end = datetime(2011, 12, 1, tzinfo=UTC)
        >>> [c.day for c in rolling_cutoffs(end, timedelta(days=7), 2)]
        [17, 24]
    """
    if n_cutoffs < 1:
        raise ConfigError(f"n_cutoffs is {n_cutoffs}; at least 1 is needed")
    try:
        return [end - gap - horizon * (n_cutoffs - i) for i in range(n_cutoffs)]
    except OverflowError as error:
        raise ConfigError(
            f"{n_cutoffs} window(s) of {format_duration(horizon)} before {format_instant(end)} reach back beyond the "
            "year 1; take fewer or shorter ones"
        ) from error
