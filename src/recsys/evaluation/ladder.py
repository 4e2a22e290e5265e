"""Climb the ladder at each cutoff: choose on earlier windows, refit to the cutoff, score what came.

cutoff T:  windows before T -> select -> plans of all rungs -> lists at T -> labels in [T + gap, + horizon)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recsys.errors import DataError
from recsys.evaluation.beyond_accuracy import LIST_METRICS, list_metrics
from recsys.evaluation.choosing import choose
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.selection import Selection
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.strata import build_strata
from recsys.evaluation.trial import Trial, Trials
from recsys.recommender import RANKED, RecommenderSettings
from recsys.rewards import RewardSettings
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
        has_data: rung -> whether any of its lists holds an item of its own; the others are all the fallback's, or those
            of the best heuristic where no ranker could be learned.
        strata: `user_idx`, `activity`, `market`.
    """

    trial: Trial
    selection: Selection
    earlier: list[datetime]
    scores: dict[str, pl.DataFrame]
    lists: dict[str, dict[str, float | None]]
    has_data: dict[str, bool]
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
    rewards: RewardSettings,
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
        rewards: the reward definitions, which say when a label window is mature.

    Yields:
        One run per cutoff.

    Raises:
        DataError: if a label window holds no label.
    """
    for cutoff in cutoffs:
        selection, earlier = choose(trials, cutoff, recommender=recommender, rules=rules, rewards=rewards)
        trial = trials.trial(cutoff, as_of)
        if trial.truth.is_empty():
            raise DataError(
                f"cutoff {format_instant(cutoff)}: 0 labels in the {format_duration(rules.horizon)} after it; "
                "choose an earlier cutoff or a longer horizon"
            )
        yield _run(trial, selection, earlier, rules)


def _run(trial: Trial, selection: Selection, earlier: list[datetime], rules: EvaluationSettings) -> CutoffRun:
    """Judge every plan of a selection on one trial."""
    scores, lists, has_data = {}, {}, {}
    for rung, plan in selection.plans.items():
        slates = trial.slates(plan, trial.everyone, max(rules.k, rules.k_recall), selection.rankers)
        scores[rung] = _scores(trial, slates, rules)
        lists[rung] = list_summary(trial, slates, rules.k)
        has_data[rung] = bool((slates["source"] == plan.rung).any())
    winner = selection.winner
    if trial.fits.settings.ranking.windows and RANKED not in scores:
        # NOTE: too few earlier windows to learn from; the row stays, as other cutoffs may have had more.
        scores[RANKED], lists[RANKED], has_data[RANKED] = scores[winner], lists[winner], False
    scores[SERVED], lists[SERVED], has_data[SERVED] = scores[winner], lists[winner], has_data[winner]
    strata = build_strata(
        trial.everyone, cutoff=trial.fold.cutoff, heavy_from=rules.heavy_from, dormant_after=rules.dormant_after
    )
    return CutoffRun(trial, selection, earlier, scores, lists, has_data, strata)


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


def list_summary(trial: Trial, slates: pl.DataFrame, k: int) -> dict[str, float | None]:
    """Describe the lists; where nobody has one, because users had all items, nothing is covered."""
    if slates.is_empty():
        return {"coverage": 0.0, "gini": None, **dict.fromkeys(LIST_METRICS)}
    return list_metrics(slates, _catalogue(trial), seen=trial.fits.seen, k=k).summary()


def mean_lists(lists: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """Average each property over the cutoffs at which it is defined."""
    means: dict[str, float | None] = {}
    for key in lists[0]:
        values = [value for one in lists if (value := one[key]) is not None]
        means[key] = sum(values) / len(values) if values else None
    return means


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
