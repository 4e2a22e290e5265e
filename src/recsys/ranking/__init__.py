"""The second stage: rankers behind one protocol, what they learn from, and how their scores become one."""

from recsys.ranking.boosted import BoostedTrees, FittedTrees
from recsys.ranking.linear import FittedLinear, Linear
from recsys.ranking.ranker import FittedRanker, Ranker
from recsys.ranking.registry import RANKERS, load_ranker
from recsys.ranking.rows import Rows, sample_rows
from recsys.ranking.settings import RankerName, RankingSettings

__all__ = [
    "RANKERS",
    "BoostedTrees",
    "FittedLinear",
    "FittedRanker",
    "FittedTrees",
    "Linear",
    "Ranker",
    "RankerName",
    "RankingSettings",
    "Rows",
    "load_ranker",
    "sample_rows",
]
