"""Where a candidate stands among its user's candidates: the rank of the strongest features within a query."""

import numpy as np

from recsys.tables import CandidateSet, Floats


def rank_within(values: Floats, candidates: CandidateSet) -> Floats:
    """Rank one feature within each user, largest first, from 1; NaN ranks after all others, equals share a rank."""
    sizes = candidates.sizes
    place = np.arange(sizes.max(initial=0))
    is_there = place < sizes[:, None]
    laid = np.full(is_there.shape, np.inf, np.float32)  # what fills up comes last
    laid[is_there] = -np.where(np.isnan(values), -np.float32(np.inf), values)
    order = np.argsort(laid, axis=1, kind="stable")
    ordered = np.take_along_axis(laid, order, axis=1)
    is_tie = np.zeros(laid.shape, np.bool_)
    is_tie[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    first = np.maximum.accumulate(np.where(is_tie, 0, place), axis=1)
    ranks = np.empty(laid.shape, np.float32)
    np.put_along_axis(ranks, order, first.astype(np.float32) + 1, axis=1)
    return ranks[is_there]
