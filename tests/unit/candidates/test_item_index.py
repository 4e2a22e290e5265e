"""The index against exact search by sorting."""

import logging

import numpy as np
import pytest

from recsys.candidates import IndexSettings, ItemIndex
from recsys.errors import ConfigError
from recsys.tables import Floats


def drawn(n: int, n_factors: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(n, n_factors)).astype(np.float32)


def inverted(n_probe: int, min_recall: float = 0.0) -> IndexSettings:
    return IndexSettings(kind="ivf", n_lists=20, n_probe=n_probe, min_recall=min_recall)


@pytest.mark.parametrize("k", [1, 10, 300])
def test_flat_search_is_a_sort_by_inner_product(k: int) -> None:
    items, queries = drawn(300, 16, seed=0), drawn(40, 16, seed=1)
    index = ItemIndex.build(items, IndexSettings())
    scores, rows = index.search(queries, k)
    products = queries.astype(np.float64) @ items.astype(np.float64).T
    order = np.argsort(-products, axis=1)[:, :k]
    assert rows.tolist() == order.tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(products, order, axis=1), rtol=1e-5, atol=1e-5)
    assert index.recall == 1.0


@pytest.mark.parametrize("settings", [IndexSettings(), inverted(20)], ids=["flat", "ivf"])
def test_no_more_is_found_than_there_is(settings: IndexSettings) -> None:
    scores, rows = ItemIndex.build(drawn(3, 4, seed=0), settings).search(drawn(5, 4, seed=1), 10)
    assert scores.shape == rows.shape == (5, 3)
    assert [sorted(row) for row in rows.tolist()] == [[0, 1, 2]] * 5


def test_inverted_lists_that_are_all_visited_find_everything() -> None:
    items = drawn(1_000, 8, seed=0)
    index = ItemIndex.build(items, inverted(20, min_recall=1.0))
    assert index.recall == 1.0
    exact = ItemIndex.build(items, IndexSettings()).search(drawn(30, 8, seed=1), 10)[1]
    assert index.search(drawn(30, 8, seed=1), 10)[1].tolist() == exact.tolist()


def test_recall_is_the_share_of_the_exact_nearest_that_few_lists_find() -> None:
    items = drawn(1_000, 8, seed=0)
    few, more = (ItemIndex.build(items, inverted(n)) for n in (1, 5))
    assert 0.05 < few.recall < more.recall < 1.0
    queries = items[::3]  # 1,000 items are probed every third
    found, exact = few.search(queries, 50)[1], ItemIndex.build(items, IndexSettings()).search(queries, 50)[1]
    shares = [len(set(a) & set(b)) / 50 for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
    assert few.recall == pytest.approx(np.mean(shares))


def test_what_an_inverted_index_finds_is_said_when_it_is_built(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    index = ItemIndex.build(drawn(1_000, 8, seed=0), inverted(5))
    ItemIndex.build(drawn(1_000, 8, seed=0), IndexSettings())
    said = f"item index: ivf over 1000 vectors finds {index.recall:.3f} of the exact 50 nearest"
    assert [record.message for record in caplog.records] == [said]


def test_an_index_that_finds_too_little_is_refused() -> None:
    message = r"ivf with n_lists=20, n_probe=1 finds 0\.\d{3} of the exact 50 nearest, less than min_recall=0.99"
    with pytest.raises(ConfigError, match=message):
        ItemIndex.build(drawn(1_000, 8, seed=0), inverted(1, min_recall=0.99))


def test_the_same_vectors_give_the_same_index() -> None:
    items, queries = drawn(1_000, 8, seed=0), drawn(30, 8, seed=1)
    one, other = (ItemIndex.build(items, inverted(2)) for _ in range(2))
    assert one.recall == other.recall
    assert one.search(queries, 20)[1].tolist() == other.search(queries, 20)[1].tolist()
