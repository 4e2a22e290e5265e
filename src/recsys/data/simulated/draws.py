"""Random numbers: independent streams per purpose and block, and hashed uniforms that need no state."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CATALOGUE, CUSTOMERS, TASTES, STAPLES, SEASONS, NEEDS, EVENTS = range(7)
"""What a stream is for; the first part of its key."""

_BELOW_ONE = 1.0 - 2.0**-40


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one purpose and block; blocks are reproducible without their predecessors."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def uniforms(rng: np.random.Generator, size: int) -> Floats:
    """Draw from [0, 1 - 2^-40], so that a small whole number plus a draw never rounds up to the next one."""
    return rng.random(size) * _BELOW_ONE


def hashed_uniform(key: tuple[int, ...], *counters: Ints) -> Floats:
    """Map integer arrays of one shape to uniforms in [0, 1), the same for the same key and counters.

    Source:
        The finaliser of SplitMix64, Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195.

    Example:
        >>> hashed_uniform((7,), np.array([0, 1, 0])).round(3).tolist()
        [0.748, 0.842, 0.748]
    """
    state = np.full(counters[0].shape, stream(*key).integers(2**63), dtype=np.uint64)
    for counter in counters:
        state = _mix(state ^ (counter.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def softmax(logits: Floats) -> Floats:
    """Turn log weights into probabilities along the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


def pick(rng: np.random.Generator, probabilities: Floats) -> Ints:
    """Draw one column per row of a `(n, m)` table of probabilities."""
    cumulative = probabilities.cumsum(axis=1)
    target = uniforms(rng, len(cumulative)) * cumulative[:, -1]
    return np.asarray((cumulative <= target[:, None]).sum(axis=1), dtype=np.int64)
