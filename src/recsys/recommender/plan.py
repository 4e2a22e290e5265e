"""A plan: which variants of which rungs make the lists. It is chosen on earlier windows and stored with the model."""

from typing import Literal, Self

from pydantic import model_validator

from recsys.recommender.pick import Pick
from recsys.recommender.ranking_plan import RANKED, RankingPlan
from recsys.settings import Settings

BLEND = "blend"
"""The name of the last rung, which adds the best rungs of each family."""


class Plan(Settings):
    """What makes a list.

    Attributes:
        parts: one pick, or several that are blended; none where rankers serve.
        fallback: an item list that fills short lists and serves cold users.
        repeats: whether lists may hold what the user had.
        ranking: the rankers that order the candidates of all channels; None for a heuristic.
    """

    parts: tuple[Pick, ...] = ()
    fallback: Pick
    repeats: Literal["allow", "exclude"]
    ranking: RankingPlan | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if bool(self.parts) == (self.ranking is not None):
            raise ValueError("a plan has parts or a ranking, one of them")
        return self

    @property
    def rung(self) -> str:
        """The rung's name: `ranked`, the only part's, or `blend`."""
        if self.ranking is not None:
            return RANKED
        return self.parts[0].rung if len(self.parts) == 1 else BLEND

    def describe(self) -> str:
        """Say in words what the parts are."""
        if self.ranking is not None:
            return self.ranking.describe()
        return " + ".join(f"{part.weight:g} x {part.rung} ({part.variant})" for part in self.parts)
