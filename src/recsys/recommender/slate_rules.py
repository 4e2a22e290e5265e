"""The slate policy of a configuration, with what it borrows from candidate sources."""

from collections.abc import Callable

from recsys.candidates import ItemList, NewArrivals, Tables
from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy import NEW_ARRIVALS, VECTORS, SlatePolicy
from recsys.recommender.pick import Pick
from recsys.recommender.registry import RUNGS, RecommenderSettings
from recsys.recommender.sources import source_of


def fit_policy(
    knowledge: Knowledge, settings: RecommenderSettings, fitted: Callable[[Pick], Tables] | None = None
) -> SlatePolicy:
    """Learn what the rules of the final list must know.

    Time:
        Reads what `knowledge` holds, `known_at < as_of`.

    Args:
        knowledge: everything known at the instant for which lists are made.
        settings: the recommender's settings, with the rules under `slate`.
        fitted: where to ask for what a variant learned; by default it is fitted here.

    Raises:
        ConfigError: if the file of blocked items cannot be read.
    """
    rules, lent = settings.slate, {}
    if rules.diversity.relevance_weight < 1 and rules.diversity.by in VECTORS:
        rung = rules.diversity.by
        pick = Pick(rung=rung, variant=next(iter(RUNGS[rung].variants(rung, settings))))
        lent["vectors"] = (fitted(pick) if fitted else source_of(pick, settings).fit(knowledge))["items"]
    if rules.fresh.position is not None:
        source = ItemList(NEW_ARRIVALS, NewArrivals(rules.fresh.younger_than))
        lent["arrivals"] = source.fit(knowledge)["ranking"]
    return SlatePolicy.fit(rules, knowledge, lent)
