"""Staples: the goods that a user buys again and again, each in its own cycle.

A staple s of a user has a period tau and a phase. In cycle n the user needs it once with probability q, at the time

    phase + n * tau + width * tau * (h1 + h2 - 1),      h1, h2 uniform: a triangle around the due time,

and buys it then if she is awake and it is on the shelf. Needs are hashes of (staple, cycle), so any day can be
generated without the days before it.
"""

import numpy as np

from recsys.data.simulated.catalogue import Catalogue
from recsys.data.simulated.customers import Customers
from recsys.data.simulated.draws import NEEDS, STAPLES, Bools, Floats, Ints, hashed_uniform, pick, softmax, stream
from recsys.data.simulated.settings import ShopSettings
from recsys.timeline import in_days

_NEED_PROB = 0.9
_WIDTH = 0.2
_MEAN_LIFE_DAYS = 150.0


class Staples:
    """All staples of all users as arrays, sorted by user."""

    def __init__(self, settings: ShopSettings, catalogue: Catalogue, customers: Customers) -> None:
        rng = stream(settings.seed, STAPLES)
        self._catalogue, self._customers = catalogue, customers
        self._seed = settings.seed
        user, item = _choose(settings, catalogue, customers, rng)
        intervals = np.array([in_days(kind.interval) if kind.interval else 0.0 for kind in settings.kinds])
        self.user, self.item = user, item
        self.interval = np.maximum(intervals[catalogue.kind[item]] * rng.lognormal(0.0, 0.25, len(user)), 5.0)
        self.phase = rng.random(len(user)) * self.interval
        first = customers.joined[user]
        self.begin = np.where(rng.random(len(user)) < 0.5, first, first + rng.integers(0, settings.n_days, len(user)))
        self.end = self.begin + rng.exponential(_MEAN_LIFE_DAYS, len(user)).astype(np.int64) + 1

    def is_possible(self, day: int, staples: Ints | slice = slice(None)) -> Bools:
        """Return whether a need for each staple that arises on the day becomes a purchase."""
        running = (self.begin[staples] <= day) & (day < self.end[staples])
        awake = self._customers.is_active(day)[self.user[staples]]
        return np.asarray(running & awake & self._catalogue.is_available(day)[self.item[staples]], dtype=np.bool_)

    def cycle(self, day: int, staples: Ints | slice = slice(None)) -> Ints:
        """Return the cycle in which each staple is on the day."""
        position = (day + 0.5 - self.phase[staples]) / self.interval[staples]
        return np.asarray(np.rint(position), dtype=np.int64)

    def need_prob(self, day: int, staples: Ints | slice = slice(None)) -> Floats:
        """Return the probability that the need of the day's cycle falls on the day."""
        cycle = self.cycle(day, staples)
        on_day = self._passed(day + 1.0, cycle, staples) - self._passed(float(day), cycle, staples)
        return np.asarray(_NEED_PROB * on_day, dtype=np.float64)

    def passed_prob(self, day: int, staples: Ints | slice = slice(None)) -> Floats:
        """Return the probability that the need of the day's cycle fell on an earlier day."""
        return _NEED_PROB * self._passed(float(day), self.cycle(day, staples), staples)

    def _passed(self, days: float, cycle: Ints, staples: Ints | slice) -> Floats:
        """Distribution function of the triangle around the due time of the cycle."""
        interval = self.interval[staples]
        x = np.clip((days - self.phase[staples] - cycle * interval) / (_WIDTH * interval), -1.0, 1.0)
        return np.asarray(np.where(x < 0.0, 0.5 * (1.0 + x) ** 2, 1.0 - 0.5 * (1.0 - x) ** 2), dtype=np.float64)

    def needed_on(self, day: int, history: int, staples: Ints) -> Ints:
        """Return the day on which the need of the day's cycle falls, or a day past all days if there is none."""
        cycle = self.cycle(day, staples)
        h1, h2, h3 = (hashed_uniform((self._seed, NEEDS, history, part), staples, cycle) for part in range(3))
        moment = self.phase[staples] + self.interval[staples] * (cycle + _WIDTH * (h1 + h2 - 1.0))
        never = np.iinfo(np.int64).max
        return np.asarray(np.where(h3 < _NEED_PROB, np.floor(moment).astype(np.int64), never), dtype=np.int64)

    def moment(self, day: int, history: int, users: Ints) -> Floats:
        """Return the uniform that sets the time of day at which each user buys all staples of the day."""
        return hashed_uniform((self._seed, NEEDS, history, 3), users, np.full_like(users, day))

    def due(self, day: int, history: int) -> Ints:
        """Return the staples bought on the day, ascending."""
        possible = np.flatnonzero(self.is_possible(day) & (self.need_prob(day) > 0.0))
        return np.asarray(possible[self.needed_on(day, history, possible) == day], dtype=np.int64)


def _choose(
    settings: ShopSettings, catalogue: Catalogue, customers: Customers, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Draw each user's staples by taste, among the goods of repeated kinds that were on the shelf at the start."""
    repeated = np.array([kind.interval is not None for kind in settings.kinds])
    is_staple = repeated[catalogue.kind] & (catalogue.launch <= 0)
    weights = catalogue.base_weight * is_staple
    user = np.repeat(np.arange(settings.n_users), rng.poisson(settings.staples_per_user, settings.n_users))
    walk = customers.walk(0)[user]
    has_staples = np.bincount(catalogue.category[is_staple], minlength=settings.n_categories) > 0
    if not has_staples.any():
        return user[:0], user[:0]
    logits = np.where(has_staples, walk[:, : settings.n_categories], -np.inf)
    category, style = (pick(rng, softmax(part)) for part in (logits, walk[:, settings.n_categories :]))
    item = catalogue.draw(rng, customers.market[user], category * settings.n_styles + style, weights)
    return user[item >= 0], item[item >= 0]
