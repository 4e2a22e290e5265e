from dataclasses import replace

import pytest

from recsys.evaluation import SERVED, EvaluationResults
from recsys.reports.wording import effect, focus_rung, glossary, interval, metric_label, number, percent, verdict


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("ndcg", "NDCG@10"),
        ("recall_repeat", "Recall@20, repeats"),
        ("reward_ndcg[click]", "Reward NDCG@10, click"),
        ("gini", "Gini"),
        ("novel_metric", "novel_metric@10"),
    ],
)
def test_metrics_are_named_with_their_depth(results: EvaluationResults, metric: str, label: str) -> None:
    assert metric_label(metric, results.protocol) == label


def test_the_glossary_explains_the_metrics_that_are_there(results: EvaluationResults) -> None:
    entries = glossary({"gini": 0, "ndcg": 0, "ndcg[click]": 0}, results.protocol)
    assert [name for name, _ in entries] == ["NDCG@10", "Gini"]


def test_numbers_have_a_true_minus_and_thousands() -> None:
    assert (number(-1234.5, 1), percent(-0.5), percent(None)) == ("−1,234.5", "−50.0 %", "–")


def test_an_interval_without_bounds_is_a_dash(results: EvaluationResults) -> None:
    assert interval(None) == interval(results.rungs[0].metrics["recall_repeat"]) == "–"


def test_a_verdict_needs_a_decisive_comparison(results: EvaluationResults) -> None:
    _, trending, blend = results.rungs
    assert [verdict(one) for one in (trending.vs_below, blend.vs_below, blend.vs_baseline)] == [
        "worse",
        "better",
        "undecided",
    ]


def test_nothing_to_compare_with_is_a_dash(results: EvaluationResults) -> None:
    found = results.rungs[2].vs_below
    assert found is not None
    assert effect(replace(found, relative=None)) == "–"
    assert verdict(replace(found, difference=None)) == verdict(None) == "–"


def test_the_row_a_reader_looks_for_is_what_was_served(results: EvaluationResults) -> None:
    served = replace(results.rungs[0], name=SERVED)
    assert focus_rung(replace(results, rungs=[served, results.rungs[2]])) == SERVED
    assert focus_rung(results) == "blend"
    assert focus_rung(replace(results, choice=None, rungs=results.rungs[:2])) == "trending"
