"""From a profile to a configuration: the choices that a log's own figures suggest, each with the figure behind it.

They are where to begin, not what is best: what can be measured on earlier windows (which rung, which half-life of
those tried) the system chooses by itself. Durations come from a short ladder, so that two similar logs get the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Literal

from recsys.data.profile import Profile
from recsys.timeline import format_duration, rolling_cutoffs

HORIZONS = tuple(timedelta(days=days) for days in (1, 7, 14, 28, 56))
"""Lengths of a label window; all but the first are whole weeks, so that each holds every weekday equally often."""

STEPS = tuple(timedelta(days=days) for days in (7, 30, 90, 180, 365, 730))
"""Half-lives; the shortest is a week, since a shorter one would mistake the weekday for a trend."""

N_CUTOFFS = 3
N_WINDOWS = 6
"""Label windows that half of the log must hold: three to test on and three before each of them to choose on."""

N_RANKER_WINDOWS = 5
"""Most label windows that a ranker learns from: nearly twice as many as a cutoff has to choose on."""

MIN_EVENTS = 1_000
"""Events within one half-life from which a popularity is told from noise."""

RARE_REPEATS = 0.005
COMMON_REPEATS = 0.2


@dataclass(frozen=True)
class Suggestion:
    """What a log suggests.

    Attributes:
        horizon: length of label windows.
        cutoffs: the last `N_CUTOFFS` instants whose label windows the log covers.
        repeats: may lists hold what a user had; `auto` where the figures do not settle it.
        windows: lengths of popularity windows.
        popularity_half_lives: of decayed popularity.
        personal_half_lives: of a user's own history.
        covisit_half_lives: of co-visits.
        covisit_window: longest time between two events that go together.
        weights: weight per event type, the rarer the heavier.
    """

    horizon: timedelta
    cutoffs: tuple[datetime, ...]
    repeats: Literal["auto", "allow", "exclude"]
    windows: tuple[timedelta, ...]
    popularity_half_lives: tuple[timedelta, ...]
    personal_half_lives: tuple[timedelta, ...]
    covisit_half_lives: tuple[timedelta, ...]
    covisit_window: timedelta
    weights: dict[str, float]

    @property
    def covisit_gap_half_life(self) -> timedelta:
        """A seventh of the window, in whole days."""
        return timedelta(days=self.covisit_window.days // 7)

    @property
    def state_half_lives(self) -> tuple[timedelta, ...]:
        """Every half-life that a counter is read with, and one day for what is new."""
        return tuple(sorted({timedelta(days=1), *self.popularity_half_lives, *self.personal_half_lives}))


def suggest(profile: Profile) -> Suggestion:
    """Choose where to begin with a log.

    Horizon: the shortest of `HORIZONS` within which half of the returns happen, shortened until `N_WINDOWS` of them
    fit into half of the log. Half-lives: three steps from the median return on for what is personal, two steps from
    the first that holds `MIN_EVENTS` events for what is popular.

    Time:
        Cutoffs are midnights, the grain of a nightly run; the last label window ends by `profile.as_of`.

    Args:
        profile: of a log.
    """
    typical_return = profile.return_days.p50 if profile.return_days else 0.0
    horizon = _horizon(typical_return, profile.span_days)
    popularity = _steps(MIN_EVENTS / profile.daily_mean, 2)
    personal = _steps(typical_return, 3)
    most = profile.event_types[0].n_events
    return Suggestion(
        horizon=horizon,
        cutoffs=tuple(rolling_cutoffs(_end(profile), horizon, N_CUTOFFS)),
        repeats=_repeats(profile.repeat_share),
        windows=(popularity[0], 4 * popularity[0]),
        popularity_half_lives=popularity,
        personal_half_lives=personal,
        covisit_half_lives=(personal[0], personal[-1]),
        covisit_window=_steps(typical_return, 1)[0],
        weights={row.event_type: round(sqrt(most / row.n_events), 1) for row in profile.event_types},
    )


def format_durations(durations: Sequence[timedelta]) -> str:
    """Write durations as a TOML list, e.g. `["7d", "30d"]`."""
    return "[" + ", ".join(f'"{format_duration(duration)}"' for duration in durations) + "]"


def _horizon(typical_return: float, span_days: float) -> timedelta:
    wanted = [h for h in HORIZONS if h >= timedelta(days=typical_return)] or HORIZONS[-1:]
    fitting = [h for h in HORIZONS if N_WINDOWS * h <= timedelta(days=span_days / 2)] or HORIZONS[:1]
    return min(wanted[0], fitting[-1])


def _steps(at_least_days: float, count: int) -> tuple[timedelta, ...]:
    """Return `count` steps in a row, from the first that is long enough."""
    first = next((i for i, step in enumerate(STEPS) if step >= timedelta(days=at_least_days)), len(STEPS))
    first = min(first, len(STEPS) - count)
    return STEPS[first : first + count]


def _end(profile: Profile) -> datetime:
    """Return the last midnight up to which every day of the log is complete or over."""
    day_after = _midnight(profile.last_event) + timedelta(days=1)
    return min(day_after, _midnight(profile.as_of))


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


def _repeats(share: float | None) -> Literal["auto", "allow", "exclude"]:
    if share is None or RARE_REPEATS <= share < COMMON_REPEATS:
        return "auto"
    return "allow" if share >= COMMON_REPEATS else "exclude"
