"""Similarities worked by hand in two dimensions."""

import numpy as np
import polars as pl
import pytest

from recsys.features.similarity import SimilarityFeatures
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, vectors_table
from tests.unit.small_logs import known, pairs_of

GROUP = SimilarityFeatures("taste", "fits")
NAN = float("nan")
# The latest item first; "f" is the sixth, and an old event of "a" changes nothing.
ROWS = [("u", item, 1.0 + place) for place, item in enumerate("abcdef")] + [("u", "a", 90.0), ("v", "x", 1.0)]
VECTORS = {"a": (1, 0), "b": (0, 2), "c": (-1, 0), "d": (3, 4), "f": (9, 0), "x": (2, 0)}  # "e" has none


def tables(knowledge: Knowledge) -> dict[str, pl.DataFrame]:
    items = dict(knowledge.history.items.select("item_id", "item_idx").iter_rows())
    idx = np.array([items[name] for name in VECTORS], np.uint32)
    own = {
        "items": vectors_table("item_idx", idx, np.array(list(VECTORS.values()), np.float32)),
        "users": vectors_table("user_idx", np.array([0], np.uint32), np.array([[1, 1]], np.float32)),
    }
    return {**GROUP.fit(knowledge), **own}


def computed(pairs: list[tuple[str, str]]) -> dict[str, list[float]]:
    knowledge = known(ROWS)
    found = GROUP.compute(tables(knowledge), pairs_of(knowledge, pairs))
    return {feature.name: array.tolist() for feature, array in zip(GROUP.features, found, strict=True)}


def test_a_candidate_is_compared_with_the_user_and_with_the_latest_five_items() -> None:
    found = computed([("u", "b"), ("u", "x")])
    assert found["taste_dot"] == [2.0, 2.0]
    assert found["taste_last"] == pytest.approx([0.0, 1.0])
    # Cosines of x with a, b, c, d: 1, 0, -1 and .6; of b: 0, 1, 0 and .8.
    assert found["taste_max"] == pytest.approx([1.0, 1.0])
    assert found["taste_mean"] == pytest.approx([(0 + 1 + 0 + 0.8) / 4, (1 + 0 - 1 + 0.6) / 4])


def test_what_has_no_vector_is_like_nothing() -> None:
    found = computed([("u", "e"), ("v", "x"), ("stranger", "x"), ("stranger", "unseen")])
    assert found["taste_dot"] == pytest.approx([NAN] * 4, nan_ok=True)  # v is known and has no vector
    assert found["taste_max"] == pytest.approx([NAN, 1.0, NAN, NAN], nan_ok=True)
    assert found["taste_mean"] == pytest.approx([NAN, 1.0, NAN, NAN], nan_ok=True)


def test_the_latest_items_are_remembered_once_each_in_order() -> None:
    knowledge = known(ROWS)
    latest = GROUP.fit(knowledge)["latest"].join(knowledge.history.items, on="item_idx", maintain_order="left")
    assert latest.filter(pl.col("user_idx") == 0)["item_id"].to_list() == list("abcde")
    assert latest.filter(pl.col("user_idx") == 0)["place"].to_list() == [0, 1, 2, 3, 4]


def test_a_source_that_learned_nothing_is_like_nothing() -> None:
    knowledge = known(ROWS)
    none, empty = np.empty(0, np.uint32), np.zeros((0, 2), np.float32)
    nothing = {"items": vectors_table("item_idx", none, empty), "users": vectors_table("user_idx", none, empty)}
    pairs = pairs_of(knowledge, [("u", "a"), ("v", "x")])
    for own in (nothing, {**tables(knowledge), "users": nothing["users"]}):
        found = GROUP.compute({**GROUP.fit(knowledge), **own}, pairs)
        assert np.isnan(found[0]).all()
    assert all(np.isnan(column).all() for column in GROUP.compute({**GROUP.fit(knowledge), **nothing}, pairs))


def test_no_candidates_have_no_similarities() -> None:
    knowledge = known(ROWS)
    nobody = CandidateSet(np.empty(0, np.uint32), np.empty(0, np.uint32), {}, {})
    assert [len(column) for column in GROUP.compute(tables(knowledge), nobody)] == [0] * 4
