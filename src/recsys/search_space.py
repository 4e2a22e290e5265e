"""The search space of a method: what of it can be tuned, and the values that are tried.

It is declared beside the method and listed in docs/tuning.md. Every space is a finite, ordered grid, so that what was
found can be read and typed, and a small one can be tried in full. A configuration writes durations as text (`30d`) and
the absence of decay as `none`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from recsys.errors import ConfigError
from recsys.timeline import format_duration, parse_duration

Value = str | int | float
"""A parameter as a configuration writes it."""

Real = timedelta | int | float | None
"""A parameter as a method takes it."""

Grid = Literal["counters", "covisits"]
"""Which half-lives of the state."""

NO_DECAY = "none"


@dataclass(frozen=True)
class Numbers:
    """Numbers to try, ascending; all of them whole, or none."""

    values: tuple[float, ...]

    def read(self, value: Value) -> Real:
        """Return the number.

        Raises:
            ConfigError: if it is none, not whole where the grid is, negative, or 0 where the grid is above it.
        """
        is_whole = all(isinstance(one, int) for one in self.values)
        if isinstance(value, str) or (is_whole and not isinstance(value, int)):
            raise ConfigError(f"{value!r} is no {'whole ' if is_whole else ''}number")
        if value < 0 or (value == 0 and self.values[0] > 0):
            raise ConfigError(f"{value!r} is not {'0 or ' if self.values[0] == 0 else ''}positive")
        return value


@dataclass(frozen=True)
class Spans:
    """Lengths of time to try, ascending."""

    values: tuple[timedelta, ...]

    def read(self, value: Value) -> Real:
        """Return the length of time.

        Raises:
            ConfigError: if it is none.
        """
        return _duration(value)


@dataclass(frozen=True)
class HalfLives:
    """The half-lives that the state keeps: of its counters, or of its co-visits.

    Attributes:
        of: which; those of co-visits must be among those of counters too, as their sums are divided by counts.
        or_none: whether the method can do without decay.
    """

    of: Grid = "counters"
    or_none: bool = False

    def read(self, value: Value) -> Real:
        """Return the half-life, or None for no decay.

        Raises:
            ConfigError: if it is no duration.
        """
        return None if self.or_none and value == NO_DECAY else _duration(value)


Parameter = Numbers | Spans | HalfLives
Space = Mapping[str, Parameter]
"""Name of a parameter -> what is tried. The name is that of the method's attribute."""


def choices(parameter: Parameter, half_lives: Mapping[Grid, Iterable[timedelta]], current: Value) -> tuple[Value, ...]:
    """Return the values to try as a configuration writes them, ascending, no decay last, with the current one.

    Args:
        parameter: of a space.
        half_lives: those of the state.
        current: what the method has now, which may lie off the grid.

    Example:
        >>> choices(HalfLives(or_none=True), {"counters": [timedelta(days=30), timedelta(days=7)]}, "14d")
        ('7d', '14d', '30d', 'none')
    """
    tried: set[Real] = {parameter.read(current)}
    match parameter:
        case HalfLives():
            shared = set.intersection(*(set(half_lives[grid]) for grid in ("counters", parameter.of)))
            tried |= shared | ({None} if parameter.or_none else set())
        case _:
            tried |= set(parameter.values)
    numbers = {written(one): one for one in tried}
    return tuple(sorted(numbers, key=lambda text: (numbers[text] is None, numbers[text] or 0)))


def written(real: Real) -> Value:
    """Return a method's value as a configuration writes it."""
    if real is None:
        return NO_DECAY
    return format_duration(real) if isinstance(real, timedelta) else real


def read_values(space: Space, values: Mapping[str, Value]) -> dict[str, Real]:
    """Read all parameters of a space.

    Raises:
        ConfigError: if one is missing, unknown or wrong; all problems in one line.
    """
    problems = [f"{name} is missing" for name in space if name not in values]
    problems += [f"{name} is unknown; known are {', '.join(space)}" for name in values if name not in space]
    read: dict[str, Real] = {}
    for name in sorted(set(space) & set(values)):
        try:
            read[name] = space[name].read(values[name])
        except ConfigError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ConfigError("; ".join(problems))
    return read


def _duration(value: Value) -> timedelta:
    if not isinstance(value, str):
        raise ConfigError(f"{value!r} is no duration; write it as 30d")
    duration = parse_duration(value)
    if duration <= timedelta():
        raise ConfigError(f"{value!r} is not longer than nothing")
    return duration
