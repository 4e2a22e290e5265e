"""Which rules make the final list. Every rule is off until a setting turns it on."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from recsys.settings import Duration, PositiveDuration, Settings

Facet = Literal["category", "brand"]
"""A column of the items by which they are told apart."""


class Cap(Settings):
    """At most `most` items of one category, or of one brand, among the first `first`.

    Attributes:
        by: what is counted; items of which it is not known are not.
        most: how many of one kind.
        first: positions that the cap reaches.
    """

    by: Facet = "category"
    most: int = Field(ge=1)
    first: int = Field(default=10, ge=1)


class DiversitySettings(Settings):
    """Maximal marginal relevance; off at a relevance weight of 1.

    Attributes:
        relevance_weight: lambda, the weight of relevance against 1 - lambda of likeness to what stands above; 1
            is off.
        by: when two items are alike: same `category`, same `brand`, or near vectors of the rung `content` or `factors`.
    """

    relevance_weight: float = Field(default=1.0, ge=0, le=1)
    by: Literal["category", "brand", "content", "factors"] = "category"


class FreshSettings(Settings):
    """A position that is kept for a new item; off without a position.

    Attributes:
        position: the position that is kept for a new item, 1-based; none is off.
        younger_than: how long an item is new.
    """

    position: int | None = Field(default=None, ge=1)
    younger_than: PositiveDuration = timedelta(days=30)


class ExplorationSettings(Settings):
    """Random lists with known propensities; off at a share of 0.

    Attributes:
        share: share of users whose lists are drawn; who they are follows from a hash of their ids and the seed.
            0 is off.
        temperature: relevance, 1 for a user's best candidate and 0 for the last, is divided by it; low draws little.
        start: first position that is drawn.
        seed: of the draws, which also follow from user, item, position and the date of `as_of`.
    """

    share: float = Field(default=0.0, ge=0, le=1)
    temperature: float = Field(default=0.1, ge=0.01)
    start: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)


class SlateSettings(Settings):
    """The rules of the final list.

    Attributes:
        depth: candidates below the list from which rules may lift an item into it.
        blocked: ids of items that no list shows; `recommend` also heeds those of its own `--config`.
        blocked_file: text file with further such ids, one a line, read when a model is trained.
        rest: how long a list leaves out what the user had; without it nothing rests.
        rest_of: category -> a rest of its own instead; `0s` allows its items at once.
        caps: tables with `most` items of one kind in the `first` positions (default `10`); the kind is `by` `category`
            or `brand`.
        diversity: maximal marginal relevance.
        fresh: a position for a new item.
        exploration: random lists.
    """

    depth: int = Field(default=50, ge=0)
    blocked: tuple[str, ...] = ()
    blocked_file: str | None = None
    rest: PositiveDuration | None = None
    rest_of: dict[str, Duration] = Field(default_factory=dict)
    caps: tuple[Cap, ...] = ()
    diversity: DiversitySettings = DiversitySettings()
    fresh: FreshSettings = FreshSettings()
    exploration: ExplorationSettings = ExplorationSettings()
