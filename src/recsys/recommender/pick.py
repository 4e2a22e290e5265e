"""A pick: one variant of one rung."""

from pydantic import Field

from recsys.settings import Settings


class Pick(Settings):
    """One variant of one rung, and its weight where it is part of a blend."""

    rung: str
    variant: str
    weight: float = Field(default=1.0, gt=0)
