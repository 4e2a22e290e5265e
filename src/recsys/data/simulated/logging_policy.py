"""The logging policy: who puts which item at which position, and with which probability.

The shop ranks the available items of a market by their weight of the day and draws a slate from a Plackett-Luce
(softmax without replacement) distribution over the ranks r = 1 .. n:

    P(rank r at position p | those above) = a_r / (1 - sum of a over those above),   a_r proportional to 1 / (L + r)

with L the size of the slate. This is the propensity that exposures carry. The chance that rank r stands at position p
whoever is above has a closed form by exponential clocks (each rank rings at rate a_r, the order of ringing is a
Plackett-Luce order): with N(t) the number of other ranks that rang before t, a Poisson-binomial variable,

    P(rank r at position p) = integral over t of a_r exp(-a_r t) P(N(t) = p - 1).

The integral is taken by the trapezoidal rule in log t, to an error below 1e-9. Weights by rank rather than by
popularity, and slates of at most half the available items, bound the largest a_r, which keeps the sum stable.
"""

from functools import lru_cache

import numpy as np

from recsys.data.simulated.catalogue import Catalogue
from recsys.data.simulated.draws import Floats, Ints, uniforms
from recsys.data.simulated.settings import ShopSettings

_NEGLIGIBLE = 1e-18


def n_positions(n_available: int, slate_size: int) -> int:
    """Return how long slates are: at most `slate_size`, and at most half of what is available."""
    return min(slate_size, (n_available + 1) // 2)


def rank_probs(n_available: int, slate_size: int) -> Floats:
    """Return the probability of each rank at the first position, `(n_available,)`."""
    weights = 1.0 / (slate_size + 1.0 + np.arange(n_available))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def draw_slates(rng: np.random.Generator, n_slates: int, n_available: int, slate_size: int) -> tuple[Ints, Floats]:
    """Draw slates of ranks and their propensities, both `(n_slates, n_positions)`.

    A draw that repeats a rank above is drawn again, which is exactly the draw from those that are left.

    Returns:
        Ranks from 0, and P(rank at its position | those above).
    """
    probs = rank_probs(n_available, slate_size)
    cumulative = probs.cumsum()
    size = n_positions(n_available, slate_size)
    ranks = np.full((n_slates, size), -1, dtype=np.int64)
    left = np.ones((n_slates, size))
    for position in range(size):
        todo = np.arange(n_slates)
        while len(todo):
            drawn = np.searchsorted(cumulative, uniforms(rng, len(todo)) * cumulative[-1], side="right")
            ranks[todo, position] = drawn
            todo = todo[(ranks[todo, :position] == drawn[:, None]).any(axis=1)]
        left[:, position] = 1.0 - probs[ranks[:, :position]].sum(axis=1)
    return ranks, probs[ranks] / left


@lru_cache(maxsize=512)
def examination_probs(n_available: int, slate_size: int, position_bias: float) -> Floats:
    """Return the probability that each rank is shown and examined in a slate, `(n_available,)`.

    sum over positions p of p^(-position_bias) * P(rank at position p).

    Example:
        >>> examination_probs(2, 1, 1.0).round(6).tolist()  # weights 1/2 and 1/3
        [0.6, 0.4]
    """
    size = n_positions(n_available, slate_size)
    probs = rank_probs(n_available, slate_size)
    step = 0.25
    times = np.exp(np.arange(-24.0, 16.0, step))
    rung = _rung_before(probs, times, size)
    matters = rung.sum(axis=0) > _NEGLIGIBLE
    times, rung = times[matters], rung[:, matters]
    examined = np.zeros(n_available)
    missing = np.exp(-np.outer(probs, times))
    others = np.zeros_like(missing)
    for position in range(size):
        others = (rung[position] - (1.0 - missing) * others) / missing
        examined += (position + 1.0) ** -position_bias * (missing * others * times).sum(axis=1)
    return examined * probs * step


def _rung_before(probs: Floats, times: Floats, size: int) -> Floats:
    """P(exactly j of all ranks rang before t) for j below `size`, `(size, n_times)`."""
    counts = np.zeros((size, len(times)))
    counts[:1] = 1.0
    for prob in probs:
        missing = np.exp(-prob * times)
        counts[1:] = missing * counts[1:] + (1.0 - missing) * counts[:-1]
        counts[:1] *= missing
    return counts


class LoggingPolicy:
    """The policy applied to the catalogue of a day."""

    def __init__(self, settings: ShopSettings, catalogue: Catalogue) -> None:
        self._settings, self._catalogue = settings, catalogue

    def order(self, day: int) -> Ints:
        """Return the available items of each market by falling weight, `(n_markets, n_available)`."""
        n_available = int(self._catalogue.is_available(day).sum())
        return np.argsort(-self._catalogue.weights(day), axis=1, kind="stable")[:, :n_available]

    def draw(self, rng: np.random.Generator, market: Ints, day: int) -> tuple[Ints, Floats]:
        """Draw one slate per row of `market`: items and propensities, both `(n, n_positions)`."""
        order = self.order(day)
        ranks, propensities = draw_slates(rng, len(market), order.shape[1], self._settings.slate_size)
        return order[market[:, None], ranks], propensities

    def examination(self, day: int) -> Floats:
        """Return the probability that each item is shown and examined in a slate of the day, `(n_markets, n_items)`."""
        order = self.order(day)
        by_rank = examination_probs(order.shape[1], self._settings.slate_size, self._settings.position_bias)
        examined = np.zeros((len(order), self._settings.n_items))
        np.put_along_axis(examined, order, np.broadcast_to(by_rank, order.shape), axis=1)
        return examined
