from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from recsys.errors import ConfigError, DataError
from recsys.evaluation import GroupSums, UserGroups, bootstrap


def users(n: int) -> pl.DataFrame:
    return pl.DataFrame({"user_id": [f"u{i:05d}" for i in range(n)], "user_idx": np.arange(n)})


def sums_of(*cutoffs: Sequence[float | None], max_groups: int = 10_000) -> dict[str, GroupSums]:
    who = users(len(cutoffs[0]))
    groups = UserGroups.build(who["user_id"], seed=0, max_groups=max_groups).at(who)
    frames = [who.select("user_idx", ndcg=pl.Series(values, dtype=pl.Float64)) for values in cutoffs]
    return {f"c{i}": groups.sum(frame, ["ndcg"]) for i, frame in enumerate(frames)}


def test_the_mean_is_that_of_the_users_and_cutoffs_count_equally() -> None:
    # the first cutoff has two scores, the second four: (0.5 + 0.0) / 2, not (1 + 0) / 6
    boot = bootstrap({"m": sums_of([1.0, 0.0, None, None], [0.0, 0.0, 0.0, 0.0])})
    assert boot.value("m", "ndcg").mean == 0.25
    assert boot.value("m", "ndcg", "c0").mean == 0.5
    assert boot.value("m", "ndcg").n_scores == 6


def test_the_interval_agrees_with_the_normal_one_on_many_users() -> None:
    values = np.random.default_rng(0).random(2000)
    low, high = bootstrap({"m": sums_of(list(values))}).value("m", "ndcg").interval()
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_groups_of_users_give_intervals_of_the_same_width() -> None:
    values = list(np.random.default_rng(0).random(20_000))
    single, grouped = (bootstrap({"m": sums_of(values, max_groups=n)}).value("m", "ndcg") for n in (20_000, 2_000))
    assert np.ptp(grouped.interval()) == pytest.approx(np.ptp(single.interval()), rel=0.1)


def test_the_influence_of_single_users_gives_the_exact_standard_error() -> None:
    values = [0.0, 0.25, 0.5, 1.0]
    value = bootstrap({"m": sums_of(values)}).value("m", "ndcg")
    assert np.sqrt(np.sum(value.influence**2)) == pytest.approx(np.std(values) / np.sqrt(4))


def test_a_user_seen_at_two_cutoffs_is_one_draw_and_not_two() -> None:
    # the same scores at both cutoffs tell nothing new: the interval must not shrink
    values = list(np.random.default_rng(0).random(300))
    once, twice = (bootstrap({"m": sums_of(*[values] * n)}).value("m", "ndcg").interval() for n in (1, 2))
    assert twice == pytest.approx(once)


def test_methods_share_their_draws() -> None:
    values = list(np.random.default_rng(0).random(50))
    boot = bootstrap({"a": sums_of(values), "b": sums_of([value + 1.0 for value in values])})
    assert boot.value("b", "ndcg").draws - boot.value("a", "ndcg").draws == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    sums = {"m": sums_of(list(np.random.default_rng(0).random(50)))}
    first, again, other = (bootstrap(sums, seed=seed).value("m", "ndcg").draws.tobytes() for seed in (3, 3, 4))
    assert first == again != other


def test_a_metric_that_nobody_has_is_nan_and_a_cutoff_without_it_is_left_out() -> None:
    boot = bootstrap({"m": sums_of([None, None], [0.25, 0.75]), "none": sums_of([None, None])})
    assert boot.value("m", "ndcg").mean == 0.5
    assert np.isnan([boot.value("none", "ndcg").mean, *boot.value("none", "ndcg").interval()]).all()


def test_resamples_without_any_scored_user_are_left_out_of_the_interval() -> None:
    value = bootstrap({"m": sums_of([0.5, None, None])}).value("m", "ndcg")
    assert np.isnan(value.draws).any()
    assert value.interval() == (0.5, 0.5)


@pytest.mark.parametrize(("key", "metric", "cutoff"), [("x", "ndcg", None), ("m", "map", None), ("m", "ndcg", "c7")])
def test_asking_for_what_is_not_there_is_an_error(key: str, metric: str, cutoff: str | None) -> None:
    with pytest.raises(ConfigError, match=f"there is no '{metric}' of '{key}'"):
        bootstrap({"m": sums_of([0.0, 1.0])}).value(key, metric, cutoff)


def test_too_few_resamples_are_refused() -> None:
    with pytest.raises(ConfigError, match="resamples is 99; at least 100"):
        bootstrap({"m": sums_of([0.0, 1.0])}, resamples=99)


def test_nothing_to_resample_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no scores to resample"):
        bootstrap({})


def test_sums_of_different_groups_cannot_be_paired() -> None:
    with pytest.raises(DataError, match=r"sums of \[2, 3\] groups cannot be paired"):
        bootstrap({"a": sums_of([0.0, 1.0]), "b": sums_of([0.0, 1.0, 1.0])})
