"""The two-stage recommender as one candidate source: retrieve, compute features, rank."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from recsys.candidates import Tables, best_per_user
from recsys.knowledge import Knowledge
from recsys.ranking import FittedRanker, RankerName, load_ranker
from recsys.recommender.ranking_plan import RankingPlan
from recsys.recommender.registry import RecommenderSettings
from recsys.recommender.two_stage import TwoStage
from recsys.tables import CandidateSet, Floats


@dataclass(frozen=True)
class RankerSet:
    """The fitted rankers of a plan.

    Attributes:
        plan: how they serve together.
        fitted: (objective, ranker) -> what it learned.
    """

    plan: RankingPlan
    fitted: Mapping[tuple[str, RankerName], FittedRanker]

    def score(self, features: Floats, sizes: np.ndarray) -> np.ndarray:
        """Score candidates: per objective the mean over rankers of the score standardised within each query.

        One ranker with one objective passes its own score on.

        Args:
            features: shape (n_rows, n_features).
            sizes: rows of each query.
        """
        if len(self.fitted) == 1:
            return next(iter(self.fitted.values())).score(features).astype(np.float64)
        total = np.zeros(len(features))
        for (objective, _), ranker in self.fitted.items():
            weight = self.plan.objectives[objective] / len(self.plan.rankers)
            total += weight * standardised(ranker.score(features), sizes)
        return total

    def contributions(self, features: Floats) -> Floats:
        """Split scores among features, averaged over rankers and objectives by their weights."""
        parts = [
            self.plan.objectives[objective] / len(self.plan.rankers) * ranker.contributions(features)
            for (objective, _), ranker in self.fitted.items()
        ]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    def save(self, folder: Path) -> None:
        """Write every ranker as text."""
        for (objective, name), ranker in self.fitted.items():
            ranker.save(folder / _file(objective, name))

    @classmethod
    def load(cls, folder: Path, plan: RankingPlan) -> "RankerSet":
        """Read the rankers of a plan.

        Raises:
            ArtifactError: if one is missing or damaged.
        """
        pairs = [(objective, name) for objective in plan.objectives for name in plan.rankers]
        return cls(plan, {(o, name): load_ranker(name, folder / _file(o, name)) for o, name in pairs})


def standardised(score: Floats, sizes: np.ndarray) -> np.ndarray:
    """Scale scores to mean 0 and spread 1 within each query.

    Example:
        >>> standardised(np.array([1.0, 3.0, 5.0], np.float32), np.array([2, 1])).tolist()
        [-1.0, 1.0, 0.0]
    """
    query = np.repeat(np.arange(len(sizes)), sizes)
    values = score.astype(np.float64)
    n = np.maximum(sizes, 1)
    centred = values - (np.bincount(query, values, len(sizes)) / n)[query]
    spread = np.sqrt(np.bincount(query, centred**2, len(sizes)) / n)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0)[query])


@dataclass(frozen=True)
class Ranked:
    """Candidates of all channels, ordered by fitted rankers. A `CandidateSource`."""

    name: str
    settings: RecommenderSettings
    rankers: RankerSet

    @cached_property
    def stage(self) -> TwoStage:
        """Retrieval and features."""
        return TwoStage(self.settings)

    def fit(self, knowledge: Knowledge) -> Tables:
        """Learn what retrieval and features need; the rankers have learned already."""
        return {**self.stage.fit(knowledge), **self.own_tables(knowledge)}

    def own_tables(self, knowledge: Knowledge) -> Tables:
        """Return what it needs beside the stage: the order of ties, and who has a history."""
        history = knowledge.history
        return {"ties": history.items.select("item_idx", "tie"), "known_users": history.users.select("user_idx")}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Rank each user's candidates; users without history are left to the fallback where the plan says so."""
        if self.rankers.plan.cold == "fallback":
            users = users.join(tables["known_users"], on="user_idx", how="semi", maintain_order="left")
        parts = [
            best_per_user(self._scored(candidates, matrix, tables["ties"]), k, None)
            for candidates, matrix in self.stage.blocks(tables, users, exclude)
        ]
        nothing = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64})
        return pl.concat([nothing, *parts])

    def _scored(self, candidates: CandidateSet, matrix: Floats, ties: pl.DataFrame) -> pl.DataFrame:
        score = self.rankers.score(matrix, candidates.sizes)
        return scored_pairs(candidates.user_idx, candidates.item_idx, score, ties)


def scored_pairs(user_idx: np.ndarray, item_idx: np.ndarray, score: np.ndarray, ties: pl.DataFrame) -> pl.DataFrame:
    """Return `user_idx`, `item_idx`, `score`, `tie`; `ties` has one row per item, in the order of `item_idx`."""
    frame = {"user_idx": user_idx, "item_idx": item_idx, "score": score, "tie": ties["tie"].to_numpy()[item_idx]}
    return pl.DataFrame(frame)


def _file(objective: str, name: str) -> str:
    return f"ranker.{objective}.{name}"
