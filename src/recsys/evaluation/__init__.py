"""Honest evaluation: metrics per user, what lists are like, strata, and intervals for every comparison."""

from recsys.evaluation.beyond_accuracy import LIST_METRICS, ListMetrics, list_metrics
from recsys.evaluation.bootstrap import Bootstrap, Resampled, bootstrap
from recsys.evaluation.comparison import Comparison, compare
from recsys.evaluation.freshness import list_age_days
from recsys.evaluation.groups import CutoffGroups, GroupSums, UserGroups
from recsys.evaluation.ladder import SERVED, CutoffRun, climb
from recsys.evaluation.metrics import ACCURACY_METRICS, REPEAT_METRICS, per_user_metrics
from recsys.evaluation.results import (
    Choice,
    CutoffScores,
    Estimate,
    EvaluationResults,
    Protocol,
    Provenance,
    Rung,
    UserGroup,
    read_results,
    results_json,
)
from recsys.evaluation.selection import Selection, select
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.strata import ACTIVITY_STRATA, NO_MARKET, build_strata
from recsys.evaluation.summary import PRIMARY, per_user, summarise
from recsys.evaluation.trial import Fits, Trial, Trials, build_trial, earlier_cutoffs

__all__ = [
    "ACCURACY_METRICS",
    "ACTIVITY_STRATA",
    "LIST_METRICS",
    "NO_MARKET",
    "PRIMARY",
    "REPEAT_METRICS",
    "SERVED",
    "Bootstrap",
    "Choice",
    "Comparison",
    "CutoffGroups",
    "CutoffRun",
    "CutoffScores",
    "Estimate",
    "EvaluationResults",
    "EvaluationSettings",
    "Fits",
    "GroupSums",
    "ListMetrics",
    "Protocol",
    "Provenance",
    "Resampled",
    "Rung",
    "Selection",
    "Trial",
    "Trials",
    "UserGroup",
    "UserGroups",
    "bootstrap",
    "build_strata",
    "build_trial",
    "climb",
    "compare",
    "earlier_cutoffs",
    "list_age_days",
    "list_metrics",
    "per_user",
    "per_user_metrics",
    "read_results",
    "results_json",
    "select",
    "summarise",
]
