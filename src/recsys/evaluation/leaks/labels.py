"""Two probes by labels: from permuted ones nothing can be learned, and no feature knows the true ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from recsys.evaluation.bootstrap import Resampled, bootstrap
from recsys.evaluation.groups import UserGroups
from recsys.evaluation.leaks.finding import Finding
from recsys.ranking import Rows
from recsys.recommender import Examples
from recsys.tables import Floats

PERMUTED_LABELS = "permuted_labels"
TOO_GOOD = "too_good"

K = 10
"""Depth of NDCG here."""

SHARE_OF_GAIN = 0.1
"""Share of what true labels gain over chance, from which a gain by permuted ones is a leak and no accident."""

_TAIL = 0.005
"""Share of resamples beyond either end of the interval."""

TOO_GOOD_FROM = 0.98
"""Share of pairs (a candidate that was taken, one that was not) in the right order, from which a feature is too good.

The best of Online Retail orders 0.74 of them.
"""


class Scores(Protocol):
    """A ranker that has learned."""

    def score(self, features: Floats, sizes: np.ndarray) -> np.ndarray:
        """Score candidates, `sizes` of each query."""
        ...


Fit = Callable[[Examples], Scores]
"""Fits a ranker on examples."""


@dataclass(frozen=True)
class Windows:
    """A window to learn from, and a later one to score on."""

    train: Examples
    valid: Examples


def permuted_labels(true: Windows, permuted: Windows, reward: str, fit: Fit, *, seed: int) -> Finding:
    """Demand that a ranker is at chance where labels were permuted within each user's candidates, and above else.

    The labels are permuted in the log, before anything is computed from it, and in both windows: a feature that follows
    the labels follows the permuted ones too, and is found out. Were the later labels the true ones, honest rankers
    would scatter far around chance, as all users like the same few things (popular ones, those they had) that such a
    ranker comes to prefer or to avoid by accident. Chance is the exact expectation of NDCG over random orders of the
    same candidates. Users' permutations are independent, so the 99 % interval is a bootstrap over users.

    Args:
        true: examples of the log as it is.
        permuted: examples of the same users and cutoffs, from logs whose labels were permuted.
        reward: whose grades are learned.
        fit: fits a ranker.
        seed: of the bootstrap and of ties.
    """
    gain, false_gain = (_gain(windows, reward, fit, seed) for windows in (true, permuted))
    low, high = np.nanquantile(false_gain.draws, [_TAIL, 1 - _TAIL])
    showed = (
        f"NDCG@{K} over chance, {false_gain.n_scores:,} users: {false_gain.mean:+.3f} ({low:+.3f} to {high:+.3f}) from "
        f"permuted labels, {gain.mean:+.3f} from the true ones"
    )
    problem = ""
    if not gain.interval()[0] > 0:
        problem = "the true labels are not learned, so permuted ones show nothing; take more --users"
    elif low > 0 and false_gain.mean >= SHARE_OF_GAIN * gain.mean:
        problem = f"permuted labels reach {false_gain.mean / gain.mean:.0%} of the gain of the true ones"
    return Finding(PERMUTED_LABELS, not problem, showed, problem)


def too_good(valid: Examples, reward: str, names: Sequence[str]) -> Finding:
    """Demand that no single feature puts nearly all that was taken before nearly all that was not, or behind it."""
    rows = valid.rows(reward)
    shares = np.array([ordered_share(rows.features[:, i], rows) for i in range(len(names))])
    strength = np.maximum(shares, 1.0 - shares)
    best = int(np.argmax(strength))
    showed = f"the best of {len(names)} features, {names[best]}, orders {strength[best]:.1%} of the pairs of candidates"
    problem = f"{names[best]} orders more than {TOO_GOOD_FROM:.0%}: it knows the label, or the task is trivial"
    passed = bool(strength[best] < TOO_GOOD_FROM)
    return Finding(TOO_GOOD, passed, showed, "" if passed else problem)


def _gain(windows: Windows, reward: str, fit: Fit, seed: int) -> Resampled:
    """Learn from one window and measure by how much NDCG on the other exceeds chance."""
    rows = windows.valid.rows(reward)
    score = fit(windows.train).score(rows.features, rows.sizes)
    found, chance = ndcg_and_chance(score, rows, seed=seed)
    users = windows.valid.pairs["user_idx"].unique().sort()
    gains = pl.DataFrame({"user_idx": users, "gain": pl.Series(found - chance).fill_nan(None)})
    named = gains.select("user_idx", user_id=pl.col("user_idx").cast(pl.String))
    sums = UserGroups.build(named["user_id"], seed=seed).at(named).sum(gains, ["gain"])
    return bootstrap({"gain": {"valid": sums}}, seed=seed).value("gain", "gain")


def ndcg_and_chance(score: np.ndarray, rows: Rows, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return NDCG@k per query and its expectation over random orders; NaN for queries without a positive.

    With m of n rows positive, E[NDCG@k] = (m / n) sum_{r <= min(k, n)} d_r / sum_{r <= min(k, m)} d_r, d_r = 1 / log2(r
    + 1). Equal scores are ordered at random.

    Example:
        >>> rows = Rows(np.zeros((4, 1), np.float32), np.array([1, 0, 0, 1], np.int32), np.array([2, 2]), np.ones(4))
        >>> found, chance = ndcg_and_chance(np.array([2.0, 1.0, 2.0, 1.0]), rows, seed=0)
        >>> found.round(3).tolist(), chance.round(3).tolist()
        ([1.0, 0.631], [0.815, 0.815])
    """
    draw = np.random.default_rng(seed).random(len(rows))
    order = np.lexsort((draw, -score, rows.query))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(rows.sizes) - rows.sizes, rows.sizes)
    is_positive = rows.grade[order] > 0
    hits = np.where(place < K, is_positive / np.log2(place + 2.0), 0.0)
    n_queries = len(rows.sizes)
    n_positive = np.bincount(rows.query, is_positive, n_queries)
    discounts = np.append(0.0, np.cumsum(1.0 / np.log2(np.arange(2, K + 2))))
    ideal = discounts[np.minimum(n_positive, K).astype(np.int64)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.bincount(rows.query, hits, n_queries) / ideal
        chance = n_positive / rows.sizes * discounts[np.minimum(rows.sizes, K)] / ideal
    return found, np.asarray(chance)


def ordered_share(values: Floats, rows: Rows) -> float:
    """Return the mean over queries of the share of (positive, other) pairs where the positive has the larger value.

    Equal values count one half, missing ones as smallest; this is the area under the curve of each query.
    """
    filled = np.where(np.isnan(values), -np.inf, values.astype(np.float64))
    query, n_queries = rows.query, len(rows.sizes)
    order = np.lexsort((filled, query))
    ordered, owner = filled[order], query[order]
    starts = np.cumsum(rows.sizes) - rows.sizes
    place = np.arange(len(order)) - np.repeat(starts, rows.sizes)
    is_first = np.append(True, (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1]))[: len(order)]
    run = np.cumsum(is_first) - 1
    rank = np.bincount(run, place + 1.0)[run] / np.bincount(run)[run]  # equals share their mean rank
    is_positive = rows.grade[order] > 0
    n = np.bincount(owner, is_positive, n_queries)
    pairs = n * (rows.sizes - n)
    right = np.bincount(owner, rank * is_positive, n_queries) - n * (n + 1) / 2
    judged = pairs > 0
    return float((right[judged] / pairs[judged]).mean()) if judged.any() else 0.5
