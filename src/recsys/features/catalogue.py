"""What a feature is: a name, a unit, a meaning, and what it says to a person when it decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats

Tables = Mapping[str, pl.DataFrame]
"""What a group learned: named tables, so that anything fitted can be saved as Parquet."""


@dataclass(frozen=True)
class Feature:
    """One column of the ranker's input.

    Attributes:
        name: unique among all groups.
        unit: of its values, e.g. `days`, `share`, `ln(1 + reward)`.
        meaning: one phrase; NaN means that there is nothing to measure.
        source: what it is computed from.
        reason: what it says to a person when it raised an item; empty where it says nothing about the item.
    """

    name: str
    unit: str
    meaning: str
    source: str
    reason: str = ""


class FeatureGroup(Protocol):
    """Features of one grain. Stateless: what it learns is in the tables that `fit` returns."""

    @property
    def name(self) -> str:
        """Unique among the groups; it names the saved tables."""
        ...

    @property
    def features(self) -> tuple[Feature, ...]:
        """What `compute` gives, in order."""
        ...

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compute what is known at `knowledge.as_of`, so that candidates only look it up."""
        ...

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Return one array per feature over the candidates; NaN where there is nothing to measure."""
        ...
