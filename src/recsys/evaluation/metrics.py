"""Accuracy per user: what share of a user's truth stands in the list, and how high.

Every user of the truth counts, cold or not; one without slate scores 0. Means over users are left to `bootstrap`,
which gives them their intervals. One million users with lists of 50 take about 3 s on 2 cores
(benchmarks/evaluate_million.py).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.errors import ConfigError, DataError
from recsys.evaluation.slate_matrix import SlateMatrix, pair_keys, require_columns

ACCURACY_METRICS = ("ndcg", "recall", "precision", "mrr", "map", "hit_rate", "reward_ndcg")
"""Columns that `per_user_metrics` always gives."""

REPEAT_METRICS = ("recall_repeat", "recall_explore")
"""Columns that it adds when it is told what users had seen."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def per_user_metrics(
    slates: pl.DataFrame, truth: pl.DataFrame, *, seen: pl.DataFrame | None = None, k: int = 10, k_recall: int = 20
) -> pl.DataFrame:
    """Score every user of the truth.

    With h_r = 1 where rank r is in the truth T, g_r the reward found there, and d_r = 1 / log2(r + 1):

        ndcg        = sum_{r <= k} h_r d_r / sum_{r <= min(k, |T|)} d_r
        reward_ndcg = sum_{r <= k} g_r d_r / the same sum over the k largest rewards of T, descending
        recall      = hits within k_recall / min(k_recall, |T|)
        precision   = hits within k / k
        mrr         = 1 / rank of the first hit within k, else 0
        map         = sum_{r <= k} h_r (hits within r) / r / min(k, |T|)
        hit_rate    = 1 if there is a hit within k
        recall_repeat, recall_explore = recall over the pairs of T that are in `seen`, and over the others;
                      null for a user who has none

    Time:
        Reads no instant: `seen` is what was known before the cutoff, `truth` what happened in the label window.

    Args:
        slates: `user_idx`, `item_idx`, `rank` (1-based, distinct per user); rows of other users are ignored.
        truth: `user_idx`, `item_idx`, `reward` > 0; one row per pair.
        seen: distinct or repeated `user_idx`, `item_idx` pairs of the history.
        k: list depth of all metrics but recall, at least 1.
        k_recall: list depth of recall, at least 1.

    Returns:
        One row per user_idx of the truth, ascending; metrics are Float64 in [0, 1].

    Raises:
        ConfigError: if a depth is below 1.
        SchemaError: if a column is absent.
        DataError: if the truth is empty, has a pair twice or a reward that is not positive and finite, or the
            slates break their contract.

    Source:
        Järvelin & Kekäläinen 2002, doi:10.1145/582415.582418, with the ideal truncated at min(k, |T|) as in
        trec_eval. Deviation from trec_eval: recall and map divide by min(k, |T|), not |T|, so that a perfect
        list scores 1.

    Example:
        >>> slates = pl.DataFrame({"user_idx": [0, 0, 1], "item_idx": [5, 6, 5], "rank": [1, 2, 1]})
        >>> truth = pl.DataFrame({"user_idx": [0, 1], "item_idx": [6, 8], "reward": [1.0, 1.0]})
        >>> scores = per_user_metrics(slates, truth, k=2)
        >>> scores["ndcg"].round(4).to_list()  # user 0: 1 / log2(3), over the ideal 1; user 1 has no hit
        [0.6309, 0.0]
        >>> scores["mrr"].to_list()
        [0.5, 0.0]
    """
    if min(k, k_recall) < 1:
        raise ConfigError(f"k={k}, k_recall={k_recall}: a list depth is at least 1")
    truth = _checked(truth)
    users, n_truth = np.unique(truth["user_idx"].to_numpy(), return_counts=True)
    rows = np.repeat(np.arange(len(users)), n_truth)
    lists = SlateMatrix.build(slates, depth=max(k, k_recall), user_idx=users)
    ranks = lists.ranks_of(truth)
    found = np.zeros(lists.item_idx.shape)
    found[rows[ranks > 0], ranks[ranks > 0] - 1] = truth["reward"].to_numpy()[ranks > 0]
    columns = _binary(found[:, :k] > 0, n_truth)
    columns["reward_ndcg"] = _reward_ndcg(found[:, :k], truth["reward"].to_numpy(), rows, n_truth)
    is_hit = (ranks > 0) & (ranks <= k_recall)
    columns["recall"] = _recall(is_hit, rows, n_truth, k_recall)
    if seen is not None:
        is_repeat = _is_in(truth, seen)
        for name, part in (("recall_repeat", is_repeat), ("recall_explore", ~is_repeat)):
            n_part = np.bincount(rows[part], minlength=len(users))
            columns[name] = _recall(is_hit & part, rows, n_part, k_recall)
    names = ACCURACY_METRICS + (REPEAT_METRICS if seen is not None else ())
    scores = pl.DataFrame({"user_idx": users, **{name: columns[name] for name in names}})
    return scores.with_columns(pl.col(name).fill_nan(None) for name in names)


def _checked(truth: pl.DataFrame) -> pl.DataFrame:
    """Return the truth by user, best reward first, or say what is wrong with it."""
    require_columns(truth, ("user_idx", "item_idx", "reward"), "truth")
    if truth.is_empty():
        raise DataError("truth: 0 rows, so no user can be scored; choose a cutoff with labels after it")
    is_wrong = ~(pl.col("reward").is_finite() & (pl.col("reward") > 0)).fill_null(False)
    wrong = truth.filter(is_wrong)
    if wrong.height:
        raise _error(wrong, truth.height, "a reward that is not positive and finite", "keep rewarded pairs only")
    keys = np.sort(pair_keys(truth))
    if (keys[1:] == keys[:-1]).any():
        twice = truth.filter(pl.struct("user_idx", "item_idx").is_duplicated())
        raise _error(twice, truth.height, "a pair that occurs twice", "sum rewards by pair first")
    return truth.select(pl.col("user_idx", "item_idx").cast(pl.UInt32), pl.col("reward").cast(pl.Float64)).sort(
        "user_idx", "reward", "item_idx", descending=[False, True, False]
    )


def _error(bad: pl.DataFrame, n_rows: int, what: str, advice: str) -> DataError:
    first = bad.sort("user_idx", "item_idx").row(0, named=True)
    example = ", ".join(f"{name}={first[name]}" for name in ("user_idx", "item_idx", "reward"))
    return DataError(f"truth: {bad.height} of {n_rows} rows have {what}; first: {example}; {advice}")


def _binary(hits: Bools, n_truth: NDArray[np.int64]) -> dict[str, Floats]:
    """Compute the metrics that ask only whether ranks 1 .. k are hits."""
    k = hits.shape[1]
    n_ideal = np.minimum(n_truth, k)
    discounts = _discounts(k)
    n_found = np.cumsum(hits, axis=1, dtype=np.int32)
    is_any = n_found[:, -1] > 0
    return {
        "ndcg": _weighted(hits, discounts) / np.cumsum(discounts)[n_ideal - 1],
        "precision": n_found[:, -1] / k,
        "mrr": is_any / (hits.argmax(axis=1) + 1.0),
        "map": _weighted(hits * n_found / np.arange(1, k + 1), np.ones(k)) / n_ideal,
        "hit_rate": is_any.astype(np.float64),
    }


def _reward_ndcg(found: Floats, reward: Floats, rows: NDArray[np.int64], n_truth: NDArray[np.int64]) -> Floats:
    """Divide the discounted rewards found by those of the best list; rewards come best first within a user."""
    k = found.shape[1]
    place = np.arange(len(rows)) - np.repeat(np.cumsum(n_truth) - n_truth, n_truth)
    ideal = np.zeros_like(found)
    ideal[rows[place < k], place[place < k]] = reward[place < k]
    return _weighted(found, _discounts(k)) / _weighted(ideal, _discounts(k))


def _recall(is_hit: Bools, rows: NDArray[np.int64], n_truth: NDArray[np.int64], k: int) -> Floats:
    """Divide hits by min(k, |T|); NaN where T is empty."""
    n_hits = np.bincount(rows[is_hit], minlength=len(n_truth))
    recall = np.full(len(n_truth), np.nan)
    np.divide(n_hits, np.minimum(n_truth, k), out=recall, where=n_truth > 0)
    return recall


def _is_in(truth: pl.DataFrame, seen: pl.DataFrame) -> Bools:
    require_columns(seen, ("user_idx", "item_idx"), "seen")
    known, wanted = np.sort(pair_keys(seen)), pair_keys(truth)
    place = np.searchsorted(known, wanted).clip(max=max(len(known) - 1, 0))
    return known[place] == wanted if len(known) else np.zeros(len(wanted), np.bool_)


def _discounts(k: int) -> Floats:
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def _weighted(matrix: NDArray[np.generic], weights: Floats) -> Floats:
    """Sum the columns by weight, rank by rank: a row's result does not depend on its neighbours, as BLAS's may."""
    total = np.zeros(len(matrix))
    for column, weight in enumerate(weights):
        total += matrix[:, column] * weight
    return total
