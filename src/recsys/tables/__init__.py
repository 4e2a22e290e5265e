"""Data contracts: the columns, dtypes and row rules of every table that crosses a module."""

from recsys.tables.candidate_sets import CandidateSet
from recsys.tables.contract import conform
from recsys.tables.derived import derived
from recsys.tables.events import EVENT_DTYPES, EXPOSURE, ArrivedEvent, Event
from recsys.tables.grouping import ordered_sum
from recsys.tables.items import ITEM_DTYPES, ItemVersion
from recsys.tables.largest import descending_within, largest_within
from recsys.tables.pair_keys import Floats, Keys, PairTable, UInts, find, keys_of, place_within, starts_of
from recsys.tables.slates import PROPENSITY, SLATE_DTYPES, ExploredSlate, Slate
from recsys.tables.vectors import matrix_of, vectors_table

__all__ = [
    "EVENT_DTYPES",
    "EXPOSURE",
    "ITEM_DTYPES",
    "PROPENSITY",
    "SLATE_DTYPES",
    "ArrivedEvent",
    "CandidateSet",
    "Event",
    "ExploredSlate",
    "Floats",
    "ItemVersion",
    "Keys",
    "PairTable",
    "Slate",
    "UInts",
    "conform",
    "derived",
    "descending_within",
    "find",
    "keys_of",
    "largest_within",
    "matrix_of",
    "ordered_sum",
    "place_within",
    "starts_of",
    "vectors_table",
]
