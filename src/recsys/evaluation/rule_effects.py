"""What each slate rule costs and brings: the served lists with it and without it, at the same cutoffs.

The ladder compares rungs, so its lists have no rules. Here the rung that was served is taken with all rules, with all
but one, and with none.
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from recsys.evaluation.bootstrap import bootstrap
from recsys.evaluation.comparison import compare, finite_or_none
from recsys.evaluation.groups import GroupSums, UserGroups
from recsys.evaluation.ladder import CutoffRun, list_summary, mean_lists
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.results import RuleEffect
from recsys.evaluation.settings import EvaluationSettings
from recsys.ranking.slate_policy import rules_of
from recsys.recommender import fit_policy
from recsys.timeline import format_instant

ALL_RULES = "all rules"
"""The row that compares the lists as they are served with those without any rule."""

_ACCURACY = ("ndcg", "recall")
_BARE = "no rules"


def rule_effects(runs: Sequence[CutoffRun], rules: EvaluationSettings) -> list[RuleEffect]:
    """Judge every slate rule that is on by leaving it out while the others stay.

    Time:
        Rules learn from what was known before each cutoff; labels are those of the run.

    Args:
        runs: the ladder at each cutoff; each counts equally.
        rules: depths, resamples and the smallest effect that counts.

    Returns:
        One effect of all rules together, then one per rule; nothing where no rule is on. Beside accuracy each has what
        `list_metrics` says of the lists.

    Raises:
        ConfigError: if the file of blocked items cannot be read.
    """
    if not any(rules_of(run.trial.fits.settings.slate, run.cutoff) for run in runs):
        return []
    measured = [_Measured(run, rules) for run in runs]
    names = list(measured[0].lists)
    everyone = UserGroups.build(pl.concat([run.trial.everyone["user_id"] for run in runs]), seed=rules.seed)
    sums: dict[str, dict[str, GroupSums]] = {name: {} for name in names}
    for run, one in zip(runs, measured, strict=True):
        groups = everyone.at(run.trial.everyone)
        for name in names:
            sums[name][format_instant(run.cutoff)] = groups.sum(one.scores[name], _ACCURACY)
    boot = bootstrap(sums, resamples=rules.n_resamples, seed=rules.seed)
    means = {
        name: {metric: finite_or_none(boot.value(name, metric).mean) for metric in _ACCURACY}
        | mean_lists([one.lists[name] for one in measured])
        for name in names
    }
    pairs = [(ALL_RULES, name) for name in names if name != ALL_RULES]
    changes = compare(boot, pairs, metric="ndcg", min_relative_effect=rules.min_relative_effect)
    return [
        RuleEffect(ALL_RULES if name == _BARE else name, means[ALL_RULES], means[name], change)
        for (_, name), change in zip(pairs, changes, strict=True)
    ]


class _Measured:
    """One cutoff: per set of rules the scores of its lists, and what they are like; a rule's name leaves it out."""

    def __init__(self, run: CutoffRun, rules: EvaluationSettings) -> None:
        trial, selection = run.trial, run.selection
        fits = trial.fits
        policy = fit_policy(fits.knowledge, fits.settings, fits.tables)
        policies = {ALL_RULES: policy, _BARE: policy.without(*policy.names)}
        policies |= {name: policy.without(name) for name in policy.names}
        served = fits.plan(selection.plan, selection.rankers)
        self.scores: dict[str, pl.DataFrame] = {}
        self.lists: dict[str, dict[str, float | None]] = {}
        for name, variant in policies.items():
            slates = replace(served, policy=variant).slates(trial.everyone, max(rules.k, rules.k_recall))
            self.scores[name] = per_user_metrics(slates, trial.truth, k=rules.k, k_recall=rules.k_recall)
            self.lists[name] = list_summary(trial, slates, rules.k)
