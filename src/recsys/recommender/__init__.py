"""The assembled system: the ladder's registry, plans, and models that make every user's list."""

from recsys.recommender.model import FORMAT, LAST_RESORT, Manifest, Model, fit, load, save, seen_pairs
from recsys.recommender.plan import BLEND, Pick, Plan, source_of, source_of_plan
from recsys.recommender.registry import RUNGS, Family, RecommenderSettings, Rung
from recsys.recommender.slates import full_slates

__all__ = [
    "BLEND",
    "FORMAT",
    "LAST_RESORT",
    "RUNGS",
    "Family",
    "Manifest",
    "Model",
    "Pick",
    "Plan",
    "RecommenderSettings",
    "Rung",
    "fit",
    "full_slates",
    "load",
    "save",
    "seen_pairs",
    "source_of",
    "source_of_plan",
]
