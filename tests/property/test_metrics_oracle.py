"""Metrics against ir-measures and against their formulas written as loops, on random lists."""

from math import log2

import ir_measures
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation import per_user_metrics

K, K_RECALL = 4, 6

Case = dict[int, tuple[list[int], dict[int, int]]]
"""user -> (items in the order of their ranks, true item -> reward)."""

ITEMS = st.integers(0, 12)
USERS = st.tuples(
    st.lists(ITEMS, unique=True, max_size=9), st.dictionaries(ITEMS, st.integers(1, 5), min_size=1, max_size=9)
)
CASES: st.SearchStrategy[Case] = st.dictionaries(st.integers(0, 40), USERS, min_size=1, max_size=6)


def frames(case: Case) -> tuple[pl.DataFrame, pl.DataFrame]:
    slates = [(user, item, rank) for user, (items, _) in case.items() for rank, item in enumerate(items, 1)]
    truth = [(user, item, float(reward)) for user, (_, true) in case.items() for item, reward in true.items()]
    return (
        pl.DataFrame(slates, schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "rank": pl.Int32}, orient="row"),
        pl.DataFrame(truth, schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "reward": pl.Float64}, orient="row"),
    )


def by_ir_measures(case: Case, *, graded: bool) -> dict[tuple[int, str], float]:
    measures = {
        "ndcg": ir_measures.nDCG @ K,
        "recall": ir_measures.R @ K_RECALL,
        "precision": ir_measures.P @ K,
        "mrr": ir_measures.RR @ K,
        "map": ir_measures.AP @ K,
        "hit_rate": ir_measures.Success @ K,
    }
    names = {measure: name for name, measure in measures.items()}
    qrels = [
        ir_measures.Qrel(str(user), str(item), reward if graded else 1)
        for user, (_, true) in case.items()
        for item, reward in true.items()
    ]
    run = [
        ir_measures.ScoredDoc(str(user), str(item), float(-place))
        for user, (items, _) in case.items()
        for place, item in enumerate(items)
    ]
    found = ir_measures.iter_calc(list(measures.values()), qrels, run)
    return {(int(metric.query_id), names[metric.measure]): metric.value for metric in found}


@settings(max_examples=150, deadline=None)
@given(case=CASES)
def test_metrics_agree_with_ir_measures(case: Case) -> None:
    ours = per_user_metrics(*frames(case), k=K, k_recall=K_RECALL)
    binary, graded = by_ir_measures(case, graded=False), by_ir_measures(case, graded=True)
    for row in ours.iter_rows(named=True):
        user, n_true = row["user_idx"], len(case[row["user_idx"]][1])
        oracle = {name: value for (who, name), value in binary.items() if who == user}
        # theirs divide by all true items, ours by those that fit into the list
        oracle["recall"] *= n_true / min(K_RECALL, n_true)
        oracle["map"] *= n_true / min(K, n_true)
        oracle["reward_ndcg"] = graded[user, "ndcg"]
        assert {name: row[name] for name in oracle} == pytest.approx(oracle, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(case=CASES)
def test_metrics_agree_with_their_formulas_written_as_loops(case: Case) -> None:
    for row in per_user_metrics(*frames(case), k=K, k_recall=K_RECALL).iter_rows(named=True):
        items, true = case[row["user_idx"]]
        dcg = sum(1 / log2(rank + 1) for rank, item in enumerate(items[:K], 1) if item in true)
        ideal = sum(1 / log2(rank + 1) for rank in range(1, min(K, len(true)) + 1))
        gain = sum(true.get(item, 0) / log2(rank + 1) for rank, item in enumerate(items[:K], 1))
        best = sum(reward / log2(rank + 1) for rank, reward in enumerate(sorted(true.values())[::-1][:K], 1))
        n_hits = sum(item in true for item in items[:K_RECALL])
        assert row["ndcg"] == pytest.approx(dcg / ideal)
        assert row["reward_ndcg"] == pytest.approx(gain / best)
        assert row["recall"] == pytest.approx(n_hits / min(K_RECALL, len(true)))
        assert row["hit_rate"] == float(any(item in true for item in items[:K]))
