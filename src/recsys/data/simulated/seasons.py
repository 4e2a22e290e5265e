"""Seasons and clocks: which categories a day favours, how busy it is, and at which hours users come."""

from datetime import UTC, datetime, timedelta

import numpy as np

from recsys.data.simulated.draws import SEASONS, Floats, Ints, stream
from recsys.data.simulated.settings import ShopSettings
from recsys.timeline import in_days

DAY = timedelta(days=1)
DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTERS = 96
_YEAR_DAYS = 365.25
# Busy-ness of the local hours 0 .. 23: nearly nobody at night, a rise at noon, most in the evening.
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 11, 13, 12, 10, 10, 11, 13, 16, 20, 22, 18, 10, 5], dtype=float)


class Calendar:
    """The seasons of every market, as functions of the day number (0 is the day of `start`)."""

    def __init__(self, settings: ShopSettings) -> None:
        rng = stream(settings.seed, SEASONS)
        self._strength = settings.seasonality
        self._first_day = (settings.start - _EPOCH) // DAY
        self._shift = np.array([in_days(market.season_shift) for market in settings.markets])
        self._year_peak = rng.permutation(settings.n_categories) * (_YEAR_DAYS / settings.n_categories)
        self._week_peak = rng.integers(0, 7, settings.n_categories)
        offsets = [market.utc_offset_hours for market in settings.markets]
        self._clock = np.stack([_clock(offset) for offset in offsets])

    def category_logits(self, day: int) -> Floats:
        """Return what the season adds to log preferences, `(n_markets, n_categories)`.

        Each category has its weeks of the year and its day of the week.
        """
        date = self._first_day + day
        year = np.cos(2 * np.pi * (date - self._shift[:, None] - self._year_peak) / _YEAR_DAYS)
        week = np.cos(2 * np.pi * (date + 3 - self._week_peak) / 7)
        return np.asarray(self._strength * (2.0 * year + week), dtype=np.float64)

    def activity(self, day: int) -> Floats:
        """Return how busy the day is, `(n_markets,)`: weekends, and the end of the year (with its summer or winter)."""
        date = self._first_day + day
        week = 0.4 * np.cos(2 * np.pi * (date + 3 - 5.5) / 7)
        year = 0.3 * np.cos(2 * np.pi * (date - self._shift + 15) / _YEAR_DAYS)
        return np.asarray(np.exp(self._strength * (week + year)), dtype=np.float64)

    def elapsed(self, days: float) -> Floats:
        """Return the share of a UTC day's sessions that start in its first `days` (0 to 1), `(n_markets,)`."""
        grid = np.linspace(0.0, 1.0, _QUARTERS + 1)
        return np.array([np.interp(days, grid, clock) for clock in self._clock])

    def time_of_day(self, market: Ints, uniform: Floats) -> Ints:
        """Turn uniforms into microseconds since UTC midnight, by the hours of each market."""
        grid = np.linspace(0.0, 1.0, _QUARTERS + 1)
        moments = np.empty(len(market))
        for index, clock in enumerate(self._clock):
            here = market == index
            moments[here] = np.interp(uniform[here], clock, grid)
        return np.minimum((moments * DAY_US).astype(np.int64), DAY_US - 1)


def _clock(utc_offset_hours: float) -> Floats:
    """Cumulative share of sessions at each quarter of an hour of the UTC day."""
    local_hour = (np.arange(_QUARTERS) / 4.0 + utc_offset_hours) % 24.0
    density = _HOURS[local_hour.astype(np.int64)]
    return np.concatenate([[0.0], density.cumsum() / density.sum()])
