"""Does a learned ranker pay here? Rankers compete on the latest earlier windows, against the best heuristic there.

For each validation window the rankers learn from the windows before it alone. The winner learns again from all windows,
with the rounds that it took. Users without history are judged apart: recent popularity is their floor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

from recsys.candidates import best_per_user
from recsys.evaluation.channels import ChannelFacts, channel_facts
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.trial import Trial
from recsys.ranking import RANKERS, FittedRanker, RankerName, RankingSettings, Rows
from recsys.recommender import Examples, Plan, RankerSet, RankingPlan, TwoStage, scored_pairs, standardised

Objective = str
Key = tuple[Objective, RankerName]


@dataclass(frozen=True)
class Window:
    """An earlier window: what a ranker learns from it, and the trial where it validates."""

    examples: Examples
    trial: Trial | None


@dataclass(frozen=True)
class RankedChoice:
    """What the validation windows say.

    Attributes:
        plan: the plan that ranks.
        rankers: its rankers, fitted on all windows.
        score: mean NDCG over the validation windows.
        rival_score: that of the best heuristic on the same users.
        n_windows: how many validation windows there were.
        channels: what each retrieval channel brought there.
    """

    plan: Plan
    rankers: RankerSet
    score: float
    rival_score: float
    n_windows: int
    channels: tuple[ChannelFacts, ...]


def choose_ranked(
    windows: Sequence[Window], rival: Plan, stage: TwoStage, *, target: str, as_of: datetime, k: int
) -> RankedChoice | None:
    """Let the rankers compete.

    Time:
        The windows are the only input; their labels were known before `as_of`.

    Args:
        windows: earlier windows with labels, ascending; those that validate come last and have a trial.
        rival: the best heuristic's plan, which also names the fallback and the repeats policy.
        stage: retrieval and features.
        target: the target reward.
        as_of: the instant for which the ranker is chosen.
        k: list depth of NDCG.

    Returns:
        The choice, or None with fewer than two windows with a positive: nothing could be learned and validated.
    """
    rules = stage.settings.ranking
    windows = [window for window in windows if window.examples.has_positive(target)]
    n_trials = sum(window.trial is not None for window in windows)
    n_validation = min(rules.validation_windows, n_trials, len(windows) - 1)
    if n_validation < 1:
        return None
    first = len(windows) - n_validation
    learner = _Learner.of(stage, target, as_of, [window.examples for window in windows[:first]])
    courts = [_Court.hold(windows[i], windows[:i], learner, rival, k) for i in range(first, len(windows))]
    names = _best_names(courts, rules)
    cold = _cold_policy(courts, names)
    n_rounds: dict[str, int] = {name: round(_mean(court.rounds[name] for court in courts)) for name in names}
    plan = RankingPlan(rankers=names, objectives=learner.objectives, cold=cold, n_rounds=n_rounds, windows=len(windows))
    fitted = learner.refit([window.examples for window in windows], plan)
    return RankedChoice(
        plan=Plan(fallback=rival.fallback, repeats=rival.repeats, ranking=plan),
        rankers=RankerSet(plan, fitted),
        score=_mean(court.ndcg(names, cold) for court in courts),
        rival_score=_mean(float(court.rival.mean()) for court in courts),
        n_windows=len(courts),
        channels=tuple(_channels(courts, stage, target)),
    )


def _channels(courts: Sequence["_Court"], stage: TwoStage, target: str) -> list[ChannelFacts]:
    """Measure the channels on the windows that validate."""
    n_labels = [
        _require_trial(court.window).truth.join(court.users, on="user_idx", how="semi").height for court in courts
    ]
    return channel_facts([court.window.examples for court in courts], n_labels, stage, target=target)


@dataclass(frozen=True)
class _Learner:
    """Fits rankers on windows.

    Attributes:
        objectives: reward -> its weight in the score; those of which there is nothing to learn are left out.
    """

    stage: TwoStage
    as_of: datetime
    objectives: dict[Objective, float]

    @classmethod
    def of(cls, stage: TwoStage, target: str, as_of: datetime, before: Sequence[Examples]) -> "_Learner":
        wanted = stage.settings.ranking.objectives
        known = {name: weight for name, weight in wanted.items() if any(one.has_positive(name) for one in before)}
        return cls(stage, as_of, known or {target: 1.0})

    @property
    def rules(self) -> RankingSettings:
        return self.stage.settings.ranking

    def rows(self, examples: Sequence[Examples], objective: Objective) -> Rows:
        return Rows.join([one.training_rows(objective, self.as_of, self.rules) for one in examples])

    def compete(self, before: Sequence[Examples], valid: Examples) -> dict[Key, tuple[FittedRanker, int]]:
        """Fit every competing ranker on the windows before, stopping early on the window itself."""
        fitted = {}
        for objective in self.objectives:
            rows, held = self.rows(before, objective), self.rows([valid], objective)
            for name in self.rules.rankers:
                learned = RANKERS[name].fit(rows, self._names, valid=held if len(held) else None)
                fitted[objective, name] = (learned.ranker, learned.n_rounds)
        return fitted

    def refit(self, examples: Sequence[Examples], plan: RankingPlan) -> dict[Key, FittedRanker]:
        """Fit the chosen rankers on all windows, with their rounds frozen."""
        fitted = {}
        for objective in plan.objectives:
            rows = self.rows(examples, objective)
            for name in plan.rankers:
                fitted[objective, name] = RANKERS[name].fit(rows, self._names, n_rounds=plan.n_rounds[name]).ranker
        return fitted

    @property
    def _names(self) -> list[str]:
        return [feature.name for feature in self.stage.features]


@dataclass(frozen=True)
class _Court:
    """One validation window: NDCG per user of every ranker, of the fallback and of the rival, users in one order."""

    scores: dict[RankerName, np.ndarray]  # standardised score per candidate
    rounds: dict[RankerName, int]
    window: Window
    users: pl.DataFrame
    is_cold: np.ndarray
    fallback: np.ndarray
    rival: np.ndarray
    k: int
    plan: Plan

    @classmethod
    def hold(cls, window: Window, before: Sequence[Window], learner: _Learner, rival: Plan, k: int) -> "_Court":
        trial, examples = _require_trial(window), window.examples
        fitted = learner.compete([one.examples for one in before], examples)
        users = trial.sample(trial.fits.settings.ranking.max_users)
        names = sorted({name for _, name in fitted})
        scores = {name: np.zeros(len(examples.features)) for name in names}
        for (objective, name), (ranker, _) in fitted.items():
            weight = learner.objectives[objective]
            scores[name] += weight * standardised(ranker.score(examples.features), examples.sizes)
        rounds = {name: max(n for (_, other), (_, n) in fitted.items() if other == name) for name in names}
        nothing = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64})
        return cls(
            scores=scores,
            rounds=rounds,
            window=window,
            users=users,
            is_cold=(users["n_events"] == 0).to_numpy(),
            fallback=_ndcg(trial, nothing, users, rival, k),
            rival=_of_slates(trial, trial.slates(rival, users, k), users, k),
            k=k,
            plan=rival,
        )

    def per_user(self, names: Sequence[RankerName]) -> np.ndarray:
        """NDCG of the mean of some rankers."""
        trial, pairs = _require_trial(self.window), self.window.examples.pairs
        score = np.mean([self.scores[name] for name in names], axis=0)
        ties = trial.fits.ties
        scored = scored_pairs(pairs["user_idx"].to_numpy(), pairs["item_idx"].to_numpy(), score, ties)
        return _ndcg(trial, best_per_user(scored, self.k, None), self.users, self.plan, self.k)

    def ndcg(self, names: Sequence[RankerName], cold: str) -> float:
        """Mean NDCG, users without history given the fallback where `cold` says so."""
        ranked = self.per_user(names)
        return float(np.where(self.is_cold, self.fallback, ranked).mean() if cold == "fallback" else ranked.mean())


def _best_names(courts: Sequence[_Court], rules: RankingSettings) -> tuple[RankerName, ...]:
    """Return the best single ranker, or all of them where their mean is better by enough."""
    single = {name: _mean(court.ndcg([name], "ranked") for court in courts) for name in rules.rankers}
    best = max(single, key=lambda name: single[name])
    if len(single) == 1:
        return (best,)
    together = _mean(court.ndcg(rules.rankers, "ranked") for court in courts)
    return rules.rankers if together > single[best] * (1.0 + rules.ensemble_gain) else (best,)


def _cold_policy(courts: Sequence[_Court], names: Sequence[RankerName]) -> Literal["ranked", "fallback"]:
    """Let users without history have the ranker's list only where it beats the fallback on them."""
    gains = np.concatenate([(court.per_user(names) - court.fallback)[court.is_cold] for court in courts])
    return "ranked" if len(gains) and gains.mean() > 0 else "fallback"


def _ndcg(trial: Trial, candidates: pl.DataFrame, users: pl.DataFrame, plan: Plan, k: int) -> np.ndarray:
    slates = trial.fill(candidates, plan.fallback, users, k, trial.excluded(plan.repeats, users))
    return _of_slates(trial, slates, users, k)


def _of_slates(trial: Trial, slates: pl.DataFrame, users: pl.DataFrame, k: int) -> np.ndarray:
    truth = trial.truth.join(users, on="user_idx", how="semi")
    return per_user_metrics(slates, truth, k=k).sort("user_idx")["ndcg"].to_numpy()


def _require_trial(window: Window) -> Trial:
    if window.trial is None:
        raise ValueError("a window that validates needs its trial")
    return window.trial


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
