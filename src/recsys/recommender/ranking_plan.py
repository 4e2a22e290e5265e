"""Which rankers serve: chosen on earlier windows, and stored with the plan."""

from typing import Literal

from pydantic import Field

from recsys.ranking import RankerName
from recsys.settings import Settings

RANKED = "ranked"
"""The name of the top rung: candidates of all sources, ordered by a learned ranker."""


class RankingPlan(Settings):
    """Which rankers serve, chosen on earlier windows.

    Attributes:
        rankers: one name, or several whose ranks within a query are averaged.
        objectives: reward -> its weight in the score.
        cold: what users without history get: the ranker's list, or the plan's fallback.
        n_rounds: ranker -> rounds that it took, where it has any.
        windows: label windows from which the rankers learned.
    """

    rankers: tuple[RankerName, ...] = Field(min_length=1)
    objectives: dict[str, float]
    cold: Literal["ranked", "fallback"]
    n_rounds: dict[str, int]
    windows: int

    def describe(self) -> str:
        """Say in words which rankers serve."""
        rest = "" if self.cold == "ranked" else ", fallback for users without history"
        return f"{' + '.join(self.rankers)} learned from {self.windows} window(s){rest}"
