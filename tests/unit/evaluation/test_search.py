"""A budget is spent to the last trial, the first setting comes first, and none comes twice."""

from collections.abc import Callable, Sequence

import pytest

from recsys.evaluation.search import Search, Setting, search
from recsys.search_space import Value

GRID: dict[str, Sequence[Value]] = {"a": tuple(range(10)), "b": ("1d", "7d", "30d", "none")}
FIRST: Setting = {"a": 4, "b": "7d"}


def by_hand(setting: Setting) -> float:
    """Prefer a large a, and no decay."""
    return float(setting["a"]) + 5 * (setting["b"] == "none")


def asked(n_trials: int, seed: int = 0, score: Callable[[Setting], float] = by_hand) -> tuple[Search, list[Setting]]:
    """Search, and return what was scored too."""
    scored: list[Setting] = []

    def noted(setting: Setting) -> float:
        scored.append(setting)
        return score(setting)

    return search(GRID, FIRST, noted, n_trials=n_trials, seed=seed), scored


@pytest.mark.parametrize("n_trials", [1, 2, 7, 39, 40, 41, 100])
def test_the_budget_is_spent_on_different_settings_up_to_all_there_are(n_trials: int) -> None:
    found, scored = asked(n_trials)
    assert len(scored) == found.n_tried == min(n_trials, 40)
    assert len({tuple(one.values()) for one in scored}) == len(scored)
    assert scored[0] == FIRST
    assert found.n_settings == 40
    assert found.before == 4.0


def test_all_settings_hold_the_best_one() -> None:
    found, _ = asked(40)
    assert (found.best, found.after) == ({"a": 9, "b": "none"}, 14.0)


def test_what_was_learned_guides_the_search() -> None:
    # Of 16 settings, 16 drawn at random would hold 4 with none; the sampler learns that they are better.
    means = [sum(one["b"] == "none" for one in asked(16, seed)[1]) for seed in range(5)]
    assert sum(means) / 5 > 5


def test_of_equal_settings_the_first_is_kept() -> None:
    found, _ = asked(40, score=lambda setting: 1.0)
    assert (found.best, found.before, found.after) == (FIRST, 1.0, 1.0)


def test_the_same_seed_asks_the_same_and_another_one_asks_differently() -> None:
    assert asked(12)[1] == asked(12)[1]
    assert asked(12)[1] != asked(12, seed=1)[1]


def test_without_parameters_the_one_setting_is_scored_once() -> None:
    calls: list[Setting] = []

    def score(setting: Setting) -> float:
        calls.append(setting)
        return 0.5

    assert search({}, {}, score, n_trials=5, seed=0) == Search({}, 0.5, 0.5, n_tried=1, n_settings=1)
    assert calls == [{}]
