"""From a pick to its source."""

from recsys.candidates import CandidateSource
from recsys.errors import ConfigError
from recsys.recommender.pick import Pick
from recsys.recommender.registry import RUNGS, RecommenderSettings
from recsys.recommender.retrieval_settings import Channel


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


def pick_of(channel: Channel, settings: RecommenderSettings) -> Pick:
    """Return the variant that a channel retrieves from; one that was tuned moves none of the places."""
    variants = list(RUNGS[channel.rung].declared(channel.rung, settings))
    place = {"first": 0, "middle": len(variants) // 2, "last": -1}[channel.place]
    return Pick(rung=channel.rung, variant=variants[place])
