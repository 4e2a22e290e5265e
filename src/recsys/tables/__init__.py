"""Data contracts: the columns, dtypes and row rules of every table that crosses a module."""

from recsys.tables.contract import conform
from recsys.tables.events import EVENT_DTYPES, EXPOSURE, ArrivedEvent, Event
from recsys.tables.grouping import ordered_sum
from recsys.tables.items import ITEM_DTYPES, ItemVersion
from recsys.tables.slates import SLATE_DTYPES, Slate

__all__ = [
    "EVENT_DTYPES",
    "EXPOSURE",
    "ITEM_DTYPES",
    "SLATE_DTYPES",
    "ArrivedEvent",
    "Event",
    "ItemVersion",
    "Slate",
    "conform",
    "ordered_sum",
]
