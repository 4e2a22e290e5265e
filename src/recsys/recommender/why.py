"""Why an item stands in a user's list: who proposed it, and what raised or lowered it, in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from recsys.candidates import DEPTH, side_by_side
from recsys.features import Feature
from recsys.ranking.slate_policy import SlatePolicy
from recsys.recommender.model import Model
from recsys.recommender.ranked import RankerSet
from recsys.recommender.ranking_plan import RANKED
from recsys.recommender.registry import RUNGS
from recsys.recommender.sources import source_of
from recsys.recommender.two_stage import TwoStage
from recsys.tables import CandidateSet, Floats

N_CONTRIBUTIONS = 5
"""Features that an explanation names."""


@dataclass(frozen=True)
class Proposal:
    """A channel that proposed the item, with its own rank and score."""

    channel: str
    rank: int
    score: float


@dataclass(frozen=True)
class Contribution:
    """What a feature added to the ranker's score, or took off it; the value is None where it is missing.

    In the units of the rankers' own scores, averaged where several serve. Those of one ranker add up to its score, less
    a constant.
    """

    feature: str
    value: float | None
    unit: str
    meaning: str
    contribution: float
    reason: str


@dataclass(frozen=True)
class ScorePart:
    """What one part of a heuristic plan added to the score: weight x score, scaled to 1 for the user's best in a blend.

    A single rung is the whole score.
    """

    rung: str
    variant: str
    weight: float
    score: float
    added: float


@dataclass(frozen=True)
class Why:
    """One row of a list, explained.

    Attributes:
        item_id, rank, score, source: as in the slates.
        reason: of the feature that raised the item most, among those that say something to a person; without one, that
            of the row's source.
        proposals: the channels that proposed it, the best rank first; none where no channel was asked.
        contributions: the features that moved its score most, the largest first, either way.
        parts: what a heuristic's score is made of.
    """

    item_id: str
    rank: int
    score: float
    source: str
    reason: str
    proposals: tuple[Proposal, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    parts: tuple[ScorePart, ...] = ()


def explain(model: Model, user_id: str, k: int) -> tuple[Why, ...]:
    """Make a user's list, and say of each row why it is there.

    The list is the one of `Model.recommend`. Rows that come from the fallback have no parts: it shows everyone the
    same. A user whom the model does not know gets the fallback too, or what the plan has for such users.

    Args:
        model: a fitted or loaded model.
        user_id: external id.
        k: list depth.

    Returns:
        One entry per row of the list, by rank.
    """
    (slates,) = model.recommend(pl.Series([user_id]), k)
    if not (slates["source"] == model.manifest.plan.rung).any():
        return tuple(_why(row) for row in slates.iter_rows(named=True))
    return _by_parts(model, slates, k) if model.rankers is None else _by_features(model, model.rankers, slates)


def knows(model: Model, user_id: str) -> bool:
    """Whether the model has learned anything of a user."""
    return user_id in model.users["user_id"]


def _by_features(model: Model, rankers: RankerSet, slates: pl.DataFrame) -> tuple[Why, ...]:
    """Explain a ranked list: proposals of the channels, contributions of the features."""
    users, exclude = _user(model, slates)
    stage = TwoStage(model.manifest.settings)
    candidates = stage.candidates(model.tables, users, exclude)
    matrix = stage.matrix(model.tables, candidates)
    ranked = _Ranked(stage.features, candidates, matrix, rankers.contributions(matrix))
    places = {item_id: place for place, item_id in enumerate(model.items["item_id"].gather(candidates.item_idx))}
    rows = slates.iter_rows(named=True)
    return tuple(ranked.why(row, places[row["item_id"]]) if row["source"] == RANKED else _why(row) for row in rows)


@dataclass(frozen=True)
class _Ranked:
    """One user's candidates, their features and what each feature added."""

    features: tuple[Feature, ...]
    candidates: CandidateSet
    matrix: Floats
    added: Floats

    def why(self, row: Mapping[str, Any], place: int) -> Why:
        """Explain the row of the candidate at a place."""
        order = np.argsort(-np.abs(self.added[place]), kind="stable")
        moved = [self._contribution(place, int(i)) for i in order if self.added[place, i]]
        raised = [one.reason for one in moved if one.contribution > 0 and one.reason]
        reason, top = raised[0] if raised else row["reason"], tuple(moved[:N_CONTRIBUTIONS])
        return replace(_why(row), reason=reason, proposals=self._proposals(place), contributions=top)

    def _contribution(self, place: int, i: int) -> Contribution:
        found, value = self.features[i], float(self.matrix[place, i])
        known, added = None if math.isnan(value) else value, float(self.added[place, i])
        return Contribution(found.name, known, found.unit, found.meaning, added, found.reason)

    def _proposals(self, place: int) -> tuple[Proposal, ...]:
        found = [
            Proposal(channel, int(ranks[place]), float(self.candidates.scores[channel][place]))
            for channel, ranks in self.candidates.ranks.items()
            if not math.isnan(ranks[place])
        ]
        return tuple(sorted(found, key=lambda one: one.rank))


def _by_parts(model: Model, slates: pl.DataFrame, k: int) -> tuple[Why, ...]:
    """Explain the list of a heuristic by what each part of its plan added; the one that added most has the reason."""
    plan, whys = model.manifest.plan, []
    of_blend = _parts_of_blend(model, slates, k) if len(plan.parts) > 1 else {}
    for row in slates.iter_rows(named=True):
        whys.append(_why(row))
        if row["source"] == plan.rung:
            only = ScorePart(plan.parts[0].rung, plan.parts[0].variant, 1.0, row["score"], row["score"])
            parts = of_blend.get(row["item_id"], (only,))
            whys[-1] = replace(whys[-1], reason=RUNGS[parts[0].rung].reason, parts=parts)
    return tuple(whys)


def _parts_of_blend(model: Model, slates: pl.DataFrame, k: int) -> dict[str, tuple[ScorePart, ...]]:
    """Return per item what each part of the blend added, the most first; parts that added nothing are left out."""
    users, exclude = _user(model, slates)
    picks, depth = model.manifest.plan.parts, max(_policy(model).retrieved(k), DEPTH)
    found = []
    for i, pick in enumerate(picks):
        tables = {name.removeprefix(f"{i}."): t for name, t in model.tables.items() if name.startswith(f"{i}.")}
        found.append(source_of(pick, model.manifest.settings).retrieve(tables, users, depth, exclude))
    explained = {}
    for row in side_by_side(found).join(model.items, on="item_idx").iter_rows(named=True):
        scores = [(pick, row[f"part_{i}"]) for i, pick in enumerate(picks)]
        parts = [ScorePart(one.rung, one.variant, one.weight, score, one.weight * score) for one, score in scores]
        explained[row["item_id"]] = tuple(sorted((p for p in parts if p.added > 0), key=lambda p: -p.added))
    return explained


def _why(row: Mapping[str, Any]) -> Why:
    return Why(row["item_id"], row["rank"], row["score"], row["source"], row["reason"])


def _user(model: Model, slates: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Return the user of a list as the model numbers it, and the pairs that the list may not hold."""
    known = slates.select("user_id").unique().join(model.users, on="user_id", how="left")
    users = known.select(pl.col("user_idx").fill_null(model.users.height), "market")
    had = model.seen.join(users, on="user_idx", how="semi") if model.manifest.plan.repeats == "exclude" else None
    return users, _policy(model).excluded(had, users)


def _policy(model: Model) -> SlatePolicy:
    return SlatePolicy.of(model.manifest.settings.slate, model.slate, model.as_of)
