"""What an event is worth: named, versioned reward definitions, one of which is the training target."""

from datetime import timedelta
from math import isfinite
from typing import Literal, Self

from pydantic import Field, model_validator

from recsys.settings import Duration, Settings
from recsys.tables import EXPOSURE

ANY_OTHER = "*"
"""The key of `weights` that stands for every interaction type not named."""

Transform = Literal["one", "value", "log1p_value", "quantity", "log1p_quantity", "revenue", "log1p_revenue"]
"""How an event's amount enters its reward; revenue is price x quantity."""


class RewardDefinition(Settings):
    """One named reward: weight(event type) x transform(amount), net of returns.

    Attributes:
        weights: weight per event type; `*` is any other interaction type, an unnamed type without `*` weighs 0.
            Exposures and returns always have reward 0.
        transform: of the amount; an amount that is missing or not positive gives reward 0.
        returns: return event type -> the event type that it undoes.
        return_window: how far back from a return the event may lie that it undoes; the end is included.
        delay_half_life: labels are discounted by 2^(-delay / half_life), the delay being counted from the start of the
            label window, or from the exposure to which the reward is credited.
        attribution_window: an exposure at t is credited with events in [t, t + window), and its label, or one of a
            label window, is mature only when that span has passed: label windows that are placed end that much before
            what is known.
    """

    weights: dict[str, float] = Field(default_factory=lambda: {ANY_OTHER: 1.0}, min_length=1)
    transform: Transform = "one"
    returns: dict[str, str] = Field(default_factory=dict)
    return_window: Duration = timedelta(days=90)
    delay_half_life: Duration | None = None
    attribution_window: Duration | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        problems = [
            f"weight of {name!r} is {weight}; write a finite number of at least 0"
            for name, weight in self.weights.items()
            if not isfinite(weight) or weight < 0
        ]
        problems += [f"{name!r} is a return and cannot have a weight" for name in self.returns if name in self.weights]
        problems += [
            f"{name!r} is undone and is itself a return" for name in self.returns.values() if name in self.returns
        ]
        named = {*self.weights, *self.returns, *self.returns.values()}
        problems += [f"{EXPOSURE!r} is no interaction and cannot be named"] if EXPOSURE in named else []
        for name in ("return_window", "delay_half_life", "attribution_window"):
            duration = getattr(self, name)
            problems += [f"{name} is not positive"] if duration is not None and duration <= timedelta() else []
        if problems:
            raise ValueError("; ".join(problems))
        return self


class RewardSettings(Settings):
    """All rewards of a run; every one is computed and evaluated, `target` is trained for.

    Attributes:
        version: raised by whoever changes what a reward means, so that results name it.
        target: the name of the definition that training and the event counts of the state follow.
        definitions: by name; the name becomes the column `reward_<name>`. The default one counts 1 for every type.
    """

    version: str = "1"
    target: str = "interaction"
    definitions: dict[str, RewardDefinition] = Field(default_factory=lambda: {"interaction": RewardDefinition()})

    @model_validator(mode="after")
    def _target_is_defined(self) -> Self:
        if wrong := [name for name in self.definitions if not (name.isascii() and name.isidentifier())]:
            raise ValueError(f"reward name {wrong[0]!r} must be ASCII letters, digits and _")
        if self.target not in self.definitions:
            raise ValueError(f"target {self.target!r} is none of {sorted(self.definitions)}")
        return self

    @property
    def target_definition(self) -> RewardDefinition:
        """The definition that training follows."""
        return self.definitions[self.target]

    @property
    def columns(self) -> list[str]:
        """The reward columns, `reward_<name>`, in the order of the definitions."""
        return [f"reward_{name}" for name in self.definitions]
