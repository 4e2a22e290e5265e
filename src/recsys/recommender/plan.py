"""A plan: which variants of which rungs make the lists. It is chosen on earlier windows and stored with the model."""

from typing import Literal

from pydantic import Field

from recsys.candidates import Blend, CandidateSource, Part
from recsys.errors import ConfigError
from recsys.recommender.registry import RUNGS, RecommenderSettings
from recsys.settings import Settings

BLEND = "blend"
"""The name of the last rung, which adds the best rungs of each family."""


class Pick(Settings):
    """One variant of one rung, and its weight where it is part of a blend."""

    rung: str
    variant: str
    weight: float = Field(default=1.0, gt=0)


class Plan(Settings):
    """What makes a list.

    Attributes:
        parts: one pick, or several that are blended.
        fallback: an item list that fills short lists and serves cold users.
        repeats: whether lists may hold what the user had.
    """

    parts: tuple[Pick, ...] = Field(min_length=1)
    fallback: Pick
    repeats: Literal["allow", "exclude"]

    @property
    def rung(self) -> str:
        """The rung's name: the only part's, or `blend`."""
        return self.parts[0].rung if len(self.parts) == 1 else BLEND

    def describe(self) -> str:
        """Say in words what the parts are."""
        return " + ".join(f"{part.weight:g} x {part.rung} ({part.variant})" for part in self.parts)


def source_of(pick: Pick, settings: RecommenderSettings) -> CandidateSource:
    """Return the source that a pick names.

    Raises:
        ConfigError: if the rung or the variant is not among those of the settings.
    """
    if pick.rung not in RUNGS:
        raise ConfigError(f"rung {pick.rung!r} is unknown; known are {', '.join(RUNGS)}")
    variants = RUNGS[pick.rung].variants(pick.rung, settings)
    if pick.variant not in variants:
        raise ConfigError(f"rung {pick.rung!r} has no variant {pick.variant!r}; it has {', '.join(variants)}")
    return variants[pick.variant]


def source_of_plan(plan: Plan, settings: RecommenderSettings) -> CandidateSource:
    """Return the one source of a plan: its only part, or the blend of its parts."""
    if len(plan.parts) == 1:
        return source_of(plan.parts[0], settings)
    return Blend(BLEND, tuple(Part(source_of(pick, settings), pick.weight) for pick in plan.parts))
