"""What lists are like, whatever users did: how much of the catalogue they show, how evenly, how novel, varied and old.

Users without truth count here too. Coverage and Gini belong to all lists together and have no per-user value;
the others have one, so that they can be compared in pairs like accuracy.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.errors import ConfigError, DataError
from recsys.evaluation.slate_matrix import EMPTY, SlateMatrix, require_columns

LIST_METRICS = ("novelty", "diversity", "item_age_days", "repeat_share")
"""Columns of `ListMetrics.per_user`."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ListMetrics:
    """Properties of one set of lists.

    Attributes:
        per_user: `user_idx` and `LIST_METRICS`, one row per user with a list, ascending; null where undefined.
        coverage: share of the catalogue that stands in at least one list.
        gini: inequality of exposure, 0 when every item is listed equally often, towards 1 when one takes all.
    """

    per_user: pl.DataFrame
    coverage: float
    gini: float

    def summary(self) -> dict[str, float | None]:
        """Return coverage, Gini and the mean over users of the rest, null where no user has a value."""
        means = self.per_user.select(pl.col(LIST_METRICS).mean()).row(0, named=True)
        return {"coverage": self.coverage, "gini": self.gini, **means}


def list_metrics(
    slates: pl.DataFrame, items: pl.DataFrame, *, seen: pl.DataFrame | None = None, k: int = 10
) -> ListMetrics:
    """Describe lists of k by five properties of their items.

    With n_i the events of item i before the cutoff, N their sum, I the size of the catalogue, x_(1) <= .. <= x_(I)
    the times each item is listed, and L one user's list:

        novelty       = mean over L of -log2((n_i + 1) / (N + I)), in bits; the 1 keeps new items finite
        diversity     = 1 - pairs of L with equal category / pairs of L, over items that have a category
        item_age_days = mean over L of the items' age, over items that have one
        repeat_share  = share of L that the user had seen; null without `seen`
        coverage      = items with x_i > 0 / I
        gini          = sum_i (2 i - I - 1) x_(i) / (I sum_i x_(i))

    Time:
        Reads no instant: counts and ages are of the cutoff (events with `known_at` < cutoff).

    Args:
        slates: `user_idx`, `item_idx`, `rank`; ranks beyond k are ignored.
        items: the catalogue at the cutoff, one row per item: `item_idx`, `n_events` >= 0, `category` (any type,
            nullable), `item_age_days` (nullable).
        seen: `user_idx`, `item_idx` pairs of the history.
        k: list depth, at least 1.

    Returns:
        The per-user values (one row per user with a list, ascending by user_idx) and the two of all lists.

    Raises:
        ConfigError: if k is below 1.
        SchemaError: if a column is absent.
        DataError: if there is no list, the catalogue has an item twice, or a list names an item outside it.

    Source:
        Novelty: Zhou et al. 2010, doi:10.1073/pnas.1000488107, smoothed. Gini: Fleder & Hosanagar 2009,
        doi:10.1287/mnsc.1080.0974. Diversity: Ziegler et al. 2005, doi:10.1145/1060745.1060754, with similarity 1
        within a category.

    Example:
        >>> slates = pl.DataFrame({"user_idx": [0, 0], "item_idx": [0, 1], "rank": [1, 2]})
        >>> items = pl.DataFrame({"item_idx": [0, 1, 2, 3], "n_events": [11, 1, 0, 0], "category": ["a", "a", "b", "b"],
        ...     "item_age_days": [10.0, 20.0, None, 1.0]})
        >>> list_metrics(slates, items).summary()  # novelty: (log2(16 / 12) + log2(16 / 2)) / 2
        {'coverage': 0.5, 'gini': 0.5, 'novelty': 1.707518749639422, 'diversity': 0.0, \
'item_age_days': 15.0, 'repeat_share': None}
    """
    if k < 1:
        raise ConfigError(f"k={k}: a list depth is at least 1")
    items = _checked(items)
    lists = SlateMatrix.build(slates, depth=k)
    if not len(lists.user_idx):
        raise DataError("slates: 0 rows; nothing was recommended")
    listed = lists.item_idx != EMPTY
    place = _places(lists, listed, items)
    n_listed = np.bincount(place[listed], minlength=items.height)
    popularity = items["n_events"].to_numpy() + 1.0
    categories = items["category"].rank("dense").fill_null(0).to_numpy().astype(np.int32)
    ages = items["item_age_days"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    columns = {
        "novelty": _row_means(-np.log2(popularity / popularity.sum()), place, listed),
        "diversity": _diversity(np.where(listed, categories[place], 0)),
        "item_age_days": _row_means(ages, place, listed & ~np.isnan(ages)[place]),
        "repeat_share": np.full(len(place), np.nan) if seen is None else _repeat_share(lists, listed, seen),
    }
    per_user = pl.DataFrame({"user_idx": lists.user_idx, **columns}).with_columns(pl.col(LIST_METRICS).fill_nan(None))
    return ListMetrics(per_user, float(np.count_nonzero(n_listed) / items.height), _gini(n_listed))


def _checked(items: pl.DataFrame) -> pl.DataFrame:
    require_columns(items, ("item_idx", "n_events", "category", "item_age_days"), "items")
    twice = items.filter(pl.col("item_idx").is_duplicated()).sort("item_idx")
    if twice.height:
        raise DataError(
            f"items: {twice.height} of {items.height} rows repeat an item; first: item_idx={twice['item_idx'][0]}; "
            "give one row per item"
        )
    return items.sort("item_idx")


def _places(lists: SlateMatrix, listed: NDArray[np.bool_], items: pl.DataFrame) -> NDArray[np.int32]:
    """Return the row of the catalogue of every listed item, 0 in empty cells."""
    catalogue = items["item_idx"].to_numpy()
    largest = max(int(catalogue.max(initial=0)), int(lists.item_idx[listed].max()))
    table = np.full(largest + 1, -1, np.int32)
    table[catalogue] = np.arange(len(catalogue), dtype=np.int32)
    place = table[np.where(listed, lists.item_idx, np.uint32(0))]
    place[~listed] = 0
    if place.min() < 0:
        row, column = np.argwhere(place < 0)[0]
        raise DataError(
            f"slates: {np.count_nonzero(place < 0)} listed items are not in the catalogue of {items.height}; first: "
            f"user_idx={lists.user_idx[row]}, item_idx={lists.item_idx[row, column]}; recommend available items only"
        )
    return place


def _row_means(values: Floats, place: NDArray[np.int32], is_counted: NDArray[np.bool_]) -> Floats:
    """Average the items' values over the counted cells of each row, rank by rank; NaN where there is none."""
    total = np.zeros(len(place))
    for column in range(place.shape[1]):
        total += np.where(is_counted[:, column], values[place[:, column]], 0.0)
    return _ratio(total, is_counted.sum(axis=1))


def _diversity(categories: NDArray[np.int32]) -> Floats:
    """Count the pairs of unequal category among the cells that have one (0: none)."""
    same = np.zeros(len(categories))
    for shift in range(1, categories.shape[1]):
        left, right = categories[:, :-shift], categories[:, shift:]
        same += ((left == right) & (left > 0)).sum(axis=1)
    n_known = np.count_nonzero(categories, axis=1)
    return 1.0 - _ratio(same, n_known * (n_known - 1) // 2)


def _repeat_share(lists: SlateMatrix, listed: NDArray[np.bool_], seen: pl.DataFrame) -> Floats:
    require_columns(seen, ("user_idx", "item_idx"), "seen")
    ranks = lists.ranks_of(seen)
    is_seen = np.zeros_like(listed)
    rows = np.searchsorted(lists.user_idx, seen["user_idx"].to_numpy()[ranks > 0])
    is_seen[rows, ranks[ranks > 0] - 1] = True
    return _ratio(is_seen.sum(axis=1), listed.sum(axis=1))


def _gini(n_listed: NDArray[np.int64]) -> float:
    ordered = np.sort(n_listed)
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def _ratio(total: NDArray[np.float64 | np.int64], n: NDArray[np.int64]) -> Floats:
    ratio = np.full(len(n), np.nan)
    np.divide(total, n, out=ratio, where=n > 0)
    return ratio
