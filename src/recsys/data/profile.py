"""What a log looks like: volume, types, repeats, novelty, rhythm and lateness, as known at one instant.

Every share is a fraction in [0, 1] and every duration is in days. A measure that the log cannot give (no repeats, no
late events) is null, never zero.
"""

from datetime import date, datetime, timedelta

import polars as pl
from pydantic import BaseModel, ConfigDict

from recsys.data.profile_measures import code, event_types, intervals, novelty, repeats, rhythm, volume
from recsys.errors import DataError
from recsys.tables import EXPOSURE
from recsys.timeline import format_instant, known_before


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Quantiles(_Part):
    """Four quantiles of one measure, each a value that occurs."""

    p10: float
    p50: float
    p90: float
    p99: float


class TypeProfile(_Part):
    """One event type.

    Attributes:
        value_share: share of its events that have a value.
        repeat_share: share of its events with a user that follow an earlier one of the same user and item.
        repeat_days: days between the successive instants of one user and item.
    """

    event_type: str
    n_events: int
    n_users: int
    n_items: int
    value_share: float
    repeat_share: float | None
    repeat_days: Quantiles | None


class WeekProfile(_Part):
    """One week from Monday 00:00Z: how many users and items were active, and which share for the first time."""

    week: date
    n_events: int
    n_users: int
    n_items: int
    new_user_share: float | None
    new_item_share: float


class Profile(_Part):
    """A log as known at `as_of`; exposures are counted and then left aside, for they are no interactions.

    Attributes:
        n_catalogue_items: items of the item table, with or without events.
        anonymous_share: share of events with no user.
        filled_share: share of events that have each optional column.
        daily_p95: 95th percentile of events per day, days without events included.
        longest_gap_days: the longest run of whole days without an event; `longest_gap_from` is its first day.
        weekday_share: share of events by weekday, Monday first.
        month_index: events per day in each calendar month over those of the whole log; months not covered are absent.
        repeat_share: share of events with a user that follow an earlier one of the same user and item, of any type.
        repeat_days: days between the successive instants of one user and item.
        gap_days: days between the successive instants of one user.
        return_days: days between the successive active days of one user.
        resolution: the coarsest clock on which every event lies.
        late_share: share of events known later than they happened; `lag_days` is by how much, of those only.
        new_user_share: median over the later half of the weeks; likewise `new_item_share`.
    """

    as_of: datetime
    n_events: int
    n_exposures: int
    first_event: datetime
    last_event: datetime
    n_users: int
    n_items: int
    n_catalogue_items: int
    n_baskets: int
    n_markets: int
    anonymous_share: float
    filled_share: dict[str, float]
    event_types: tuple[TypeProfile, ...]
    daily_mean: float
    daily_p95: float
    longest_gap_days: int
    longest_gap_from: date | None
    weekday_share: tuple[float, ...]
    month_index: dict[int, float]
    repeat_share: float | None
    repeat_days: Quantiles | None
    gap_days: Quantiles | None
    return_days: Quantiles | None
    resolution: str
    late_share: float
    lag_days: Quantiles | None
    new_user_share: float | None
    new_item_share: float | None
    weeks: tuple[WeekProfile, ...]

    @property
    def span_days(self) -> float:
        """Days from the first event to the last."""
        return (self.last_event - self.first_event) / timedelta(days=1)


def profile_log(events_lf: pl.LazyFrame, items_lf: pl.LazyFrame, as_of: datetime) -> Profile:
    """Describe a log: the figures from which its configuration is chosen.

    Time:
        Reads events and item versions with `known_at < as_of`.

    Args:
        events_lf: rows of the event contract, in any order.
        items_lf: item versions.
        as_of: the logical now.

    Returns:
        The profile; rows that became known at or after `as_of` change nothing.

    Raises:
        DataError: if no interaction is known before `as_of`.
    """
    known_lf = events_lf.filter(known_before(as_of))
    interactions_lf = known_lf.filter(pl.col("event_type") != EXPOSURE)
    counts = volume(interactions_lf)
    if not counts["n_events"]:
        raise DataError(f"events: none is known before {format_instant(as_of)}; ingest earlier events or move --as-of")
    coded_lf = code(interactions_lf)
    n_known = known_lf.select(pl.len()).collect().item()
    catalogue_lf = items_lf.filter(known_before(as_of)).select(pl.col("item_id").n_unique())
    return Profile.model_validate(
        {
            "as_of": as_of,
            "n_exposures": n_known - counts["n_events"],
            "n_catalogue_items": catalogue_lf.collect().item(),
            "event_types": event_types(coded_lf),
            **counts,
            **rhythm(coded_lf),
            **repeats(coded_lf),
            **intervals(coded_lf),
            **novelty(coded_lf),
        }
    )
