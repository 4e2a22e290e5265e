"""Fitted rankers as one candidate source, and the plans that name them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.errors import NotFittedError
from recsys.knowledge import Knowledge
from recsys.ranking import FittedRanker, RankerName
from recsys.recommender import (
    RANKED,
    Channel,
    Pick,
    Plan,
    Ranked,
    RankerSet,
    RankingPlan,
    RecommenderSettings,
    RetrievalSettings,
    source_of_plan,
)
from recsys.tables import Floats

POPULAR = Pick(rung="popularity_decayed", variant="half_life=7d")
CHANNEL = Channel(name="popular", rung="popularity_window", quota=6)
SETTINGS = RecommenderSettings(retrieval=RetrievalSettings(channels=(CHANNEL,)))
SIZES = np.array([2, 2])
FEATURES = np.array([[1.0, 0.0], [0.0, 3.0], [0.0, 5.0], [8.0, 5.0]], np.float32)


@dataclass(frozen=True)
class ByColumn:
    """A ranker whose score is one feature."""

    column: int
    factor: float = 1.0

    def score(self, features: Floats) -> Floats:
        return features[:, self.column] * np.float32(self.factor)

    def contributions(self, features: Floats) -> Floats:
        split = np.zeros_like(features)
        split[:, self.column] = self.score(features)
        return split

    def importance(self) -> Floats:
        raise NotImplementedError

    def save(self, path: Path) -> None:
        raise NotImplementedError


def rankers(
    fitted: dict[tuple[str, RankerName], FittedRanker], objectives: dict[str, float], cold: str = "ranked"
) -> RankerSet:
    names = tuple(dict.fromkeys(name for _, name in fitted))
    facts = {"rankers": names, "objectives": objectives, "cold": cold, "n_rounds": {}, "windows": 1}
    return RankerSet(RankingPlan.parse(facts, "here"), fitted)


def test_one_ranker_with_one_objective_passes_its_score_on() -> None:
    alone = rankers({("sold", "linear"): ByColumn(0)}, {"sold": 1.0})
    assert alone.score(FEATURES, SIZES).tolist() == [1.0, 0.0, 0.0, 8.0]


def test_rankers_and_objectives_are_added_by_weight_after_scaling_within_each_query() -> None:
    fitted: dict[tuple[str, RankerName], FittedRanker] = {
        ("sold", "linear"): ByColumn(0),
        ("sold", "pointwise"): ByColumn(0, 100.0),
        ("seen", "linear"): ByColumn(1),
        ("seen", "pointwise"): ByColumn(1, -1.0),
    }
    both = rankers(fitted, {"sold": 1.0, "seen": 0.5})
    # The two rankers of `sold` agree once they are scaled, whatever their units; those of `seen` cancel each other.
    assert both.score(FEATURES, SIZES).tolist() == pytest.approx([1.0, -1.0, -1.0, 1.0])
    assert both.contributions(FEATURES[:1]).tolist() == [[0.5 * (1.0 + 100.0), 0.0]]


@pytest.mark.parametrize(("cold", "n_lists"), [("ranked", 2), ("fallback", 1)])
def test_users_without_history_are_left_to_the_fallback_where_the_plan_says_so(
    knowledge: Knowledge, cold: str, n_lists: int
) -> None:
    ranked = Ranked(RANKED, SETTINGS, rankers({("interaction", "linear"): ByColumn(0)}, {"interaction": 1.0}, cold))
    users = knowledge.history.users.select("user_idx", "market").head(1)
    stranger = users.with_columns(user_idx=pl.lit(9_999, pl.UInt32))
    lists = ranked.retrieve(ranked.fit(knowledge), pl.concat([users, stranger]), 4)
    assert lists["user_idx"].n_unique() == n_lists
    assert lists.height == 4 * n_lists


def test_nobody_is_given_nothing(knowledge: Knowledge) -> None:
    ranked = Ranked(RANKED, SETTINGS, rankers({("interaction", "linear"): ByColumn(0)}, {"interaction": 1.0}))
    nobody = knowledge.history.users.select("user_idx", "market").clear()
    lists = ranked.retrieve(ranked.fit(knowledge), nobody, 4)
    assert lists.schema == {"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64}
    assert lists.is_empty()


RANKING = rankers({("sold", "linear"): ByColumn(0)}, {"sold": 1.0}, "fallback").plan


@pytest.mark.parametrize("more", [{}, {"parts": (POPULAR,), "ranking": RANKING}])
def test_a_plan_is_made_of_parts_or_of_a_ranking(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="parts or a ranking, one of them"):
        Plan(fallback=POPULAR, repeats="allow", **more)  # type: ignore[arg-type]


def test_a_plan_that_ranks_needs_fitted_rankers() -> None:
    plan = Plan(ranking=RANKING, fallback=POPULAR, repeats="allow")
    assert (plan.rung, plan.describe()) == (RANKED, RANKING.describe())
    assert RANKING.describe() == "linear learned from 1 window(s), fallback for users without history"
    with pytest.raises(NotFittedError, match="ranked: the plan needs fitted rankers"):
        source_of_plan(plan, SETTINGS)
