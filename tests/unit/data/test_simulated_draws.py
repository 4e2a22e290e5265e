import numpy as np
import pytest

from recsys.data.simulated.draws import hashed_uniform, pick, softmax, stream


def test_streams_of_two_purposes_are_independent_and_each_is_reproducible() -> None:
    assert stream(1, 2, 3).random() == stream(1, 2, 3).random()
    assert stream(1, 2, 3).random() != stream(1, 3, 2).random()


def test_hashed_uniforms_are_uniform_along_each_counter() -> None:
    rows, columns = (grid.ravel() for grid in np.meshgrid(np.arange(200), np.arange(200)))
    draws = hashed_uniform((5,), rows, columns)
    # 40,000 draws in 10 bins: 4,000 each with standard deviation 60; 5 of those is 300.
    counts = np.histogram(draws, bins=10, range=(0.0, 1.0))[0]
    assert np.abs(counts - 4_000).max() < 300
    # Means along a row of 200 have standard deviation 0.289 / sqrt(200) = 0.0204; 5 of those is 0.102.
    for axis in (0, 1):
        assert np.abs(draws.reshape(200, 200).mean(axis=axis) - 0.5).max() < 0.102


def test_hashed_uniforms_change_with_key_and_order_of_counters() -> None:
    one, two = np.array([1]), np.array([2])
    draws = [hashed_uniform((5,), one, two), hashed_uniform((6,), one, two), hashed_uniform((5,), two, one)]
    assert len({draw.item() for draw in draws}) == 3


def test_softmax_gives_the_shares_of_weights() -> None:
    # Weights 1 and 3, whatever constant is added.
    assert softmax(np.log([[1.0, 3.0]]) + 700.0)[0].tolist() == pytest.approx([0.25, 0.75])


def test_pick_draws_columns_in_their_proportions_and_never_an_impossible_one() -> None:
    table = np.tile([0.0, 0.2, 0.0, 0.8, 0.0], (10_000, 1))
    counts = np.bincount(pick(stream(3), table), minlength=5)
    assert counts[[0, 2, 4]].tolist() == [0, 0, 0]
    # 2,000 expected with standard deviation 40.
    assert abs(counts[1] - 2_000) < 200
