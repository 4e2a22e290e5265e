"""Climb the ladder at each cutoff: choose on earlier windows, refit to the cutoff, score what came.

cutoff T:  windows before T -> select -> plans of all rungs -> lists at T -> labels in [T + gap, + horizon)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recsys.errors import DataError
from recsys.evaluation.beyond_accuracy import list_metrics
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.selection import Selection, select
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.strata import build_strata
from recsys.evaluation.trial import Trial, Trials, earlier_cutoffs
from recsys.recommender import RecommenderSettings
from recsys.timeline import age_days, format_duration, format_instant

SERVED = "served"
"""The last row of a ladder: at each cutoff, the lists of the rung that earlier windows chose."""


@dataclass(frozen=True)
class CutoffRun:
    """The whole ladder at one cutoff.

    Attributes:
        trial: what was known and what came.
        selection: what earlier windows decided, and `earlier` those windows' cutoffs.
        scores: rung -> metrics per `user_idx`; null for users without a label of that reward.
        lists: rung -> what its lists are like.
        strata: `user_idx`, `activity`, `market`.
    """

    trial: Trial
    selection: Selection
    earlier: list[datetime]
    scores: dict[str, pl.DataFrame]
    lists: dict[str, dict[str, float | None]]
    strata: pl.DataFrame

    @property
    def cutoff(self) -> datetime:
        """The evaluation instant."""
        return self.trial.fold.cutoff


def climb(
    trials: Trials,
    cutoffs: Sequence[datetime],
    as_of: datetime,
    *,
    recommender: RecommenderSettings,
    rules: EvaluationSettings,
) -> Iterator[CutoffRun]:
    """Evaluate the ladder at each cutoff in turn.

    Time:
        A plan for cutoff T is chosen on labels known before T and learned from rows with `known_at < T`; the labels
        that judge it are known before `as_of`.

    Args:
        trials: the log under evaluation.
        cutoffs: evaluation instants, in the order to run them.
        as_of: when the evaluation happens.
        recommender: the ladder.
        rules: windows, depths and strata.

    Yields:
        One run per cutoff.

    Raises:
        DataError: if a label window holds no label.
    """
    for cutoff in cutoffs:
        earlier = earlier_cutoffs(trials, cutoff, rules.horizon, rules.gap, rules.selection_windows)
        selection = select(
            [trials.trial(window, cutoff) for window in earlier],
            recommender,
            k=rules.k,
            max_users=rules.selection_users,
        )
        trial = trials.trial(cutoff, as_of)
        if trial.truth.is_empty():
            raise DataError(
                f"cutoff {format_instant(cutoff)}: 0 labels in the {format_duration(rules.horizon)} after it; "
                "choose an earlier cutoff or a longer horizon"
            )
        scores, lists = {}, {}
        for rung, plan in selection.plans.items():
            slates = trial.slates(plan, trial.everyone, max(rules.k, rules.k_recall))
            scores[rung] = _scores(trial, slates, rules)
            lists[rung] = list_metrics(slates, _catalogue(trial), seen=trial.fits.seen, k=rules.k).summary()
        scores[SERVED], lists[SERVED] = scores[selection.winner], lists[selection.winner]
        strata = build_strata(
            trial.everyone, cutoff=cutoff, heavy_from=rules.heavy_from, dormant_after=rules.dormant_after
        )
        yield CutoffRun(trial, selection, earlier, scores, lists, strata)


def _scores(trial: Trial, slates: pl.DataFrame, rules: EvaluationSettings) -> pl.DataFrame:
    """Score the target in every metric, and each other named reward in `ndcg[name]` and `reward_ndcg[name]`."""
    scores = trial.everyone.select("user_idx")
    for name, truth in trial.truths.items():
        if truth.is_empty():
            continue
        if name == trial.fits.knowledge.target:
            scored = per_user_metrics(slates, truth, seen=trial.fits.seen, k=rules.k, k_recall=rules.k_recall)
        else:
            scored = per_user_metrics(slates, truth, k=rules.k, k_recall=rules.k_recall).select(
                "user_idx", *(pl.col(metric).alias(f"{metric}[{name}]") for metric in ("ndcg", "reward_ndcg"))
            )
        scores = scores.join(scored, on="user_idx", how="left", maintain_order="left")
    return scores


def _catalogue(trial: Trial) -> pl.DataFrame:
    """Return the items available at the cutoff, with what describes a list of them."""
    history = trial.fits.knowledge.history
    counts = history.events.group_by("item_idx").agg(n_events=pl.len())
    return (
        history.items.filter("is_available")
        .join(counts, on="item_idx", how="left")
        .select(
            "item_idx",
            pl.col("n_events").fill_null(0),
            "category",
            item_age_days=age_days(pl.col("first_time"), history.as_of),
        )
    )
