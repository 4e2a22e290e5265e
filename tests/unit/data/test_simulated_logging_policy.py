from itertools import permutations

import numpy as np
import pytest

from recsys.data.simulated.draws import Floats, stream
from recsys.data.simulated.logging_policy import draw_slates, examination_probs, n_positions, rank_probs


def _enumerate(n_available: int, slate_size: int, position_bias: float) -> Floats:
    """The definition: walk through all slates with their probabilities."""
    probs = rank_probs(n_available, slate_size)
    examined = np.zeros(n_available)
    for slate in permutations(range(n_available), n_positions(n_available, slate_size)):
        chance, left = 1.0, 1.0
        for rank in slate:
            chance *= probs[rank] / left
            left -= probs[rank]
        for place, rank in enumerate(slate):
            examined[rank] += chance * (place + 1) ** -position_bias
    return examined


@pytest.mark.parametrize(("n_available", "slate_size"), [(1, 3), (2, 2), (3, 3), (5, 3), (7, 4), (8, 6)])
@pytest.mark.parametrize("position_bias", [0.0, 1.0])
def test_examination_equals_the_enumeration_of_all_slates(
    n_available: int, slate_size: int, position_bias: float
) -> None:
    closed = examination_probs(n_available, slate_size, position_bias)
    assert closed == pytest.approx(_enumerate(n_available, slate_size, position_bias), abs=1e-9)


@pytest.mark.parametrize(("n_available", "slate_size"), [(40, 20), (1_000, 6), (5_000, 10)])
def test_examination_adds_up_to_the_examined_positions(n_available: int, slate_size: int) -> None:
    # Whoever is shown, positions 1 .. L are examined with 1, 1/2, .. 1/L.
    total = sum(1.0 / position for position in range(1, slate_size + 1))
    assert examination_probs(n_available, slate_size, 1.0).sum() == pytest.approx(total, abs=1e-6)


def test_nothing_is_shown_where_nothing_is_available() -> None:
    ranks, propensities = draw_slates(stream(0), 4, 0, 6)
    assert ranks.shape == propensities.shape == (4, 0)
    assert examination_probs(0, 6, 1.0).tolist() == []


def test_slates_come_as_often_as_their_propensities_say() -> None:
    n, n_ranks = 60_000, 4
    ranks, propensities = draw_slates(stream(1), n, n_ranks, 2)
    assert (ranks[:, 0] != ranks[:, 1]).all()
    for first, second in permutations(range(n_ranks), 2):
        here = (ranks == [first, second]).all(axis=1)
        chance = propensities[here].prod(axis=1)
        assert np.ptp(chance) == 0.0
        sigma = np.sqrt(n * chance[0] * (1.0 - chance[0]))
        assert abs(here.sum() - n * chance[0]) < 4.5 * sigma


def test_propensity_is_the_share_among_those_not_yet_shown() -> None:
    # Three ranks, slates of two, weights 1/3, 1/4, 1/5, so 20/47, 15/47, 12/47.
    ranks, propensities = draw_slates(stream(2), 100, 3, 2)
    weights = np.array([20.0, 15.0, 12.0])
    assert propensities[:, 0] == pytest.approx(weights[ranks[:, 0]] / 47.0)
    assert propensities[:, 1] == pytest.approx(weights[ranks[:, 1]] / (47.0 - weights[ranks[:, 0]]))
