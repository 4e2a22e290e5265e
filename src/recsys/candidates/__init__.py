"""Candidate sources: each learns from what is known at `as_of` and proposes items for users."""

from recsys.candidates.blend import DEPTH, Blend, Part, add_weighted, part_prefix, side_by_side
from recsys.candidates.covisits import CoVisits
from recsys.candidates.factors import Factors
from recsys.candidates.item_index import IndexSettings, ItemIndex
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
from recsys.candidates.item_neighbours import ItemNeighbours
from recsys.candidates.merge import merge
from recsys.candidates.neighbours import UserNeighbours
from recsys.candidates.personal import PersonalHistory, Repurchase
from recsys.candidates.segments import CategoryPopularity, MarketPopularity
from recsys.candidates.source import CandidateSource, ContinuedSource, Tables, best_for_all, best_per_user
from recsys.candidates.vectors import Content, nearest_items

__all__ = [
    "DEPTH",
    "AllTimePopularity",
    "AnyItem",
    "Blend",
    "CandidateSource",
    "CategoryPopularity",
    "CoVisits",
    "Content",
    "ContinuedSource",
    "DecayedPopularity",
    "Factors",
    "IndexSettings",
    "ItemIndex",
    "ItemList",
    "ItemNeighbours",
    "MarketPopularity",
    "NewArrivals",
    "Part",
    "PersonalHistory",
    "Repurchase",
    "SameSeasonLastYear",
    "Tables",
    "Trending",
    "UserNeighbours",
    "WindowedPopularity",
    "add_weighted",
    "best_for_all",
    "best_per_user",
    "merge",
    "nearest_items",
    "part_prefix",
    "side_by_side",
]
