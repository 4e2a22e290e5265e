"""Search a finite grid of settings with optuna: tree-structured Parzen estimators, and no setting twice."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import IntDistribution

from recsys.search_space import Value

Setting = dict[str, Value]


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        best: the best setting; of equal ones the first.
        before: score of the first setting.
        after: score of the best one.
        n_tried: settings that were scored, each once.
        n_settings: settings of the grid.
    """

    best: Setting
    before: float
    after: float
    n_tried: int
    n_settings: int


def search(
    grid: Mapping[str, Sequence[Value]],
    first: Setting,
    score: Callable[[Setting], float],
    *,
    n_trials: int,
    seed: int,
) -> Search:
    """Score `n_trials` different settings of a grid, or all where it has fewer, and return the best.

    The first setting is scored first, so that the best one is never worse. A third of the others are drawn at random
    before the sampler learns from them. Where it proposes a setting again, one is drawn of those not yet scored.

    Args:
        grid: parameter -> its values, ascending.
        first: a setting of the grid.
        score: of a setting, the higher the better.
        n_trials: the budget, at least 1.
        seed: of the sampler; the same seed proposes the same settings for the same scores.

    Source:
        Bergstra et al. 2011 (TPE), over the places of values in their order; Akiba et al. 2019,
        doi:10.1145/3292500.3330701 (optuna).
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parzen = optuna.samplers.TPESampler(n_startup_trials=max(1, n_trials // 3), seed=seed)
    study = optuna.create_study(direction="maximize", sampler=parzen)
    study.enqueue_trial({name: list(values).index(first[name]) for name, values in grid.items()})
    places = {name: IntDistribution(0, len(values) - 1) for name, values in grid.items()}
    n_settings = math.prod(len(values) for values in grid.values())
    random = np.random.default_rng(seed)
    scores: dict[tuple[int, ...], float] = {}
    for _ in range(min(n_trials, n_settings)):
        trial = _ask(study, places, scores, random)
        point = tuple(trial.params[name] for name in grid)
        scores[point] = score({name: grid[name][place] for name, place in zip(grid, point, strict=True)})
        study.tell(trial, scores[point])
    best = max(scores, key=scores.__getitem__)
    found = {name: grid[name][place] for name, place in zip(grid, best, strict=True)}
    return Search(found, next(iter(scores.values())), scores[best], len(scores), n_settings)


def _ask(
    study: optuna.Study,
    places: Mapping[str, IntDistribution],
    scores: Mapping[tuple[int, ...], float],
    random: np.random.Generator,
) -> optuna.Trial:
    """Ask for a setting that was not scored yet."""
    trial = study.ask(dict(places))
    if tuple(trial.params[name] for name in places) not in scores:
        return trial
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    every = itertools.product(*(range(place.high + 1) for place in places.values()))
    unseen = [point for point in every if point not in scores]
    study.enqueue_trial(dict(zip(places, unseen[random.integers(len(unseen))], strict=True)))
    return study.ask(dict(places))
