"""What the sources said, places within a user's candidates, and dense tables."""

import numpy as np
import polars as pl

from recsys.features import rank_within
from recsys.features.dense import dense, gather
from recsys.features.retrieval import RetrievalFeatures
from recsys.tables import CandidateSet, Floats

NAN = float("nan")
GROUP = RetrievalFeatures((("own", "yours"), ("popular", "liked")))


def floats(*numbers: float) -> Floats:
    return np.array(numbers, np.float32)


def candidates(*users: int) -> CandidateSet:
    n = len(users)
    return CandidateSet(
        np.array(users, np.uint32),
        np.arange(n, dtype=np.uint32),
        {"own": floats(9.0, NAN, NAN)[:n], "popular": floats(0.5, 0.25, NAN)[:n], "other": floats(1.0, 1.0, 1.0)[:n]},
        {"own": floats(7.0, NAN, NAN)[:n], "popular": floats(3.0, 8.0, NAN)[:n], "other": floats(1.0, 1.0, 1.0)[:n]},
    )


def test_scores_and_ranks_are_passed_on_and_agreement_is_counted() -> None:
    found = GROUP.compute({}, candidates(0, 0, 1))
    named = {feature.name: array.tolist() for feature, array in zip(GROUP.features, found, strict=True)}
    assert [*named] == ["score_own", "score_popular", "rank_own", "rank_popular", "n_sources", "best_rank"]
    np.testing.assert_array_equal(named["score_own"], [9.0, NAN, NAN])
    np.testing.assert_array_equal(named["rank_popular"], [3.0, 8.0, NAN])
    assert named["n_sources"] == [2.0, 1.0, 0.0]
    np.testing.assert_array_equal(named["best_rank"], [3.0, 8.0, NAN])  # "other" is no source of this group


def test_a_rank_within_a_user_counts_from_the_largest_and_equals_share_it() -> None:
    values = floats(1.0, 5.0, 5.0, NAN, NAN, 2.0, 3.0)
    users = CandidateSet(np.array([4, 4, 4, 4, 4, 7, 7], np.uint32), np.arange(7, dtype=np.uint32), {}, {})
    assert rank_within(values, users).tolist() == [3.0, 1.0, 1.0, 4.0, 4.0, 2.0, 1.0]
    assert rank_within(values, users).dtype == np.float32


def test_no_candidates_have_no_ranks() -> None:
    assert rank_within(floats(), candidates()).tolist() == []


def test_dense_tables_have_a_row_per_id_and_nan_where_nothing_is_known() -> None:
    facts = pl.DataFrame(
        {"item_idx": [3, 0], "x": [1.5, 0.5], "n": [7, None]}, schema_overrides={"item_idx": pl.UInt32}
    )
    table = dense(facts, "item_idx", 4)
    x, n = gather(table, np.array([0, 1, 3, 4, 2**32 - 1], np.uint32))
    np.testing.assert_array_equal(x, [0.5, NAN, 1.5, NAN, NAN])
    np.testing.assert_array_equal(n, [NAN, NAN, 7.0, NAN, NAN])
    assert table.height == 4
    assert table.schema == {"x": pl.Float32, "n": pl.Float32}


def test_an_empty_dense_table_knows_nothing() -> None:
    empty = pl.DataFrame(schema={"x": pl.Float32})
    assert np.isnan(gather(empty, np.array([0, 5], np.uint32))[0]).tolist() == [True, True]
