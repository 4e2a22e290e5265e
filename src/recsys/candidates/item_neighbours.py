"""Items that the same users have, however far apart in time: decayed cosine over whole histories."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from implicit.nearest_neighbours import all_pairs_knn
from scipy import sparse

from recsys.candidates.covisits import neighbour_scores
from recsys.candidates.source import Tables, best_per_user
from recsys.knowledge import Knowledge
from recsys.tables import ordered_sum


@dataclass(frozen=True)
class ItemNeighbours:
    """score(u, y) = sum over the user's seeds x of share(u, x) x sim(x, y).

    Seeds are the user's `n_seeds` heaviest items at `seed_half_life`, share(u, x) their part of the seeds' mass.
    sim(x, y) = sum over users v of w(v) a(v, x) a(v, y) / sqrt((N_x + shrink) (N_y + shrink)), where a = m / (1 + m) is
    the user's decayed mass squashed, N_x = sum of w a^2, and w(v) = 1 / ln(2 + items of v) so that heavy users do not
    decide alone. Of a user the `max_items` heaviest items pair up, so the cost is linear in the users.

    Source:
        Item-based top-N, Deshpande & Karypis 2004, doi:10.1145/963770.963776, with decay.
    """

    name: str
    half_life: timedelta
    seed_half_life: timedelta
    n_seeds: int = 50
    n_neighbours: int = 100
    max_items: int = 200
    shrink: float = 1.0

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compare all items that share users, and keep each item's best neighbours and each user's seeds."""
        items = knowledge.history.items.select("item_idx", "tie")
        masses = knowledge.decayed("user_item", self.half_life).rename({"mass": "score"}).join(items, on="item_idx")
        heavy = best_per_user(masses, self.max_items, None)
        shape = (knowledge.history.users.height, items.height)
        level = heavy["score"].to_numpy() / (1.0 + heavy["score"].to_numpy())
        users = heavy["user_idx"].to_numpy()
        n_items = np.bincount(users, minlength=shape[0])
        weight = level / np.sqrt(np.log(2.0 + n_items[users]))
        matrix = sparse.csr_matrix((weight, (users, heavy["item_idx"].to_numpy())), shape=shape)
        seeds = knowledge.decayed("user_item", self.seed_half_life).rename({"mass": "score"}).join(items, on="item_idx")
        best = best_per_user(seeds, self.n_seeds, None)
        total = ordered_sum(pl.col("score")).over("user_idx")
        return {
            "neighbours": self._neighbours(matrix, knowledge),
            "seeds": best.select("user_idx", seed_idx="item_idx", weight=pl.col("score") / total),
            "ties": items,
        }

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Sum the neighbours of each user's seeds."""
        return best_per_user(neighbour_scores(tables, users), k, exclude)

    def _neighbours(self, matrix: sparse.csr_matrix, knowledge: Knowledge) -> pl.DataFrame:
        """Keep each item's nearest available items; items that are gone stay as seeds only."""
        norm = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
        scaled = sparse.csr_matrix(matrix @ sparse.diags(1.0 / np.sqrt(norm + self.shrink)))
        near = all_pairs_knn(scaled, K=self.n_neighbours + 1, show_progress=False)
        pairs = pl.DataFrame(
            {
                "seed_idx": near.row.astype(np.uint32),
                "item_idx": near.col.astype(np.uint32),
                "similarity": near.data.astype(np.float64),
            }
        ).filter((pl.col("seed_idx") != pl.col("item_idx")) & (pl.col("similarity") > 0))
        shown = pairs.join(knowledge.available.select("item_idx"), on="item_idx", how="semi")
        return shown.sort("seed_idx", "item_idx")
