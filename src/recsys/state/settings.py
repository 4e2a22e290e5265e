"""What the decayed state keeps: half-lives of its counters, and how co-visits pair up."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from recsys.settings import Duration, Settings
from recsys.timeline import format_duration

CovisitKind = Literal["covisit", "forward", "typed", "bought"]
"""Which pairs count and how much; `recsys.state.kinds` defines each."""


def _problems(half_lives: tuple[timedelta, ...]) -> list[str]:
    """Name what is wrong with a list of half-lives."""
    problems = [f"half-life {h} is not positive" for h in half_lives if h <= timedelta()]
    names = [format_duration(h) for h in half_lives]
    problems += [f"half-life {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    return problems


class CovisitSettings(Settings):
    """How the items of one user (or of one anonymous basket) pair up.

    Attributes:
        half_lives: of the age of a pair, which is that of its later event.
        window: longest time between the two events of a pair; the end is included.
        gap_half_life: the time between two events at which their pair counts one half.
        max_visits_back: a visit (all that a user did at one instant) pairs with at most this many before it, so the
            cost of a user is linear in the visits.
        max_visit_items: of a visit with more distinct items, this many are drawn by a hash of item and instant, so
            that one import of a thousand lines does not cost a million pairs.
        kinds: what is told apart when pairs are added up: `covisit` (every pair, always there), `forward` (only to a
            later visit), `typed` (weighted by the target weight of the second event's type) and `bought` (only between
            events whose types have a target weight). A kind that the rewards make equal to another costs nothing.
    """

    half_lives: tuple[Duration, ...] = Field(
        default=(timedelta(days=30), timedelta(days=180)), min_length=1, strict=False
    )
    window: Duration = timedelta(days=7)
    gap_half_life: Duration = timedelta(days=1)
    max_visits_back: int = Field(default=10, ge=0)
    max_visit_items: int = Field(default=50, ge=2)
    kinds: tuple[CovisitKind, ...] = ("covisit", "forward", "typed", "bought")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        problems = _problems(self.half_lives)
        problems += ["window is negative"] if self.window < timedelta() else []
        problems += ["gap_half_life is not positive"] if self.gap_half_life <= timedelta() else []
        twice = sorted({kind for kind in self.kinds if self.kinds.count(kind) > 1})
        problems += [f"kind {kind!r} is there twice" for kind in twice]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class StateSettings(Settings):
    """The half-lives of every counter, and the co-visits.

    Attributes:
        half_lives: each measure is kept once for each of them.
        covisits: how items pair up.
        max_build_rows: a rebuild works through the log in shards of users of about this many interactions; it bounds
            memory and changes no result beyond the rounding of sums.
    """

    half_lives: tuple[Duration, ...] = Field(
        default=tuple(timedelta(days=d) for d in (1, 7, 30, 90, 180)), min_length=1, strict=False
    )
    covisits: CovisitSettings = CovisitSettings()
    max_build_rows: int = Field(default=2_000_000, ge=1)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if problems := _problems(self.half_lives):
            raise ValueError("; ".join(problems))
        return self
