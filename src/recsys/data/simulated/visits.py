"""The sessions of one day and what is looked at in them."""

from dataclasses import dataclass

import numpy as np

from recsys.data.simulated.draws import Bools, Floats, Ints, pick, uniforms
from recsys.data.simulated.seasons import DAY_US
from recsys.data.simulated.world import World

_SHORTEST_US, _LONGEST_US = 5 * 60_000_000, 45 * 60_000_000


@dataclass(frozen=True)
class Visits:
    """Sessions of a day, one row each; instants are microseconds since its midnight."""

    user: Ints
    begin_us: Ints
    length_us: Floats
    """No session reaches past midnight, so a day's sessions are a day's events."""


@dataclass(frozen=True)
class Looks:
    """Views, one row each: in which visit, of which item, at which position (0: not from an exposure)."""

    visit: Ints
    item: Ints
    position: Ints
    is_certain: Bools
    """Whether the view ends in a purchase for sure, as that of a staple does."""


@dataclass(frozen=True)
class Exposures:
    """Shown items, one row each: in which visit, which item, where, and how probable that was."""

    visit: Ints
    item: Ints
    position: Ints
    propensity: Floats


def draw_visits(world: World, day: int, history: int, rng: np.random.Generator) -> tuple[Visits, Looks, Exposures]:
    """Draw the day: Poisson many sessions for browsing (some begin with a slate), and one per user who restocks."""
    rates = world.customers.session_rates(day).cumsum()
    n_browsing = rng.poisson(rates[-1])
    user = np.searchsorted(rates, uniforms(rng, n_browsing) * rates[-1], side="right")
    by_category, by_style = world.customers.tastes(day, user)
    browsed = _browse(world, day, rng, (user, by_category, by_style))
    exposures, clicked = _show(world, day, rng, (user, by_category, by_style))
    staples = world.staples.due(day, history)
    restocking, visit = np.unique(world.staples.user[staples], return_inverse=True)
    n_staples = np.zeros(len(staples), dtype=np.int64)
    restocked = Looks(visit + n_browsing, world.staples.item[staples], n_staples, n_staples == 0)
    moments = np.concatenate([rng.random(n_browsing), world.staples.moment(day, history, restocking)])
    visits = _timed(world, np.concatenate([user, restocking]), moments, rng)
    return visits, _joined([browsed, clicked, restocked]), exposures


_Tasted = tuple[Ints, Floats, Floats]
"""The users of the browsing sessions, P(category) and P(style) of each."""


def _timed(world: World, user: Ints, moments: Floats, rng: np.random.Generator) -> Visits:
    begin = world.calendar.time_of_day(world.customers.market[user], moments)
    length = rng.uniform(_SHORTEST_US, _LONGEST_US, len(user))
    return Visits(user, begin, length * np.minimum((DAY_US - 1 - begin) / _LONGEST_US, 1.0))


def _browse(world: World, day: int, rng: np.random.Generator, tasted: _Tasted) -> Looks:
    """A session has one theme, a category and a style, and views items of it; an empty theme leaves no view."""
    user, by_category, by_style = tasted
    theme = pick(rng, by_category) * world.settings.n_styles + pick(rng, by_style)
    n_views = 1 + rng.poisson(world.settings.views_per_session - 1.0, len(user))
    visit = np.repeat(np.arange(len(user)), n_views)
    market = world.customers.market[user]
    item = world.catalogue.draw(rng, market[visit], theme[visit], world.catalogue.weights(day))
    found = item >= 0
    zeros = np.zeros(int(found.sum()), dtype=np.int64)
    return Looks(visit[found], item[found], zeros, zeros == 1)


def _show(world: World, day: int, rng: np.random.Generator, tasted: _Tasted) -> tuple[Exposures, Looks]:
    """Show slates; an item is viewed if its position is examined and it attracts the user."""
    user, by_category, by_style = tasted
    shown = np.flatnonzero(rng.random(len(user)) < world.settings.shown_share)
    items, propensities = world.policy.draw(rng, world.customers.market[user[shown]], day)
    n_positions = items.shape[1]
    visit, item = np.repeat(shown, n_positions), items.ravel()
    position = np.tile(np.arange(1, n_positions + 1), len(shown))
    exposures = Exposures(visit, item, position, propensities.ravel())
    attraction = world.attraction(
        by_category[visit, world.catalogue.category[item]], by_style[visit, world.catalogue.style[item]]
    )
    examined = position**-world.settings.position_bias
    viewed = rng.random(len(item)) < examined * attraction
    return exposures, Looks(visit[viewed], item[viewed], position[viewed], np.zeros(int(viewed.sum()), dtype=np.bool_))


def _joined(parts: list[Looks]) -> Looks:
    return Looks(
        np.concatenate([part.visit for part in parts]),
        np.concatenate([part.item for part in parts]),
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.is_certain for part in parts]),
    )
