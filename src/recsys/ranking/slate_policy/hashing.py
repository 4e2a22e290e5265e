"""Random numbers from hashes: the same for the same key, on every machine and in any order."""

import numpy as np

from recsys.ranking.slate_policy.pool import Reals
from recsys.tables import Keys

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hashed(*parts: int | Keys) -> Keys:
    """Mix whole numbers and arrays of them, broadcast against each other, into one 64-bit hash each.

    Source:
        The finaliser of SplitMix64, Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195.

    Example:
        >>> int(hashed(1, np.array([2], np.uint64))[0]) == int(hashed(1, 2)[0])
        True
    """
    state = np.zeros(1, np.uint64)
    for part in parts:
        state = _mix(state ^ (np.atleast_1d(np.asarray(part, np.uint64)) * _GOLDEN))
    return state


def uniform(keys: Keys) -> Reals:
    """Map hashes to uniforms inside (0, 1)."""
    return np.asarray(((keys >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


def gumbel(keys: Keys) -> Reals:
    """Map hashes to standard Gumbel noise."""
    return np.asarray(-np.log(-np.log(uniform(keys))))


def _mix(state: Keys) -> Keys:
    state = state + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))
