"""A small evaluation to show: three rungs, two cutoffs, strata and markets."""

import pytest

from recsys.evaluation import (
    Choice,
    Comparison,
    CutoffScores,
    Estimate,
    EvaluationResults,
    Protocol,
    Provenance,
    Rung,
    UserGroup,
)

CUTOFFS = ["2024-03-01T00:00:00Z", "2024-03-15T00:00:00Z"]


def estimate(mean: float | None) -> Estimate:
    return Estimate(mean, None, None) if mean is None else Estimate(mean, mean - 0.01, mean + 0.01)


def comparison(method: str, against: str, relative: float, *, is_decisive: bool) -> Comparison:
    sign = 1 if relative > 0 else -1
    return Comparison(
        method=method,
        against=against,
        metric="ndcg",
        difference=0.05 * sign,
        low=0.04 * sign,
        high=0.06 * sign,
        relative=relative,
        relative_low=relative - 0.02,
        relative_high=relative + 0.02,
        effect_size=0.4 * sign,
        p_value=0.001,
        p_adjusted=0.002,
        is_decisive=is_decisive,
    )


def rung(name: str, mean: float, below: Comparison | None, baseline: Comparison | None) -> Rung:
    metrics = {"ndcg": estimate(mean), "recall": estimate(mean + 0.1), "recall_repeat": estimate(None)}
    scores = [
        CutoffScores(cutoff, 100, metrics | {"ndcg": estimate(mean + 0.02 * i)}) for i, cutoff in enumerate(CUTOFFS)
    ]
    lists = {
        "coverage": 0.25,
        "gini": 0.5,
        "novelty": 9.0,
        "diversity": None,
        "item_age_days": 40.0,
        "repeat_share": 0.3,
    }
    return Rung(name, f"what {name} does", metrics, scores, lists, below, baseline)


@pytest.fixture
def results() -> EvaluationResults:
    return EvaluationResults(
        title="Evaluation of demo <b>",
        provenance=Provenance(
            "configs/demo.toml", "ab" * 32, "0.1.0", 7, "2024-04-01T00:00:00Z", "recsys evaluate -c x", 0
        ),
        protocol=Protocol(
            cutoffs=CUTOFFS,
            horizon="14d",
            gap="0s",
            k=10,
            k_recall=20,
            reward="purchase",
            primary_metric="ndcg",
            baseline="popularity",
            min_relative_effect=0.01,
            resamples=2000,
            n_users=200,
            n_distinct_users=150,
            n_labels=900,
            n_items=1234.5,
            list_age_days=4.25,
        ),
        rungs=[
            rung("popularity", 0.10, None, None),
            rung("trending", 0.05, comparison("trending", "popularity", -0.5, is_decisive=True), None),
            rung(
                "blend",
                0.15,
                comparison("blend", "trending", 2.0, is_decisive=True),
                comparison("blend", "popularity", 0.5, is_decisive=False),
            ),
        ],
        strata=[UserGroup("cold", 50, 0.25, {"popularity": estimate(0.1), "blend": estimate(None)})],
        markets=[UserGroup("DE & AT", 200, 1.0, {"popularity": estimate(0.17), "blend": estimate(0.16)})],
        choice=Choice(
            "blend", "best on 1 earlier window(s)", ["2024-02-16T00:00:00Z"], {"blend": 0.14, "popularity": None}
        ),
    )
