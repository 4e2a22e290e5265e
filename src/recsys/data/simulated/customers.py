"""The users: their market, how often they come, when they join and sleep, and their drifting tastes."""

import numpy as np

from recsys.data.simulated.draws import CUSTOMERS, TASTES, Bools, Floats, Ints, softmax, stream
from recsys.data.simulated.seasons import Calendar
from recsys.data.simulated.settings import ShopSettings

_MEAN_SLEEP_DAYS = 60.0


class Customers:
    """All users as arrays by `user_idx`, and their state as functions of the day number."""

    def __init__(self, settings: ShopSettings, calendar: Calendar) -> None:
        self._settings = settings
        self._calendar = calendar
        rng = stream(settings.seed, CUSTOMERS)
        n, spread = settings.n_users, settings.activity_spread
        shares = np.array([market.share for market in settings.markets])
        self.market = rng.choice(len(shares), n, p=shares / shares.sum())
        self.rate = settings.sessions_per_day * rng.lognormal(-0.5 * spread**2, spread, n)
        is_new = rng.random(n) < settings.new_user_share
        self.joined = np.where(is_new, rng.integers(0, settings.n_days, n), 0)
        sleeps = rng.random(n) < settings.dormant_share
        self.asleep_from = self.joined + 14 + rng.integers(0, settings.n_days, n)
        self.asleep_to = self.asleep_from + np.where(sleeps, rng.geometric(1 / _MEAN_SLEEP_DAYS, n), 0)
        self._week = -1
        self._walk = np.zeros((n, settings.n_categories + settings.n_styles))

    def is_active(self, day: int) -> Bools:
        """Return whether each user has joined and is awake on the day."""
        asleep = (self.asleep_from <= day) & (day < self.asleep_to)
        return np.asarray((self.joined <= day) & ~asleep, dtype=np.bool_)

    def session_rates(self, day: int) -> Floats:
        """Return the expected number of sessions of each user on the day, `(n_users,)`."""
        busy = self._calendar.activity(day)[self.market]
        return np.asarray(self.rate * busy * self.is_active(day), dtype=np.float64)

    def walk(self, day: int) -> Floats:
        """Return all log preferences on the day: a random walk in weekly steps, categories first, then styles."""
        week = day // 7
        if week < self._week or self._week < 0:
            self._walk = self._step(0)
            self._week = 0
        while self._week < week:
            self._week += 1
            self._walk = self._walk + self._step(self._week)
        return self._walk

    def _step(self, week: int) -> Floats:
        scale = self._settings.drift if week else self._settings.taste_spread
        shape = (self._settings.n_users, self._settings.n_categories + self._settings.n_styles)
        return scale * stream(self._settings.seed, TASTES, week).standard_normal(shape)

    def tastes(self, day: int, users: Ints) -> tuple[Floats, Floats]:
        """Return P(category | user, day) `(n, n_categories)` and P(style | user, day) `(n, n_styles)`."""
        walk = self.walk(day)[users]
        n_categories = self._settings.n_categories
        season = self._calendar.category_logits(day)[self.market[users]]
        return softmax(walk[:, :n_categories] + season), softmax(walk[:, n_categories:])
