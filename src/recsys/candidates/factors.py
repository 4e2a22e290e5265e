"""Matrix factors: learned anew, learned on from earlier ones, or kept for items while users are folded in.

The fold-in solves each user exactly, where learning takes three steps of conjugate gradients a turn; so the vector of a
user whose history did not change still moves a little.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import polars as pl
from implicit.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.candidates.item_index import IndexSettings
from recsys.candidates.source import Tables
from recsys.candidates.vectors import nearest_items
from recsys.errors import ArtifactError
from recsys.knowledge import Knowledge
from recsys.tables import Floats, UInts, matrix_of, vectors_table
from recsys.timeline import format_duration

_SEED = 0
_SPREAD = 0.01
"""Vectors start between 0 and this, as those of `implicit` do."""


@dataclass(frozen=True)
class Factors:
    """Matrix factors by implicit alternating least squares on decayed confidences. A `ContinuedSource`.

    The confidence of a user's pair is alpha x its decayed mass at `half_life`, or x the number of its rewarded events
    where the half-life is None; every other pair has confidence 1 in 0. Without decay the vectors know what goes
    together over the whole log, which decayed ones forget; with it they know what is wanted now.

    Its tables are `users`, `items` (those on offer) and `withdrawn` (those that are not, which still tell what a user
    likes, and may come back), each with `vector`.

    Source:
        Hu, Koren & Volinsky 2008, doi:10.1109/ICDM.2008.22; solved by `implicit` with conjugate gradients. There the
        confidence is 1 + alpha x mass.
    """

    name: str
    half_life: timedelta | None
    n_factors: int = 64
    n_iterations: int = 12
    alpha: float = 10.0
    regularization: float = 0.05
    index: IndexSettings = field(default_factory=IndexSettings)
    n_warm_iterations: int = 4

    def fit(self, knowledge: Knowledge) -> Tables:
        """Factorise from a seeded start."""
        matrix = self._matrix(knowledge)
        model = self._solver(self.n_iterations)
        with threadpool_limits(1, "blas"):
            model.fit(matrix, show_progress=False)
        return self._learned(knowledge, matrix, model)

    def refit(self, knowledge: Knowledge, earlier: Tables) -> Tables:
        """Factorise from earlier vectors (a warm start), in `n_warm_iterations`; what is new starts seeded.

        Raises:
            ArtifactError: if the earlier vectors have another length.
        """
        self._require_length(earlier)
        matrix = self._matrix(knowledge)
        model = self._solver(self.n_warm_iterations)
        random = np.random.default_rng(_SEED)
        starts = [random.random((n, self.n_factors), np.float32) * np.float32(_SPREAD) for n in matrix.shape]
        for start, (idx, vectors) in zip(starts, (_of_users(earlier), _of_items(earlier)), strict=True):
            start[idx] = vectors
        model.user_factors, model.item_factors = starts
        with threadpool_limits(1, "blas"):
            model.fit(matrix, show_progress=False)
        return self._learned(knowledge, matrix, model)

    def refresh(self, knowledge: Knowledge, earlier: Tables) -> Tables:
        """Fold users in: with the earlier item vectors Y fixed, solve (Y'CY + regularization I) x = Y'C p for each.

        Items without an earlier vector have none here either, and users who had no other ones have none.

        Raises:
            ArtifactError: if the earlier vectors have another length.

        Source:
            Hu, Koren & Volinsky 2008, equation 4, solved exactly by `implicit`.
        """
        self._require_length(earlier)
        item_idx, vectors = _of_items(earlier)
        matrix = self._matrix(knowledge, item_idx)
        model = self._solver(self.n_iterations)
        model.item_factors = np.zeros((matrix.shape[1], self.n_factors), np.float32)
        model.item_factors[item_idx] = vectors
        user_idx = np.flatnonzero(np.diff(matrix.indptr)).astype(np.uint32)
        users = np.zeros((0, self.n_factors), np.float32)
        if len(user_idx):
            with threadpool_limits(1, "blas"):
                users = model.recalculate_user(user_idx, matrix[user_idx])
        return _tables(knowledge, (user_idx, users), (item_idx, vectors))

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Search the items nearest to each user's vector."""
        return nearest_items(tables, users, k, exclude, self.index)

    def _matrix(self, knowledge: Knowledge, item_idx: UInts | None = None) -> sparse.csr_matrix[np.float32]:
        """Return masses, shape (n_users, n_items); of some items only where they are given."""
        pairs = self._masses(knowledge)
        if item_idx is not None:
            pairs = pairs.join(pl.DataFrame({"item_idx": item_idx}), on="item_idx", how="semi", maintain_order="left")
        places = (pairs["user_idx"].to_numpy(), pairs["item_idx"].to_numpy())
        shape = (knowledge.history.users.height, knowledge.history.items.height)
        return sparse.csr_matrix((pairs["mass"].to_numpy().astype(np.float32), places), shape=shape)

    def _masses(self, knowledge: Knowledge) -> pl.DataFrame:
        if self.half_life is not None:
            return knowledge.decayed("user_item", self.half_life)
        count = pl.col(f"n_reward_{knowledge.target}").cast(pl.Float64)
        return knowledge.grain("user_item").select("user_idx", "item_idx", mass=count).filter(pl.col("mass") > 0)

    def _solver(self, n_iterations: int) -> AlternatingLeastSquares:
        with threadpool_limits(1, "blas"):  # `implicit` warns already when it is made
            return AlternatingLeastSquares(
                factors=self.n_factors,
                regularization=self.regularization,
                alpha=self.alpha,
                iterations=n_iterations,
                random_state=_SEED,
                num_threads=0,
            )

    def _learned(
        self, knowledge: Knowledge, matrix: sparse.csr_matrix[np.float32], model: AlternatingLeastSquares
    ) -> Tables:
        user_idx = np.flatnonzero(np.diff(matrix.indptr)).astype(np.uint32)
        item_idx = np.arange(matrix.shape[1], dtype=np.uint32)
        return _tables(knowledge, (user_idx, model.user_factors[user_idx]), (item_idx, model.item_factors))

    def _require_length(self, earlier: Tables) -> None:
        found = _length(earlier)
        if found != self.n_factors:
            half_life = "no decay" if self.half_life is None else f"half_life={format_duration(self.half_life)}"
            raise ArtifactError(
                f"{self.name} ({half_life}): the earlier vectors have {found} factors, these {self.n_factors}; set "
                "recommender.n_factors as it was then, name another model, or learn without an earlier one"
            )


def _tables(knowledge: Knowledge, users: tuple[UInts, Floats], items: tuple[UInts, Floats]) -> Tables:
    """Return the tables of vectors by ids, of items in two parts: those on offer, and the others."""
    item_idx, vectors = items
    offered = np.isin(item_idx, knowledge.available["item_idx"].to_numpy())
    return {
        "users": vectors_table("user_idx", *users),
        "items": vectors_table("item_idx", item_idx[offered], vectors[offered]),
        "withdrawn": vectors_table("item_idx", item_idx[~offered], vectors[~offered]),
    }


def _of_users(tables: Tables) -> tuple[UInts, Floats]:
    return tables["users"]["user_idx"].to_numpy(), matrix_of(tables["users"])


def _of_items(tables: Tables) -> tuple[UInts, Floats]:
    """Return the vectors of all items, on offer or not, items ascending."""
    items = pl.concat([tables["items"], tables["withdrawn"]]).sort("item_idx")
    return items["item_idx"].to_numpy(), matrix_of(items)


def _length(tables: Tables) -> int:
    dtype = tables["items"].schema["vector"]
    return dtype.size if isinstance(dtype, pl.Array) else 0
