"""Choose on earlier windows: the variant of each rung, the weights of the blend, the rung that serves, and repeats.

Nothing of the window under test is read: a plan for cutoff T comes from trials whose labels were all known before T.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from recsys.evaluation.channels import ChannelFacts
from recsys.evaluation.deciding_window import DecidingWindow
from recsys.evaluation.trial import Trial
from recsys.recommender import BLEND, RUNGS, Family, Pick, Plan, RankerSet, RecommenderSettings

FAMILIES: tuple[Family, ...] = ("personal", "collaborative", "segment", "popularity")


@dataclass(frozen=True)
class Duel:
    """A learned ranker against the best heuristic, on the same users of the same windows.

    Attributes:
        rival: the heuristic.
        score: mean NDCG of the ranker.
        rival_score: that of the heuristic.
        n_windows: windows on which they met, the latest of the earlier ones.
    """

    rival: str
    score: float
    rival_score: float
    n_windows: int

    @property
    def is_won(self) -> bool:
        """Whether the ranker serves."""
        return self.score > self.rival_score

    def describe(self) -> str:
        """Say in words how they met, the better one first."""
        found = [(self.score, "a learned ranker"), (self.rival_score, self.rival)]
        (better, _), (worse, loser) = found if self.is_won else found[::-1]
        return f"mean NDCG {better:.4f} against {worse:.4f} of {loser} on the latest {self.n_windows} window(s)"


@dataclass(frozen=True)
class Selection:
    """What earlier windows decided.

    Attributes:
        plans: rung -> its best plan.
        scores: rung -> mean NDCG of that plan over the earlier windows. A rung that had no candidates of its own in any
            of them is absent: its lists were the fallback's. Empty if there was no window. That of the ranker is over
            the windows of its duel.
        winner: the rung that serves: the best heuristic of those scored, or the ranker if it won the duel.
        repeat_share: share of earlier labels that the user had before; None if there was no window.
        n_windows: how many earlier windows spoke.
        rankers: of the plan that ranks, where there is one.
        duel: how the ranker was compared, where there is one.
        channels: what each retrieval channel brought on the windows of the duel.
    """

    plans: dict[str, Plan]
    scores: dict[str, float]
    winner: str
    repeat_share: float | None
    n_windows: int
    rankers: RankerSet | None = None
    duel: Duel | None = None
    channels: tuple[ChannelFacts, ...] = ()

    @property
    def plan(self) -> Plan:
        """The plan of the winner."""
        return self.plans[self.winner]

    def describe(self) -> str:
        """Say in words what serves and what decided it."""
        if not self.scores:
            return "no earlier window had labels and candidates, so the declared default serves"
        if self.duel and self.duel.is_won:
            return f"{self.plan.describe()}; {self.duel.describe()}"
        said = f"best heuristic on {self.n_windows} earlier window(s): {self.plan.describe()}"
        return f"{said}; {self.duel.describe()}" if self.duel else said


def select(trials: Sequence[Trial], settings: RecommenderSettings, *, k: int = 10, max_users: int = 5_000) -> Selection:
    """Choose every rung's variant, the blend and the serving rung by mean NDCG@k over earlier windows.

    Time:
        The trials are the only input, so the choice knows what their labels tell and nothing later. With no trial
        every rung takes its first variant and decayed popularity serves and fills.

    Args:
        trials: earlier windows, whose labels were known at the cutoff for which the plan is made.
        settings: the ladder and what it tries.
        k: list depth of the deciding metric.
        max_users: users per window that decide; more are sampled by a hash of their ids.
    """
    used = [trial for trial in trials if trial.truth.height]
    repeats, share = _repeats(used, settings)
    windows = [DecidingWindow(trial, trial.sample(max_users), repeats, k) for trial in used]
    chooser = _Chooser(windows, settings, repeats)
    plans, scores = chooser.climb()
    winner = max(scores, key=lambda rung: scores[rung]) if scores else _default_rung(settings)
    return Selection(plans, scores, winner, share, len(used))


def _default_rung(settings: RecommenderSettings) -> str:
    return "popularity_decayed" if "popularity_decayed" in settings.ladder else settings.ladder[0]


def _repeats(
    trials: Sequence[Trial], settings: RecommenderSettings
) -> tuple[Literal["allow", "exclude"], float | None]:
    """Measure the share of repeats among labels and decide whether lists may hold what the user had."""
    n_labels = sum(trial.truth.height for trial in trials)
    keys = ["user_idx", "item_idx"]
    n_repeats = sum(trial.truth.join(trial.fits.seen, on=keys, how="semi").height for trial in trials)
    share = n_repeats / n_labels if n_labels else None
    if settings.repeats != "auto":
        return settings.repeats, share
    return ("exclude" if share is not None and share < settings.min_repeat_share else "allow"), share


@dataclass(frozen=True)
class _Tried:
    """A variant, its mean NDCG over the windows, and whether any of them had candidates of its own."""

    pick: Pick
    score: float
    has_data: bool


class _Chooser:
    """Climbs the ladder over some windows."""

    def __init__(
        self, windows: Sequence[DecidingWindow], settings: RecommenderSettings, repeats: Literal["allow", "exclude"]
    ) -> None:
        self.windows, self.settings, self.repeats = windows, settings, repeats

    def climb(self) -> tuple[dict[str, Plan], dict[str, float]]:
        """Return every rung's best plan and, where windows spoke, the mean NDCG of those with data."""
        fallback = self._fallback()
        best = {name: self._best_variant(name, fallback) for name in self.settings.ladder}
        plans = {name: self._plan((tried.pick,), fallback) for name, tried in best.items()}
        scores = {name: tried.score for name, tried in best.items() if tried.has_data}
        leaders = self._leaders([best[name] for name in scores or self.settings.ladder])
        plans[BLEND], score = self._best_blend(leaders, fallback)
        if scores:
            scores[BLEND] = score
        return plans, scores

    def _fallback(self) -> Pick:
        """Return the best item list by itself among those with a ranking in every window, else decayed popularity."""
        names = [name for name in self.settings.ladder if RUNGS[name].family == "popularity"]
        picks = [pick for name in names for pick in self._picks(name)]
        full = [pick for pick in picks if all(window.has_ranking(pick) for window in self.windows)]
        if not self.windows or not full:
            return self._picks("popularity_decayed")[0]
        return max(full, key=lambda pick: self._try(pick, None).score)

    def _plan(self, parts: tuple[Pick, ...], fallback: Pick) -> Plan:
        return Plan(parts=parts, fallback=fallback, repeats=self.repeats)

    def _picks(self, name: str) -> list[Pick]:
        return [Pick(rung=name, variant=variant) for variant in RUNGS[name].variants(name, self.settings)]

    def _best_variant(self, name: str, fallback: Pick) -> _Tried:
        """Return the best of the variants with data, or of all where none has any."""
        tried = [self._try(pick, fallback) for pick in self._picks(name)]
        return max([one for one in tried if one.has_data] or tried, key=lambda one: one.score)

    def _try(self, pick: Pick, fallback: Pick | None) -> _Tried:
        own = [window.candidates(pick, window.k) for window in self.windows]
        values = [window.ndcg(frame, fallback) for window, frame in zip(self.windows, own, strict=True)]
        return _Tried(pick, _mean(values), any(not frame.is_empty() for frame in own))

    def _leaders(self, tried: Sequence[_Tried]) -> list[_Tried]:
        """Return the best rung of each family, best family first."""
        leaders = []
        for family in FAMILIES:
            members = [one for one in tried if RUNGS[one.pick.rung].family == family]
            if members:
                leaders.append(max(members, key=lambda one: one.score))
        return sorted(leaders, key=lambda one: -one.score)

    def _best_blend(self, leaders: Sequence[_Tried], fallback: Pick) -> tuple[Plan, float]:
        """Add the families greedily to the best one, each with its best weight; the second always joins."""
        picks = [one.pick for one in leaders]
        tables = [window.side_by_side(picks) for window in self.windows]
        weights, score = [1.0], leaders[0].score
        for n_parts in range(2, len(picks) + 1):
            tried = [[*weights, weight] for weight in (0.0, *self.settings.blend_weights)[n_parts == 2 :]]
            challenger, value = max(((row, self._blended(tables, row, fallback)) for row in tried), key=lambda x: x[1])
            weights, score = challenger, value
        parts = [
            pick.model_copy(update={"weight": weight}) for pick, weight in zip(picks, weights, strict=True) if weight
        ]
        return self._plan(tuple(parts), fallback), score

    def _blended(self, tables: Sequence[pl.DataFrame], weights: Sequence[float], fallback: Pick) -> float:
        return _mean(
            [window.blend_ndcg(table, weights, fallback) for window, table in zip(self.windows, tables, strict=True)]
        )


def _mean(values: Sequence[float]) -> float:
    """Average over the windows; 0 where there is none."""
    return sum(values) / len(values) if values else 0.0
