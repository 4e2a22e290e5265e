"""Where a candidate stands among its user's candidates: the rank of the strongest features within a query."""

import numpy as np

from recsys.tables import CandidateSet, Floats


def rank_within(values: Floats, candidates: CandidateSet) -> Floats:
    """Rank one feature within each user, largest first, from 1; NaN ranks after all others, equals share a rank."""
    filled = np.where(np.isnan(values), -np.inf, values.astype(np.float64))
    user = np.repeat(np.arange(len(candidates.sizes)), candidates.sizes)
    order = np.lexsort((-filled, user))
    ordered, owner = filled[order], user[order]
    place = np.arange(len(order)) - np.repeat(candidates.starts, candidates.sizes)
    is_tie = np.append(False, (ordered[1:] == ordered[:-1]) & (owner[1:] == owner[:-1]))
    first = np.maximum.accumulate(np.where(is_tie, 0, np.arange(len(order))))
    ranks = np.empty(len(order), np.float32)
    ranks[order] = place[first] + 1
    return ranks
