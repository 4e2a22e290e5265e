"""Everything that a subject shows of some users, under external ids, and where two of such views differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.evaluation.leaks.subject import Subject, users_of
from recsys.knowledge import Knowledge
from recsys.recommender import RankerSet
from recsys.tables import CandidateSet, Floats, UInts

_PAIR = ["user_id", "item_id"]
_BITS = {4: np.uint32, 8: np.uint64}
"""Bytes of a float -> the integer of as many."""


@dataclass(frozen=True)
class View:
    """What a subject shows of some users.

    Attributes:
        tables: `catalogue` (one `item_id` per known item), and for the users `candidates` (with every source's score
            and rank), `features` and `lists`; all with external ids.
        known_users: of the users looked at, those with a history.
    """

    tables: Mapping[str, pl.DataFrame]
    known_users: frozenset[str]

    def of(self, table: str, column: str, value: str) -> pl.DataFrame:
        """Return the rows of one table in which a column has a value."""
        return self.tables[table].filter(pl.col(column) == value)


def look(subject: Subject, user_ids: Sequence[str], rankers: RankerSet, k: int) -> View:
    """Look at candidates, features and lists of some users, known or not."""
    knowledge = subject.knowledge
    numbered = users_of(knowledge, user_ids)
    users = numbered.select("user_idx", "market")
    candidates, matrix = subject.propose(users)
    pairs = pair_ids(knowledge, numbered, candidates.user_idx, candidates.item_idx)
    lists = subject.slates(users, rankers, k)
    listed = pair_ids(knowledge, numbered, lists["user_idx"].to_numpy(), lists["item_idx"].to_numpy())
    tables = {
        "catalogue": knowledge.history.items.select("item_id"),
        "candidates": pairs.hstack(_proposals(candidates)).sort(_PAIR),
        "features": pairs.hstack(feature_columns(subject, matrix)).sort(_PAIR),
        "lists": listed.hstack(lists.select("rank", "score", "source")).sort("user_id", "rank"),
    }
    known = numbered.join(knowledge.history.users, on="user_id", how="semi")["user_id"]
    return View(tables, frozenset(known))


def pair_ids(knowledge: Knowledge, users: pl.DataFrame, user_idx: UInts, item_idx: UInts) -> pl.DataFrame:
    """Name pairs by external ids; `users` has `user_idx` and `user_id`."""
    pairs = pl.DataFrame({"user_idx": user_idx, "item_idx": item_idx})
    named = pairs.join(users.select("user_idx", "user_id"), on="user_idx", how="left", maintain_order="left")
    items = knowledge.history.items.select("item_idx", "item_id")
    return named.join(items, on="item_idx", how="left", maintain_order="left").select(_PAIR)


def feature_columns(subject: Subject, matrix: Floats) -> pl.DataFrame:
    """Name the columns of a matrix."""
    return pl.DataFrame({feature.name: matrix[:, i] for i, feature in enumerate(subject.features)})


def first_difference(one: pl.DataFrame, other: pl.DataFrame, keys: Sequence[str]) -> str:
    """Say where two tables differ in any bit: how many rows, and the first of them; empty where they do not.

    Args:
        one: what should come out.
        other: what came out.
        keys: columns that name a row.

    Example:
        >>> one = pl.DataFrame({"user_id": ["a", "b"], "x": [1.0, 2.0]})
        >>> first_difference(one, one.with_columns(x=pl.col("x") + 1), ["user_id"])
        '2 of 2 rows differ; first: user_id=a, x is 2.0 instead of 1.0'
    """
    added, gone = (a.join(b, on=keys, how="anti") for a, b in ((other, one), (one, other)))
    if added.height or gone.height:
        what, rows = ("added", added) if added.height else ("gone", gone)
        first = rows.sort(keys).row(0, named=True)
        counts = f"{added.height:,} rows are added to {one.height:,} and {gone.height:,} gone"
        return f"{counts}; first {what}: {_named(first, keys)}"
    both = one.join(other.select(*keys, pl.exclude(keys).name.suffix("_other")), on=keys, how="left")
    columns = [name for name in one.columns if name not in keys]
    wrong = np.stack([_bits(both[name]) != _bits(both[f"{name}_other"]) for name in columns] or [np.zeros(0, bool)])
    rows_wrong = np.flatnonzero(wrong.any(axis=0))
    if not len(rows_wrong):
        return ""
    row, name = both.row(int(rows_wrong[0]), named=True), columns[int(np.argmax(wrong[:, rows_wrong[0]]))]
    text = f"{name} is {row[f'{name}_other']} instead of {row[name]}"
    return f"{len(rows_wrong):,} of {one.height:,} rows differ; first: {_named(row, keys)}, {text}"


def _named(row: Mapping[str, object], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={row[key]!s:.60}" for key in keys)


def _bits(values: pl.Series) -> np.ndarray:
    """Return floats as their bits, so that not-a-number equals itself and -0 does not equal 0."""
    array = values.to_numpy()
    return array.view(_BITS[array.itemsize]) if values.dtype.is_float() else array


def _proposals(candidates: CandidateSet) -> pl.DataFrame:
    scores = {f"score_{name}": values for name, values in candidates.scores.items()}
    return pl.DataFrame({**scores, **{f"rank_{name}": values for name, values in candidates.ranks.items()}})
