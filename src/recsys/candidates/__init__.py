"""Candidate sources: each learns from what is known at `as_of` and proposes items for users."""

from recsys.candidates.blend import DEPTH, Blend, Part, add_weighted, side_by_side
from recsys.candidates.covisits import CoVisits
from recsys.candidates.item_lists import (
    AllTimePopularity,
    AnyItem,
    DecayedPopularity,
    ItemList,
    NewArrivals,
    SameSeasonLastYear,
    Trending,
    WindowedPopularity,
)
from recsys.candidates.knowledge import Knowledge, gather
from recsys.candidates.personal import PersonalHistory, Repurchase
from recsys.candidates.segments import CategoryPopularity, MarketPopularity
from recsys.candidates.source import CandidateSource, Tables, best_for_all, best_per_user

__all__ = [
    "DEPTH",
    "AllTimePopularity",
    "AnyItem",
    "Blend",
    "CandidateSource",
    "CategoryPopularity",
    "CoVisits",
    "DecayedPopularity",
    "ItemList",
    "Knowledge",
    "MarketPopularity",
    "NewArrivals",
    "Part",
    "PersonalHistory",
    "Repurchase",
    "SameSeasonLastYear",
    "Tables",
    "Trending",
    "WindowedPopularity",
    "add_weighted",
    "best_for_all",
    "best_per_user",
    "gather",
    "side_by_side",
]
