"""Honest evaluation: metrics per user, what lists are like, strata, and intervals for every comparison."""

from recsys.evaluation.beyond_accuracy import LIST_METRICS, ListMetrics, list_metrics
from recsys.evaluation.bootstrap import Bootstrap, Resampled, bootstrap
from recsys.evaluation.channels import ChannelFacts
from recsys.evaluation.choosing import choose
from recsys.evaluation.comparison import Comparison, compare
from recsys.evaluation.freshness import list_age_days
from recsys.evaluation.groups import CutoffGroups, GroupSums, UserGroups
from recsys.evaluation.ladder import SERVED, CutoffRun, climb
from recsys.evaluation.metrics import ACCURACY_METRICS, REPEAT_METRICS, per_user_metrics
from recsys.evaluation.placement import PlacedCutoffs, earlier_cutoffs, label_wait, place_cutoffs
from recsys.evaluation.results import (
    Choice,
    CutoffScores,
    Estimate,
    EvaluationResults,
    Protocol,
    Provenance,
    RuleEffect,
    Rung,
    UserGroup,
    read_results,
    results_json,
)
from recsys.evaluation.rule_effects import ALL_RULES, rule_effects
from recsys.evaluation.selection import Duel, Selection, select
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.strata import ACTIVITY_STRATA, NO_MARKET, build_strata
from recsys.evaluation.summary import PRIMARY, per_user, summarise
from recsys.evaluation.trial import Fits, Trial, Trials, build_trial
from recsys.evaluation.tuning import TunedRung, Tuner, Tuning, comparable

__all__ = [
    "ACCURACY_METRICS",
    "ACTIVITY_STRATA",
    "ALL_RULES",
    "LIST_METRICS",
    "NO_MARKET",
    "PRIMARY",
    "REPEAT_METRICS",
    "SERVED",
    "Bootstrap",
    "ChannelFacts",
    "Choice",
    "Comparison",
    "CutoffGroups",
    "CutoffRun",
    "CutoffScores",
    "Duel",
    "Estimate",
    "EvaluationResults",
    "EvaluationSettings",
    "Fits",
    "GroupSums",
    "ListMetrics",
    "PlacedCutoffs",
    "Protocol",
    "Provenance",
    "Resampled",
    "RuleEffect",
    "Rung",
    "Selection",
    "Trial",
    "Trials",
    "TunedRung",
    "Tuner",
    "Tuning",
    "UserGroup",
    "UserGroups",
    "bootstrap",
    "build_strata",
    "build_trial",
    "choose",
    "climb",
    "comparable",
    "compare",
    "earlier_cutoffs",
    "label_wait",
    "list_age_days",
    "list_metrics",
    "per_user",
    "per_user_metrics",
    "place_cutoffs",
    "read_results",
    "results_json",
    "rule_effects",
    "select",
    "summarise",
]
