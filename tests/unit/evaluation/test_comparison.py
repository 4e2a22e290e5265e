import numpy as np
import polars as pl
import pytest

from recsys.errors import ConfigError
from recsys.evaluation import Bootstrap, UserGroups, bootstrap, compare
from recsys.evaluation.comparison import holm


def resampled(**methods: list[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> Bootstrap:
    n = len(next(iter(methods.values())))
    who = pl.DataFrame({"user_id": [f"u{i:05d}" for i in range(n)], "user_idx": range(n)})
    groups = UserGroups.build(who["user_id"], seed=0).at(who)
    scores = {name: who.select("user_idx", ndcg=pl.Series(values)) for name, values in methods.items()}
    return bootstrap({name: {"c": groups.sum(frame, ["ndcg"])} for name, frame in scores.items()})


def test_the_effect_is_relative_to_the_other_method_and_scaled_by_the_paired_spread() -> None:
    old, new = np.array([0.2, 0.4, 0.2, 0.4]), np.array([0.3, 0.4, 0.4, 0.4])
    found = compare(resampled(old=old, new=new), [("new", "old")], metric="ndcg")[0]
    assert (found.method, found.against, found.metric) == ("new", "old", "ndcg")
    assert found.difference == pytest.approx(0.075)  # (0.1 + 0 + 0.2 + 0) / 4
    assert found.relative == pytest.approx(0.25)  # 0.075 / 0.3
    assert found.effect_size == pytest.approx(0.075 / np.std([0.1, 0.0, 0.2, 0.0]))


def test_a_clear_and_large_difference_is_decisive_in_both_directions() -> None:
    random = np.random.default_rng(0)
    old = random.random(500)
    boot = resampled(old=old, new=old + 0.05 + 0.01 * random.random(500))
    up, down = compare(boot, [("new", "old"), ("old", "new")], metric="ndcg")
    assert up.is_decisive
    assert down.is_decisive
    assert up.low is not None
    assert up.low > 0
    assert up.difference == -(down.difference or 0)


def test_a_certain_but_tiny_difference_is_not_decisive() -> None:
    old = np.random.default_rng(0).random(500) + 1
    found = compare(resampled(old=old, new=old * 1.005), [("new", "old")], metric="ndcg")[0]
    assert found.p_value < 0.01
    assert not found.is_decisive
    assert compare(resampled(old=old, new=old * 1.005), [("new", "old")], metric="ndcg", min_relative_effect=0.004)[
        0
    ].is_decisive


def test_a_large_but_uncertain_difference_is_not_decisive() -> None:
    found = compare(resampled(old=[0.0, 0.1, 0.9, 0.0], new=[0.9, 0.0, 0.2, 0.1]), [("new", "old")], metric="ndcg")[0]
    assert found.relative == pytest.approx(0.2)
    assert not found.is_decisive


def test_equal_methods_differ_by_nothing() -> None:
    same = [0.0, 0.5, 1.0]
    found = compare(resampled(old=same, new=same), [("new", "old")], metric="ndcg")[0]
    assert (found.difference, found.low, found.high, found.relative) == (0.0, 0.0, 0.0, 0.0)
    assert (found.effect_size, found.p_value, found.is_decisive) == (None, 1.0, False)


def test_nothing_is_relative_to_zero_and_any_certain_gain_over_it_is_decisive() -> None:
    boot = resampled(old=[0.0] * 30, new=[0.1] * 30)
    found = compare(boot, [("new", "old")], metric="ndcg")[0]
    assert (found.relative, found.relative_low, found.relative_high) == (None, None, None)
    assert found.is_decisive


def test_a_false_alarm_is_as_rare_as_promised() -> None:
    # 200 pairs of methods of equal expectation: at the 5 % level about 10 p-values below, never 24 (p < 1e-4)
    random = np.random.default_rng(0)
    methods = {f"m{i}": random.random(200) for i in range(400)}
    boot = resampled(**methods)
    found = [compare(boot, [(f"m{2 * i}", f"m{2 * i + 1}")], metric="ndcg")[0].p_value for i in range(200)]
    assert 1 <= sum(p < 0.05 for p in found) < 24


def test_more_planned_comparisons_ask_for_more_evidence() -> None:
    random = np.random.default_rng(1)
    old = random.random(200)
    boot = resampled(old=old, new=old + 0.05 * random.normal(size=200) + 0.009, other=old)
    alone = compare(boot, [("new", "old")], metric="ndcg")[0]
    among = compare(boot, [("new", "old"), ("other", "old"), ("old", "other")], metric="ndcg")[0]
    assert alone.p_adjusted == alone.p_value
    assert among.p_adjusted == pytest.approx(3 * alone.p_value)


def test_holm_multiplies_by_the_comparisons_left_and_never_decreases() -> None:
    # ascending 0.01 x 4, 0.02 x 3, 0.025 x 2 -> raised to 0.06, 0.9 x 1
    assert holm([0.9, 0.01, 0.025, 0.02]) == pytest.approx([0.9, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_negative_minimum_effect_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"min_relative_effect is -0\.01"):
        compare(resampled(old=[0.0, 1.0], new=[0.0, 1.0]), [], metric="ndcg", min_relative_effect=-0.01)
