"""Rankers compete on the latest earlier windows. For each of these they learn from the windows before it alone.

What does not depend on the rankers is made once, so that rankers with other settings may compete again at little cost.
Users without history are judged apart: recent popularity is their floor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.candidates import best_per_user
from recsys.evaluation.learner import Learner, Objective
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.trial import Trial
from recsys.ranking import RankerName, RankingSettings, Rows, ranker_of
from recsys.recommender import Examples, Plan, TwoStage, scored_pairs, standardised

Cold = Literal["ranked", "fallback"]


@dataclass(frozen=True)
class Window:
    """An earlier window: what a ranker learns from it, and the trial where it validates."""

    examples: Examples
    trial: Trial | None


@dataclass(frozen=True)
class Verdict:
    """Which rankers were best.

    Attributes:
        names: the best ranker, or all of them where their mean is better by enough.
        cold: what users without history get.
        n_rounds: ranker -> rounds that it took.
        score: mean NDCG over the windows.
    """

    names: tuple[RankerName, ...]
    cold: Cold
    n_rounds: dict[str, int]
    score: float


@dataclass(frozen=True)
class Court:
    """One validation window with all that does not depend on the rankers; NDCG is per user, users in one order."""

    examples: Examples
    trial: Trial
    learner: Learner
    rows: dict[Objective, tuple[Rows, Rows]]  # to learn from, and to stop on
    users: pl.DataFrame
    is_cold: np.ndarray
    fallback: np.ndarray
    plan: Plan
    k: int

    @classmethod
    def hold(cls, window: Window, before: Sequence[Examples], learner: Learner, rival: Plan, k: int) -> "Court":
        """Prepare a window that validates."""
        if window.trial is None:
            raise ValueError("a window that validates needs its trial")
        users = window.trial.sample(learner.stage.settings.ranking.max_users)
        nothing = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64})
        return cls(
            examples=window.examples,
            trial=window.trial,
            learner=learner,
            rows={
                name: (learner.rows(before, name), learner.rows([window.examples], name)) for name in learner.objectives
            },
            users=users,
            is_cold=(users["n_events"] == 0).to_numpy(),
            fallback=_ndcg(window.trial, nothing, users, rival, k),
            plan=rival,
            k=k,
        )

    def hear(self, rules: RankingSettings) -> "Hearing":
        """Let rankers learn from the windows before, stop early on this one, and score its candidates."""
        scores = {name: np.zeros(len(self.examples.features)) for name in sorted(rules.rankers)}
        rounds = dict.fromkeys(rules.rankers, 0)
        for objective, (rows, held) in self.rows.items():
            for name in rules.rankers:
                ranker = ranker_of(name, rules)
                learned = ranker.fit(rows, self.learner.names, valid=held if len(held) else None)
                own = standardised(learned.ranker.score(self.examples.features), self.examples.sizes)
                scores[name] += self.learner.objectives[objective] * own
                rounds[name] = max(rounds[name], learned.n_rounds)
        return Hearing(self, scores, rounds)

    def rival_ndcg(self) -> float:
        """Mean NDCG of the best heuristic's lists."""
        lists = self.trial.slates(self.plan, self.users, self.k)
        return float(_of_slates(self.trial, lists, self.users, self.k).mean())


@dataclass(frozen=True)
class Hearing:
    """What rankers made of a window: the standardised score of each of its candidates, and the rounds they took."""

    court: Court
    scores: dict[RankerName, np.ndarray]
    rounds: dict[RankerName, int]

    def per_user(self, names: Sequence[RankerName]) -> np.ndarray:
        """NDCG of the mean of some rankers."""
        court = self.court
        score = np.mean([self.scores[name] for name in names], axis=0)
        user_idx, item_idx = (court.examples.pairs[name].to_numpy() for name in ("user_idx", "item_idx"))
        scored = scored_pairs(user_idx, item_idx, score, court.trial.fits.ties)
        return _ndcg(court.trial, best_per_user(scored, court.k, None), court.users, court.plan, court.k)

    def ndcg(self, names: Sequence[RankerName], cold: Cold) -> float:
        """Mean NDCG, users without history given the fallback where `cold` says so."""
        ranked = self.per_user(names)
        return float(
            np.where(self.court.is_cold, self.court.fallback, ranked).mean() if cold == "fallback" else ranked.mean()
        )


@dataclass(frozen=True)
class Contest:
    """All courts.

    Attributes:
        windows: every window with a positive; rankers may learn from all of them at the end.
        learner: what fits rankers.
        courts: the windows that validate.
    """

    windows: Sequence[Window]
    learner: Learner
    courts: Sequence[Court]

    @classmethod
    def hold(
        cls, windows: Sequence[Window], rival: Plan, stage: TwoStage, *, target: str, as_of: datetime, k: int
    ) -> "Contest | None":
        """Prepare the windows that validate; see `choose_ranked`. None with fewer than two windows with a positive."""
        windows = [window for window in windows if window.examples.has_positive(target)]
        n_trials = sum(window.trial is not None for window in windows)
        n_validation = min(stage.settings.ranking.validation_windows, n_trials, len(windows) - 1)
        if n_validation < 1:
            return None
        first = len(windows) - n_validation
        every = [window.examples for window in windows]
        learner = Learner.of(stage, target, as_of, every[:first])
        courts = [Court.hold(windows[i], every[:i], learner, rival, k) for i in range(first, len(windows))]
        return cls(windows, learner, courts)

    def judge(self, rules: RankingSettings) -> Verdict:
        """Let rankers compete, with settings of their own.

        Args:
            rules: the rankers, and how trees grow; the rows were sampled by the rules of the stage.
        """
        hearings = [court.hear(rules) for court in self.courts]
        names = best_names(hearings, rules)
        cold = _cold_policy(hearings, names)
        n_rounds: dict[str, int] = {name: round(mean(one.rounds[name] for one in hearings)) for name in names}
        return Verdict(names, cold, n_rounds, mean(one.ndcg(names, cold) for one in hearings))


def best_names(hearings: Sequence[Hearing], rules: RankingSettings) -> tuple[RankerName, ...]:
    """Return the best single ranker, or all where their mean is better by enough than it and than taking any."""
    if len(rules.rankers) == 1:
        return rules.rankers
    single = np.array([[one.ndcg([name], "ranked") for name in rules.rankers] for one in hearings])
    together = mean(one.ndcg(rules.rankers, "ranked") for one in hearings)
    if together > max(_best_unseen(single), single.mean()) * (1.0 + rules.ensemble_gain):
        return rules.rankers
    return (rules.rankers[int(single.mean(axis=0).argmax())],)


def _best_unseen(ndcg: NDArray[np.float64]) -> float:
    """Return what the best ranker has on a window that did not choose it: that of the others is taken on each.

    The best of some on the windows that chose it owes a part of its lead to luck, so that nothing could beat it there.

    Args:
        ndcg: shape (n_windows, n_rankers); the only window chooses for itself.

    Example:
        >>> _best_unseen(np.array([[0.3, 0.1], [0.2, 0.6]]))  # on the first the second serves, and the other way round
        0.15...
    """
    others = ndcg.sum(axis=0) - ndcg if len(ndcg) > 1 else ndcg
    return mean(ndcg[np.arange(len(ndcg)), others.argmax(axis=1)])


def _cold_policy(hearings: Sequence[Hearing], names: Sequence[RankerName]) -> Cold:
    """Let users without history have the ranker's list only where it beats the fallback on them."""
    gains = np.concatenate([(one.per_user(names) - one.court.fallback)[one.court.is_cold] for one in hearings])
    return "ranked" if len(gains) and gains.mean() > 0 else "fallback"


def _ndcg(trial: Trial, candidates: pl.DataFrame, users: pl.DataFrame, plan: Plan, k: int) -> np.ndarray:
    slates = trial.fill(candidates, plan.fallback, users, k, trial.excluded(plan.repeats, users))
    return _of_slates(trial, slates, users, k)


def _of_slates(trial: Trial, slates: pl.DataFrame, users: pl.DataFrame, k: int) -> np.ndarray:
    truth = trial.truth.join(users, on="user_idx", how="semi")
    return per_user_metrics(slates, truth, k=k).sort("user_idx")["ndcg"].to_numpy()


def mean(values: Iterable[float]) -> float:
    """Average some numbers."""
    return float(np.mean(list(values)))
