"""What an evaluation measures: windows, depths, strata and how sure it has to be."""

from datetime import datetime, timedelta
from itertools import pairwise

from pydantic import Field, field_validator

from recsys.settings import Duration, Instant, PositiveDuration, Settings
from recsys.timeline import format_instant


class EvaluationSettings(Settings):
    """How the ladder is judged.

    Attributes:
        cutoffs: evaluation instants, kept in ascending order; repeats are refused, and each needs a horizon of history
            and a mature label window. Without any, the last `n_cutoffs` windows that fit before the end are used.
        n_cutoffs: how many windows then; those without a horizon of history are left out, with a message.
        horizon: length of a label window, more than 0.
        gap: embargo between cutoff and labels, the pipeline's latency.
        selection_windows: earlier windows on which variants, blend and the best heuristic are chosen.
        selection_users: users per earlier window that decide; more are sampled by a hash of their ids.
        k: list depth of every metric but recall.
        k_recall: list depth of recall.
        heavy_from: fewest events of a heavy user.
        dormant_after: silence after which a user is dormant, more than 0.
        n_resamples: bootstrap resamples.
        min_relative_effect: smallest relative difference that counts as one, fixed before looking.
        seed: of the bootstrap.
    """

    cutoffs: tuple[Instant, ...] = ()
    n_cutoffs: int = Field(default=3, ge=1)
    horizon: PositiveDuration = timedelta(days=14)
    gap: Duration = timedelta()
    selection_windows: int = Field(default=3, ge=1)
    selection_users: int = Field(default=5_000, ge=1)
    k: int = Field(default=10, ge=1)
    k_recall: int = Field(default=20, ge=1)
    heavy_from: int = Field(default=20, ge=2)
    dormant_after: PositiveDuration = timedelta(days=90)
    n_resamples: int = Field(default=2_000, ge=1_000)
    min_relative_effect: float = Field(default=0.01, ge=0)
    seed: int = 0

    @field_validator("cutoffs")
    @classmethod
    def _are_ascending(cls, cutoffs: tuple[datetime, ...]) -> tuple[datetime, ...]:
        ascending = tuple(sorted(cutoffs))
        twice = [one for one, following in pairwise(ascending) if one == following]
        if twice:
            raise ValueError(f"{len(twice)} instant(s) repeated; first: {format_instant(twice[0])}; name each once")
        return ascending
