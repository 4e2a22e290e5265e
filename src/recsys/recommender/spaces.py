"""What of each rung can be tuned, and how a source takes a setting: a parameter is an attribute of the source."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from recsys.candidates import CandidateSource, ItemList
from recsys.search_space import HalfLives, Numbers, Space, Spans, Value, read_values, written


def _days(*days: int) -> Spans:
    return Spans(tuple(timedelta(days=d) for d in days))


_SEEDS = Numbers((10, 30, 50, 100))
_NEIGHBOURS = Numbers((25, 50, 100, 200, 400))
_SHRINK = Numbers((0.3, 1.0, 3.0, 10.0, 30.0))

_HALF_LIFE: Space = {"half_life": HalfLives()}
_COVISITS: Space = {
    "half_life": HalfLives("covisits"),
    "seed_half_life": HalfLives(),
    "n_seeds": _SEEDS,
    "n_neighbours": _NEIGHBOURS,
    "shrink": _SHRINK,
}

SPACES: Mapping[str, Space] = {
    "popularity_window": {"window": _days(3, 7, 14, 28, 56)},
    "popularity_decayed": _HALF_LIFE,
    "trending": {"fast": HalfLives(), "slow": HalfLives()},
    "season": {"window": _days(7, 14, 28, 56)},
    "new_arrivals": {"window": _days(7, 14, 30, 60, 90)},
    "market_popularity": _HALF_LIFE,
    "category_popularity": {
        "half_life": HalfLives(),
        "user_half_life": HalfLives(),
        "depth": Numbers((50, 100, 200)),
    },
    "covisits": _COVISITS,
    "covisits_forward": _COVISITS,
    "covisits_typed": _COVISITS,
    "covisits_bought": _COVISITS,
    "covisits_latest": _COVISITS,
    "together": {**_COVISITS, "half_life": HalfLives()},
    "content": {"half_life": HalfLives(), "n_factors": Numbers((32, 64, 128))},
    "factors": {
        "half_life": HalfLives(or_none=True),
        "n_factors": Numbers((32, 64, 128)),
        "n_iterations": Numbers((6, 12, 20)),
        "alpha": Numbers((1.0, 3.0, 10.0, 30.0)),
        "regularization": Numbers((0.005, 0.02, 0.05, 0.2, 1.0)),
    },
    "neighbours": {"half_life": HalfLives(), "n_neighbours": _NEIGHBOURS},
    "personal": {"half_life": HalfLives(), "gamma": Numbers((0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0))},
    "repurchase": {"half_life": HalfLives(), "prior": Numbers((0.5, 1.0, 2.0, 4.0, 8.0))},
}
"""Rung -> its space; a rung that is not here has nothing to tune."""


def parameters_of(source: CandidateSource, space: Space) -> dict[str, Value]:
    """Return what a source has of a space, as a configuration writes it."""
    holder = source.scorer if isinstance(source, ItemList) else source
    return {name: written(getattr(holder, name)) for name in space}


def with_parameters(source: CandidateSource, space: Space, values: Mapping[str, Value]) -> CandidateSource:
    """Return a source with other parameters.

    Args:
        source: any variant of the rung.
        space: of the rung.
        values: of all parameters of the space.

    Raises:
        ConfigError: if one is missing, unknown or wrong.
    """
    read = read_values(space, values)
    if isinstance(source, ItemList):
        return replace(source, scorer=replace(cast(Any, source.scorer), **read))
    return cast(CandidateSource, replace(cast(Any, source), **read))
