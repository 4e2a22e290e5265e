"""Which sources propose candidates to the ranker, and how many each."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recsys.settings import Settings


class Channel(Settings):
    """One variant of one rung as a source of candidates.

    Attributes:
        name: unique among the channels; it names features.
        rung: one of the registry.
        place: which of the rung's variants, in their order: the first (with half-lives ascending, the fastest), the
            middle or the last one. So channels follow the half-lives that a configuration declares.
        quota: how many of its best items may become candidates of a user. With 0 it proposes nothing and is not
            searched; its vectors are still compared with those of the candidates, so its rung must have vectors.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    rung: str
    place: Literal["first", "middle", "last"] = "first"
    quota: int = Field(ge=0)


def _default() -> tuple[Channel, ...]:
    rows: tuple[tuple[str, str, Literal["first", "middle", "last"], int], ...] = (
        ("popular_fast", "popularity_window", "first", 80),
        ("popular_slow", "popularity_decayed", "last", 40),
        ("trending", "trending", "first", 10),
        ("season", "season", "first", 10),
        ("arrivals", "new_arrivals", "first", 30),
        ("market", "market_popularity", "first", 20),
        ("category", "category_popularity", "first", 20),
        ("covisits_fast", "covisits", "first", 50),
        ("covisits_slow", "covisits", "last", 50),
        ("covisits_forward", "covisits_forward", "first", 30),
        ("covisits_bought", "covisits_bought", "first", 30),
        ("covisits_latest", "covisits_latest", "first", 30),
        ("together_fast", "together", "first", 60),
        ("together_slow", "together", "last", 30),
        ("factors_fast", "factors", "first", 80),
        ("factors_slow", "factors", "middle", 0),
        ("factors_all", "factors", "last", 40),
        ("content", "content", "first", 30),
        ("neighbours", "neighbours", "first", 60),
        ("personal", "personal", "middle", 50),
        ("personal_slow", "personal", "last", 50),
        ("repurchase", "repurchase", "middle", 50),
    )
    return tuple(Channel(name=name, rung=rung, place=place, quota=quota) for name, rung, place, quota in rows)


class RetrievalSettings(Settings):
    """The first stage.

    Attributes:
        channels: the sources, each with its quota.
        depth: items that each source is asked for; scores and ranks are known so deep.
        n_candidates: candidates of a user that the ranker sees.
    """

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = Field(default_factory=_default)
    depth: int = Field(default=120, ge=1)
    n_candidates: int = Field(default=100, ge=1)

    @property
    def proposing(self) -> tuple[Channel, ...]:
        """The channels that propose candidates."""
        return tuple(channel for channel in self.channels if channel.quota)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not self.proposing:
            raise ValueError(f"channels: each of the {len(self.channels)} has quota 0; give one a quota of 1 or more")
        names = [channel.name for channel in self.channels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"channels: {len(twice)} name(s) occur twice; first: {twice[0]}")
        return self
