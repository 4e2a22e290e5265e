import json
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError
from recsys.evaluation import (
    ChannelFacts,
    Choice,
    CutoffScores,
    Estimate,
    EvaluationResults,
    Protocol,
    Provenance,
    Resampled,
    Rung,
    UserGroup,
    read_results,
    results_json,
)

ESTIMATE = Estimate(0.25, 0.125, None)
RESULTS = EvaluationResults(
    "demo",
    Provenance("demo.toml", "ab", "0.1.0", 3, "2024-04-01T00:00:00Z", "recsys evaluate", 0),
    Protocol(["2024-03-01T00:00:00Z"], "14d", "0s", 10, 20, "r", "ndcg", "popularity", 0.01, 2000, 9, 9, 20, 5.5, None),
    [
        Rung(
            "popularity",
            "counts",
            {"ndcg": ESTIMATE},
            [CutoffScores("c", 9, {"ndcg": ESTIMATE})],
            {"gini": None},
            None,
            None,
        )
    ],
    [UserGroup("cold", 9, 1.0, {"popularity": ESTIMATE})],
    [],
    Choice("popularity", "the only one", [], {}),
    channels=[ChannelFacts("own", 0.5, 0.25, 0.125, 12.5, 1.5, None)],
)


def test_results_come_back_from_their_json(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(results_json(RESULTS))
    assert read_results(tmp_path / "metrics.json") == RESULTS


def test_json_has_no_nan() -> None:
    nothing = Resampled(np.nan, np.array([np.nan]), np.array([np.nan]), 0)
    assert Estimate.of(nothing) == Estimate(None, None, None)
    json.loads(results_json(RESULTS), parse_constant=lambda name: pytest.fail(name))


def test_an_estimate_has_the_percentiles_of_its_resamples() -> None:
    value = Resampled(0.5, np.linspace(0.0, 1.0, 1001), np.zeros(1), 10)
    estimate = Estimate.of(value)
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx((0.5, 0.025, 0.975))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"metrics\.json: cannot be read .*; run evaluate first"):
        read_results(tmp_path / "metrics.json")


def test_a_file_of_another_form_is_refused_by_its_first_wrong_field(tmp_path: Path) -> None:
    content = json.loads(results_json(RESULTS))
    del content["protocol"]["k"]
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=r"1 field\(s\) wrong; first: protocol\.k: .*; run evaluate again"):
        read_results(tmp_path / "metrics.json")
