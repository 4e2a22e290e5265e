"""The assembled system: the ladder's registry, plans, and models that make every user's list."""

from recsys.recommender.costs import COST_DTYPES, Stopwatch
from recsys.recommender.earlier import Earlier, continued_picks, refresh, require_earlier
from recsys.recommender.examples import Examples, build_examples
from recsys.recommender.fitted import LAST_RESORT, FittedPlan, any_item_ranking, seen_pairs
from recsys.recommender.model import FORMAT, Manifest, Model, Origin, fit, load, save
from recsys.recommender.pick import Pick
from recsys.recommender.plan import BLEND, Plan
from recsys.recommender.plan_source import learn_plan, source_of_plan
from recsys.recommender.ranked import Ranked, RankerSet, scored_pairs, standardised
from recsys.recommender.ranking_plan import RANKED, RankingPlan
from recsys.recommender.registry import RUNGS, Family, RecommenderSettings, Rung
from recsys.recommender.retrieval_settings import Channel, RetrievalSettings
from recsys.recommender.slate_rules import fit_policy
from recsys.recommender.slates import full_slates
from recsys.recommender.sources import source_of
from recsys.recommender.spaces import parameters_of, with_parameters
from recsys.recommender.two_stage import TwoStage

__all__ = [
    "BLEND",
    "COST_DTYPES",
    "FORMAT",
    "LAST_RESORT",
    "RANKED",
    "RUNGS",
    "Channel",
    "Earlier",
    "Examples",
    "Family",
    "FittedPlan",
    "Manifest",
    "Model",
    "Origin",
    "Pick",
    "Plan",
    "Ranked",
    "RankerSet",
    "RankingPlan",
    "RecommenderSettings",
    "RetrievalSettings",
    "Rung",
    "Stopwatch",
    "TwoStage",
    "any_item_ranking",
    "build_examples",
    "continued_picks",
    "fit",
    "fit_policy",
    "full_slates",
    "learn_plan",
    "load",
    "parameters_of",
    "refresh",
    "require_earlier",
    "save",
    "scored_pairs",
    "seen_pairs",
    "source_of",
    "source_of_plan",
    "standardised",
    "with_parameters",
]
