"""From a plan to the one source that makes its lists."""

from recsys.candidates import Blend, CandidateSource, Part
from recsys.errors import NotFittedError
from recsys.recommender.plan import BLEND, Plan
from recsys.recommender.ranked import Ranked, RankerSet
from recsys.recommender.ranking_plan import RANKED
from recsys.recommender.registry import RecommenderSettings
from recsys.recommender.sources import source_of


def source_of_plan(plan: Plan, settings: RecommenderSettings, rankers: RankerSet | None = None) -> CandidateSource:
    """Return the one source of a plan: its only part, the blend of its parts, or the ranked candidates.

    Raises:
        NotFittedError: if the plan ranks and there are no fitted rankers.
    """
    if plan.ranking is not None:
        if rankers is None:
            raise NotFittedError("ranked: the plan needs fitted rankers; train it on earlier windows first")
        return Ranked(RANKED, settings, rankers)
    if len(plan.parts) == 1:
        return source_of(plan.parts[0], settings)
    return Blend(BLEND, tuple(Part(source_of(pick, settings), pick.weight) for pick in plan.parts))
