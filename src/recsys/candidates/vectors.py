"""Items near a user in a space of vectors: one search for all of them, and the vectors of item content."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from recsys.candidates.item_index import IndexSettings, ItemIndex
from recsys.candidates.source import Tables
from recsys.knowledge import Knowledge
from recsys.tables import Floats, UInts, derived, find, keys_of, matrix_of, vectors_table

NOTHING = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64})
"""An empty answer."""


@dataclass(frozen=True)
class Content:
    """Items whose words resemble what a user had: an item launched today with no event can be found.

    Titles and categories become TF-IDF weights, reduced by a truncated SVD; a user is the decayed mean of their items.
    """

    name: str
    half_life: timedelta
    n_factors: int = 64
    index: IndexSettings = field(default_factory=IndexSettings)

    def fit(self, knowledge: Knowledge) -> Tables:
        """Embed the catalogue's words, and users in their space."""
        items = knowledge.history.items
        words = items.select(
            pl.concat_str(
                pl.col("title").fill_null(""), pl.col("category").fill_null(""), separator=" "
            ).str.to_lowercase()
        ).to_series()
        vectors = _embed(words.to_list(), self.n_factors)
        if vectors is None:
            empty = np.zeros((0, 1), np.float32)
            none = np.empty(0, np.uint32)
            return {"users": vectors_table("user_idx", none, empty), "items": vectors_table("item_idx", none, empty)}
        masses = knowledge.decayed("user_item", self.half_life)
        shape = (knowledge.history.users.height, items.height)
        matrix = sparse.csr_matrix(
            (masses["mass"].to_numpy(), (masses["user_idx"].to_numpy(), masses["item_idx"].to_numpy())), shape=shape
        )
        profiles = normalize(np.asarray(matrix @ vectors)).astype(np.float32)
        has = np.linalg.norm(profiles, axis=1) > 0
        available = knowledge.available["item_idx"].to_numpy()
        available = available[np.linalg.norm(vectors[available], axis=1) > 0]
        return {
            "users": vectors_table("user_idx", np.flatnonzero(has).astype(np.uint32), profiles[has]),
            "items": vectors_table("item_idx", available, vectors[available]),
        }

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Search the items nearest to each user's profile."""
        return nearest_items(tables, users, k, exclude, self.index)


def nearest_items(
    tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None, settings: IndexSettings
) -> pl.DataFrame:
    """Search the `k` items of the largest inner product for each user who has a vector.

    Args:
        tables: `users` (`user_idx`, `vector`) and `items` (`item_idx`, `vector`).
        users: `user_idx`.
        k: list depth.
        exclude: pairs to leave out; a user is searched so much deeper as they have pairs there.
        settings: the index.
    """
    if not tables["items"].height:
        return NOTHING
    wanted = tables["users"].join(users.select("user_idx"), on="user_idx", how="semi", maintain_order="left")
    items = tables["items"]
    index = derived(items, settings, lambda: ItemIndex.build(matrix_of(items), settings))
    item_idx = items["item_idx"].to_numpy()
    parts = [NOTHING]
    for depth, members in _by_depth(wanted, k, exclude):
        scores, rows = index.search(matrix_of(members), depth)
        parts.append(_long(members["user_idx"].to_numpy(), item_idx, scores, rows))
    found = pl.concat(parts)
    if exclude is not None:
        hidden = np.sort(keys_of(exclude["user_idx"].to_numpy(), exclude["item_idx"].to_numpy()))
        found = found.filter(~find(hidden, keys_of(found["user_idx"].to_numpy(), found["item_idx"].to_numpy()))[1])
        found = found.filter(pl.int_range(pl.len()).over("user_idx") < k)
    return found.sort("user_idx", maintain_order=True)


def _by_depth(wanted: pl.DataFrame, k: int, exclude: pl.DataFrame | None) -> list[tuple[int, pl.DataFrame]]:
    """Group users by how deep they are searched: `k`, or `k` and the next power of two above what is hidden."""
    if exclude is None:
        return [(k, wanted)]
    hidden = exclude.group_by("user_idx").len("n")
    n = wanted.join(hidden, on="user_idx", how="left", maintain_order="left")["n"].fill_null(0).to_numpy()
    depth = k + np.where(n > 0, 2 ** np.ceil(np.log2(np.maximum(n, 1))), 0).astype(np.int64)
    return [(int(d), wanted.filter(pl.Series(depth == d))) for d in np.unique(depth)]


def _long(user_idx: UInts, item_idx: UInts, scores: Floats, rows: NDArray[np.int64]) -> pl.DataFrame:
    found = rows.ravel() >= 0
    return pl.DataFrame(
        {
            "user_idx": np.repeat(user_idx, rows.shape[1])[found],
            "item_idx": item_idx[rows.ravel()[found]],
            "score": scores.ravel()[found].astype(np.float64),
        }
    )


def _embed(words: list[str], n_factors: int) -> Floats | None:
    """Return normalised vectors of the texts, or None where there are no words to tell items apart.

    Only words of two texts or more count: a word of one alone makes nothing alike.
    """
    if len({text.strip() for text in words}) < 3:
        return None
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w+\b")
    try:
        weights = vectorizer.fit_transform(words)
    except ValueError:  # no word, or none that two texts share
        return None
    n = min(n_factors, min(weights.shape) - 1)
    with threadpool_limits(1, "blas"):
        reduced = TruncatedSVD(n, random_state=0).fit_transform(weights) if n >= 2 else weights.toarray()
    return np.asarray(normalize(reduced), np.float32)
