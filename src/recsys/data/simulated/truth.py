"""What is expected: rewards in closed form, from the same quantities that draw the events."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsys.data.simulated.draws import Bools, Floats, Ints
from recsys.data.simulated.world import World
from recsys.errors import ConfigError

REWARDED = ("view", "cart", "purchase", "return")
"""The steps of the funnel, which may be rewarded."""


@dataclass(frozen=True)
class Payoff:
    """Expected reward per view of each item, `(n_items,)`: of a view that may lead on, and of a staple's view."""

    browsed: Floats
    restocked: Floats


def payoff(world: World, weights: Mapping[str, float]) -> Payoff:
    """Return the expected reward that follows from one view of each item.

    Raises:
        ConfigError: if a weight is of an event type that the funnel does not have.
    """
    unknown = sorted(set(weights) - set(REWARDED))
    if unknown:
        raise ConfigError(
            f"weights: {len(unknown)} event type(s) earn no reward, first {unknown[0]!r}; use {', '.join(REWARDED)}"
        )
    view, cart, purchase, back = (weights.get(name, 0.0) for name in REWARDED)
    items = world.catalogue
    bought = purchase + items.return_prob * back
    return Payoff(view + items.cart_prob * (cart + items.buy_prob * bought), view + cart + bought)


@dataclass(frozen=True)
class _Day:
    """What a day of the span adds: `part` `(n_markets,)` of its sessions, and per market and item `(n_markets, n)`."""

    day: int
    part: Floats
    shares: Floats
    examined: Floats


class Expectation:
    """Expected views in the half-open span [begin, end), in days since the start, of chosen items."""

    def __init__(self, world: World, items: Ints, begin: float, end: float) -> None:
        self._world, self._items, self._begin = world, items, begin
        settings = world.settings
        self._days = [
            _Day(
                day,
                world.calendar.elapsed(min(end - day, 1.0)) - world.calendar.elapsed(max(begin - day, 0.0)),
                settings.views_per_session * world.catalogue.cell_shares(day)[:, items],
                settings.shown_share * world.policy.examination(day)[:, items],
            )
            for day in range(int(begin), int(np.ceil(end)))
        ]

    def browsed(self, users: Ints) -> Floats:
        """Return the expected views in browsing sessions, by theme and by exposure, `(n_users, n_items)`."""
        world, market = self._world, self._world.customers.market[users]
        category, style = world.catalogue.category[self._items], world.catalogue.style[self._items]
        views = np.zeros((len(users), len(self._items)))
        for day in self._days:
            by_category, by_style = (part.T for part in world.customers.tastes(day.day, users))
            sessions = world.customers.session_rates(day.day)[users] * day.part[market]
            of_category, of_style = by_category[category].T, by_style[style].T
            per_session = of_category * of_style * day.shares[market]
            per_session += world.attraction(of_category, of_style) * day.examined[market]
            views += sessions[:, None] * per_session
        return views

    def restocked(self, users: Ints, history: int) -> Floats:
        """Return the expected views of staples, given which needs have arisen before the span, `(n_users, n_items)`."""
        world = self._world
        row, column = _places(users, world.settings.n_users), _places(self._items, world.settings.n_items)
        chosen = np.flatnonzero((row[world.staples.user] >= 0) & (column[world.staples.item] >= 0))
        market = world.customers.market[world.staples.user[chosen]]
        current = world.staples.cycle(int(self._begin), chosen)
        update = self._update(chosen, history)
        bought = np.zeros(len(chosen))
        for day in self._days:
            prob = world.staples.need_prob(day.day, chosen) * world.staples.is_possible(day.day, chosen)
            same_cycle = world.staples.cycle(day.day, chosen) == current
            bought += prob * day.part[market] * np.where(same_cycle, update, 1.0)
        views = np.zeros((len(users), len(self._items)))
        np.add.at(views, (row[world.staples.user[chosen]], column[world.staples.item[chosen]]), bought)
        return views

    def _update(self, staples: Ints, history: int) -> Floats:
        """The factor of Bayes for needs of the cycle in progress: 0 if arisen, else 1 / P(not arisen so far)."""
        world, today = self._world, int(self._begin)
        user = world.staples.user[staples]
        elapsed = world.calendar.elapsed(self._begin - today)[world.customers.market[user]]
        arises = world.staples.needed_on(today, history, staples)
        is_past: Bools = (arises == today) & (world.staples.moment(today, history, user) < elapsed)
        is_past |= arises < today
        so_far = world.staples.passed_prob(today, staples) + world.staples.need_prob(today, staples) * elapsed
        return np.where(is_past, 0.0, 1.0 / (1.0 - so_far))


def _places(chosen: Ints, n: int) -> Ints:
    """Return where each index stands in `chosen`, -1 where it does not."""
    places = np.full(n, -1, dtype=np.int64)
    places[chosen] = np.arange(len(chosen))
    return places


def exposure_views(world: World, users: Ints, items: Ints, day: int) -> Floats:
    """Return P(view | examined) of each item shown to each user on the day, `(n_users, n_items)`."""
    by_category, by_style = world.customers.tastes(day, users)
    category, style = world.catalogue.category[items], world.catalogue.style[items]
    return world.attraction(by_category[:, category], by_style[:, style])
