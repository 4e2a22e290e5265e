"""Rows of queries, and which of them a ranker learns from."""

import numpy as np
import pytest

from recsys.ranking import Rows, sample_rows


def made(grades: list[list[int]], position: bool = False) -> Rows:
    """One list of grades per query; the only feature numbers the rows, the weight is a tenth of it."""
    flat = np.array([grade for query in grades for grade in query], np.int32)
    number = np.arange(len(flat), dtype=np.float32)
    return Rows(
        number[:, None],
        flat,
        np.array([len(query) for query in grades], np.int64),
        number / np.float32(10),
        np.arange(len(flat), dtype=np.int32) if position else None,
    )


def queries(rows: Rows) -> list[list[tuple[int, int]]]:
    """Return the rows of each query as (number, grade)."""
    pairs = list(zip(rows.features[:, 0].astype(int).tolist(), rows.grade.tolist(), strict=True))
    ends = np.cumsum(rows.sizes).tolist()
    return [pairs[end - size : end] for end, size in zip(ends, rows.sizes.tolist(), strict=True)]


GRADES = [[0, 1, 0, 0, 2], [0, 0, 0], [1, 0], [], [3, 1]]


def test_rows_know_their_query() -> None:
    rows = made(GRADES)
    assert rows.query.tolist() == [0] * 5 + [1] * 3 + [2] * 2 + [4] * 2
    assert len(rows) == 12


@pytest.mark.parametrize("n_negatives", [1, 2, 9])
def test_positives_stay_and_the_rest_of_each_query_is_drawn(n_negatives: int) -> None:
    sampled = sample_rows(made(GRADES), n_negatives=n_negatives, seed=0)
    assert len(sampled.sizes) == 3  # two queries have no positive
    for query, numbers in zip(queries(sampled), ([0, 1, 2, 3, 4], [8, 9], [10, 11]), strict=True):
        original = [(number, grade) for number, grade in zip(range(12), made(GRADES).grade.tolist(), strict=True)]
        positive = [pair for pair in original if pair[0] in numbers and pair[1] > 0]
        negative = [pair for pair in original if pair[0] in numbers and pair[1] == 0]
        assert [pair for pair in query if pair[1] > 0] == positive
        assert len(query) == len(positive) + min(n_negatives, len(negative))
        assert set(query) <= {*positive, *negative}
        assert query == sorted(query)


def test_the_draw_follows_the_seed() -> None:
    rows = made([[1] + [0] * 50] * 4)
    one, again, other = (queries(sample_rows(rows, n_negatives=5, seed=seed)) for seed in (0, 0, 1))
    assert one == again != other


def test_every_negative_is_drawn_as_often_as_the_others() -> None:
    rows = made([[1] + [0] * 10] * 300)
    sampled = sample_rows(rows, n_negatives=3, seed=0)
    places = sampled.features[:, 0].astype(int) % 11
    counts = np.bincount(places, minlength=11)
    assert counts[0] == 300
    assert counts[1:].sum() == 900
    assert (np.abs(counts[1:] - 90) < 40).all()  # 90 each, standard deviation 8


def test_weights_and_positions_stay_with_their_rows() -> None:
    sampled = sample_rows(made(GRADES, position=True), n_negatives=1, seed=0)
    assert sampled.position is not None
    assert sampled.position.tolist() == sampled.features[:, 0].astype(int).tolist()
    np.testing.assert_allclose(sampled.weight, sampled.features[:, 0] / 10)


def test_without_a_positive_nothing_is_left_to_learn() -> None:
    sampled = sample_rows(made([[0, 0], [0]]), n_negatives=4, seed=0)
    assert (len(sampled), sampled.sizes.tolist()) == (0, [])


def test_windows_are_put_one_after_another() -> None:
    joined = Rows.join([made([[1, 0]]), made([[0], [2, 0, 0]])])
    assert joined.sizes.tolist() == [2, 1, 3]
    assert joined.grade.tolist() == [1, 0, 0, 2, 0, 0]
    assert joined.query.tolist() == [0, 0, 1, 2, 2, 2]
    assert joined.position is None


def test_a_window_without_exposures_is_organic_beside_one_with_them() -> None:
    shown, other = made([[1, 0, 0]], position=True), made([[0, 1]])
    for parts, expected in (
        ([shown, other], [0, 1, 2, 0, 0]),
        ([other, shown], [0, 0, 0, 1, 2]),
        ([shown, shown], [0, 1, 2] * 2),
    ):
        joined = Rows.join(parts).position
        assert joined is not None
        assert joined.dtype == np.int32
        assert joined.tolist() == expected
    assert Rows.join([other, other]).position is None


def test_a_weight_scales_every_row() -> None:
    np.testing.assert_allclose(made([[1, 0, 0]]).scaled(0.5).weight, [0.0, 0.05, 0.1])
