"""Choose on earlier windows: the variant of each rung, the weights of the blend, the rung that serves, and repeats.

Nothing of the window under test is read: a plan for cutoff T comes from trials whose labels were all known before T.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from recsys.candidates import DEPTH, add_weighted, best_per_user, side_by_side
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.trial import Trial
from recsys.recommender import BLEND, RUNGS, Family, Pick, Plan, RecommenderSettings

FAMILIES: tuple[Family, ...] = ("personal", "covisits", "segment", "popularity")


@dataclass(frozen=True)
class Selection:
    """What earlier windows decided.

    Attributes:
        plans: rung -> its best plan.
        scores: rung -> mean NDCG of that plan over the earlier windows; empty if there was none.
        winner: the rung that serves.
        repeat_share: share of earlier labels that the user had before; None if there was no window.
        n_windows: how many earlier windows spoke.
    """

    plans: dict[str, Plan]
    scores: dict[str, float]
    winner: str
    repeat_share: float | None
    n_windows: int

    @property
    def plan(self) -> Plan:
        """The plan of the winner."""
        return self.plans[self.winner]


def select(trials: Sequence[Trial], settings: RecommenderSettings, *, k: int = 10, max_users: int = 5_000) -> Selection:
    """Choose every rung's variant, the blend and the serving rung by mean NDCG@k over earlier windows.

    Time:
        The trials are the only input, so the choice knows what their labels tell and nothing later. With no trial
        every rung takes its first variant and decayed popularity serves.

    Args:
        trials: earlier windows, whose labels were known at the cutoff for which the plan is made.
        settings: the ladder and what it tries.
        k: list depth of the deciding metric.
        max_users: users per window that decide; more are sampled by a hash of their ids.
    """
    used = [trial for trial in trials if trial.truth.height]
    repeats, share = _repeats(used, settings)
    chooser = _Chooser([_Window(trial, trial.sample(max_users), repeats, k) for trial in used], settings, repeats)
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


class _Window:
    """One earlier window with the users that decide."""

    def __init__(self, trial: Trial, users: pl.DataFrame, repeats: str, k: int) -> None:
        self.trial, self.users, self.k = trial, users, k
        self.exclude = trial.excluded(repeats, users)
        self.truth = trial.truth.join(users, on="user_idx", how="semi")

    def ndcg(self, candidates: pl.DataFrame, fallback: Pick | None) -> float:
        top = candidates.filter(pl.int_range(pl.len()).over("user_idx") < self.k)
        slates = self.trial.fill(top, fallback, self.users, self.k, self.exclude)
        return float(per_user_metrics(slates, self.truth, k=self.k)["ndcg"].to_numpy().mean())

    def candidates(self, pick: Pick, depth: int) -> pl.DataFrame:
        return self.trial.candidates(pick, self.users, depth, self.exclude)

    def side_by_side(self, picks: Sequence[Pick]) -> pl.DataFrame:
        """Retrieve each pick as deep as a blend does, and put their scaled scores into columns."""
        return side_by_side([self.candidates(pick, DEPTH) for pick in picks])

    def blend_ndcg(self, parts: pl.DataFrame, weights: Sequence[float], fallback: Pick) -> float:
        """Score the blend of some columns under weights."""
        weighted = add_weighted(parts, weights).join(self.trial.ties, on="item_idx", how="left")
        return self.ndcg(best_per_user(weighted, self.k, None), fallback)


class _Chooser:
    """Climbs the ladder over some windows."""

    def __init__(
        self, windows: Sequence[_Window], settings: RecommenderSettings, repeats: Literal["allow", "exclude"]
    ) -> None:
        self.windows, self.settings, self.repeats = windows, settings, repeats

    def climb(self) -> tuple[dict[str, Plan], dict[str, float]]:
        """Return every rung's best plan and, where windows spoke, its mean NDCG."""
        lists = [name for name in self.settings.ladder if RUNGS[name].family == "popularity"]
        best = {name: self._best_variant(name, None) for name in lists}
        fallback = max(best.values(), key=lambda choice: choice[1])[0] if lists else self._default_fallback()
        if not self.windows and "popularity_decayed" in best:
            fallback = best["popularity_decayed"][0]
        for name in self.settings.ladder:
            if name not in best:
                best[name] = self._best_variant(name, fallback)
        plans = {name: self._plan((best[name][0],), fallback) for name in self.settings.ladder}
        scores = {name: best[name][1] for name in self.settings.ladder} if self.windows else {}
        blend, score = self._best_blend(best, fallback)
        plans[BLEND] = blend
        if self.windows:
            scores[BLEND] = score
        return plans, scores

    def _plan(self, parts: tuple[Pick, ...], fallback: Pick) -> Plan:
        return Plan(parts=parts, fallback=fallback, repeats=self.repeats)

    def _default_fallback(self) -> Pick:
        return self._picks("popularity_decayed")[0]

    def _picks(self, name: str) -> list[Pick]:
        return [Pick(rung=name, variant=variant) for variant in RUNGS[name].variants(name, self.settings)]

    def _best_variant(self, name: str, fallback: Pick | None) -> tuple[Pick, float]:
        scored = [(pick, self._mean(pick, fallback)) for pick in self._picks(name)]
        return max(scored, key=lambda choice: choice[1])

    def _mean(self, pick: Pick, fallback: Pick | None) -> float:
        values = [window.ndcg(window.candidates(pick, window.k), fallback) for window in self.windows]
        return sum(values) / len(values) if values else 0.0

    def _best_blend(self, best: dict[str, tuple[Pick, float]], fallback: Pick) -> tuple[Plan, float]:
        """Add the families greedily to the best one, each with its best weight; the second always joins."""
        leaders = self._leaders(best)
        tables = [window.side_by_side(leaders) for window in self.windows]
        weights, score = [1.0], best[leaders[0].rung][1]
        for n_parts in range(2, len(leaders) + 1):
            tried = [[*weights, weight] for weight in (0.0, *self.settings.blend_weights)[n_parts == 2 :]]
            challenger, value = max(((row, self._blended(tables, row, fallback)) for row in tried), key=lambda x: x[1])
            weights, score = challenger, value
        parts = [
            pick.model_copy(update={"weight": weight}) for pick, weight in zip(leaders, weights, strict=True) if weight
        ]
        return self._plan(tuple(parts), fallback), score

    def _leaders(self, best: dict[str, tuple[Pick, float]]) -> list[Pick]:
        """Return the best rung of each family, best family first."""
        leaders = []
        for family in FAMILIES:
            members = [best[name] for name in self.settings.ladder if RUNGS[name].family == family]
            if members:
                leaders.append(max(members, key=lambda choice: choice[1]))
        return [pick for pick, _ in sorted(leaders, key=lambda choice: -choice[1])]

    def _blended(self, tables: Sequence[pl.DataFrame], weights: Sequence[float], fallback: Pick) -> float:
        values = [
            window.blend_ndcg(table, weights, fallback) for window, table in zip(self.windows, tables, strict=True)
        ]
        return sum(values) / len(values) if values else 0.0
