"""One clock: UTC instants, durations, half-open windows, folds and half-life weights."""

from recsys.timeline.decay import age_days, half_life_weight
from recsys.timeline.durations import format_duration, in_days, parse_duration
from recsys.timeline.instants import INSTANT, format_instant, instant_literal, parse_instant, require_utc
from recsys.timeline.windows import Fold, Window, known_before, rolling_cutoffs

__all__ = [
    "INSTANT",
    "Fold",
    "Window",
    "age_days",
    "format_duration",
    "format_instant",
    "half_life_weight",
    "in_days",
    "instant_literal",
    "known_before",
    "parse_duration",
    "parse_instant",
    "require_utc",
    "rolling_cutoffs",
]
