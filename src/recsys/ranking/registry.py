"""Every ranker by name. To add one, write a `Ranker` and name it here."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from recsys.ranking.boosted import BoostedTrees, FittedTrees
from recsys.ranking.linear import FittedLinear, Linear
from recsys.ranking.ranker import FittedRanker, Ranker
from recsys.ranking.settings import RankerName, RankingSettings

RANKERS: Mapping[RankerName, Ranker] = {
    "lambdarank": BoostedTrees("lambdarank"),
    "xendcg": BoostedTrees("rank_xendcg"),
    "pointwise": BoostedTrees("binary"),
    "linear": Linear(),
}

_LOADERS: Mapping[RankerName, Callable[[Path], FittedRanker]] = {
    "lambdarank": FittedTrees.load,
    "xendcg": FittedTrees.load,
    "pointwise": FittedTrees.load,
    "linear": FittedLinear.load,
}


def ranker_of(name: RankerName, settings: RankingSettings) -> Ranker:
    """Return a ranker as the settings want it."""
    ranker = RANKERS[name]
    return replace(ranker, growth=settings.boosting) if isinstance(ranker, BoostedTrees) else ranker


def has_trees(settings: RankingSettings) -> bool:
    """Whether any of the rankers that compete is made of trees."""
    return any(isinstance(RANKERS[name], BoostedTrees) for name in settings.rankers)


def load_ranker(name: RankerName, path: Path) -> FittedRanker:
    """Read a saved ranker; `path` has no suffix.

    Raises:
        ArtifactError: if the file is missing or damaged.
    """
    return _LOADERS[name](path)
