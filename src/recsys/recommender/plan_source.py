"""From a plan to the one source that makes its lists, and to what that source learns."""

from recsys.candidates import Blend, CandidateSource, Part, Tables, part_prefix
from recsys.errors import NotFittedError
from recsys.knowledge import Knowledge
from recsys.recommender.pick import Pick
from recsys.recommender.plan import BLEND, Plan
from recsys.recommender.ranked import Ranked, RankerSet
from recsys.recommender.ranking_plan import RANKED
from recsys.recommender.registry import RecommenderSettings
from recsys.recommender.sources import source_of
from recsys.recommender.two_stage import Fitted, TwoStage, channel_prefix


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


def learn_plan(
    plan: Plan, settings: RecommenderSettings, rankers: RankerSet | None, knowledge: Knowledge, fitted: Fitted
) -> Tables:
    """Return what a plan's source learns, put together from what its variants learn.

    Time:
        Reads what `knowledge` holds, `known_at < as_of`.

    Args:
        plan: the plan.
        settings: the recommender's settings, which name its variants.
        rankers: of a plan that ranks.
        knowledge: everything known at one instant.
        fitted: what learns a variant.

    Raises:
        NotFittedError: if the plan ranks and there are no fitted rankers.
    """
    source = source_of_plan(plan, settings, rankers)
    if isinstance(source, Ranked):
        return {**source.stage.fit(knowledge, fitted), **source.own_tables(knowledge)}
    parts = [fitted(pick) for pick in plan.parts]
    ties = knowledge.history.items.select("item_idx", "tie")
    return source.join(parts, ties) if isinstance(source, Blend) else parts[0]


def picks_by_prefix(plan: Plan, settings: RecommenderSettings) -> dict[str, Pick]:
    """Return the variants of a plan, by the prefix of their tables' names among those of its source."""
    if plan.ranking is not None:
        return {channel_prefix(channel): pick for channel, pick in TwoStage(settings).picks.items()}
    if len(plan.parts) == 1:
        return {"": plan.parts[0]}
    return {part_prefix(position): pick for position, pick in enumerate(plan.parts)}
