"""The second stage: rankers behind one protocol, what they learn from, and how their scores become one."""

from recsys.ranking.boosted import BoostedTrees, FittedTrees
from recsys.ranking.linear import FittedLinear, Linear
from recsys.ranking.ranker import FittedRanker, Ranker
from recsys.ranking.registry import RANKERS, has_trees, load_ranker, ranker_of
from recsys.ranking.rows import Rows, sample_rows
from recsys.ranking.settings import BOOSTING_SPACE, BoostingSettings, RankerName, RankingSettings

__all__ = [
    "BOOSTING_SPACE",
    "RANKERS",
    "BoostedTrees",
    "BoostingSettings",
    "FittedLinear",
    "FittedRanker",
    "FittedTrees",
    "Linear",
    "Ranker",
    "RankerName",
    "RankingSettings",
    "Rows",
    "has_trees",
    "load_ranker",
    "ranker_of",
    "sample_rows",
]
