"""What others took next: decayed directed co-visits from the items that a user had lately."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl
from scipy import sparse

from recsys.candidates.knowledge import Knowledge
from recsys.candidates.source import Tables, best_per_user
from recsys.data.history import with_idx
from recsys.timeline import format_duration


@dataclass(frozen=True)
class CoVisits:
    """score(u, y) = sum over the user's seeds x of mass(u, x) x C(x, y) / (sqrt(N_x N_y) + shrink).

    C are the state's decayed directed pair sums and N the decayed event counts of the items at the same half-life, so
    the landmark cancels in the ratio. Seeds are the user's `n_seeds` heaviest items at `seed_half_life`.

    Source:
        Item-to-item collaborative filtering, Linden, Smith & York 2003, doi:10.1109/MIC.2003.1167344, with decay and
        direction.
    """

    name: str
    half_life: timedelta
    seed_half_life: timedelta
    n_seeds: int = 30
    n_neighbours: int = 100
    shrink: float = 1.0

    def fit(self, knowledge: Knowledge) -> Tables:
        """Normalise the pairs, keep each item's best neighbours and each user's seeds."""
        ties = knowledge.history.items.select("item_idx", "tie")
        return {"neighbours": self._neighbours(knowledge), "seeds": self._seeds(knowledge), "ties": ties}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Sum the neighbours of each user's seeds, as the product of two sparse matrices."""
        seeds = tables["seeds"].join(users.select("user_idx").with_row_index("row"), on="user_idx", how="inner")
        neighbours, ties = tables["neighbours"], tables["ties"]
        n_items = ties.height
        left = _matrix(seeds, ("row", "seed_idx", "weight"), (users.height, n_items))
        right = _matrix(neighbours, ("seed_idx", "item_idx", "similarity"), (n_items, n_items))
        scores = (left @ right).tocoo()
        pairs = pl.DataFrame(
            {
                "user_idx": users["user_idx"].gather(scores.row),
                "item_idx": pl.Series(scores.col, dtype=pl.UInt32),
                "score": scores.data,
                "tie": ties["tie"].gather(scores.col),
            }
        )
        return best_per_user(pairs, k, exclude)

    def _seeds(self, knowledge: Knowledge) -> pl.DataFrame:
        masses = knowledge.decayed("user_item", self.seed_half_life, measure="events")
        ties = knowledge.history.items.select("item_idx", "tie")
        heaviest = best_per_user(masses.rename({"mass": "score"}).join(ties, on="item_idx"), self.n_seeds, None)
        total = pl.col("score").sum().over("user_idx")
        return heaviest.select("user_idx", seed_idx="item_idx", weight=pl.col("score") / total)

    def _neighbours(self, knowledge: Knowledge) -> pl.DataFrame:
        items = knowledge.history.items
        column = f"covisit_{format_duration(self.half_life)}"
        covisits = knowledge.state.covisits(knowledge.as_of).select("item_id", "next_item_id", mass=column)
        seeds = items.select(item_id="item_id", seed_idx="item_idx")
        counts = knowledge.decayed("item", self.half_life, measure="events")
        pairs = (
            with_idx(covisits.rename({"item_id": "seed_id", "next_item_id": "item_id"}), {"item": items})
            .join(seeds.rename({"item_id": "seed_id"}), on="seed_id", how="inner")
            .join(knowledge.available, on="item_idx", how="inner")
            .join(counts.rename({"mass": "n_item"}), on="item_idx", how="inner")
            .join(counts.select(seed_idx="item_idx", n_seed="mass"), on="seed_idx", how="inner")
            .with_columns(similarity=pl.col("mass") / ((pl.col("n_seed") * pl.col("n_item")).sqrt() + self.shrink))
            .sort("seed_idx", "similarity", "tie", "item_idx", descending=[False, True, False, False])
        )
        return pairs.filter(pl.int_range(pl.len()).over("seed_idx") < self.n_neighbours).select(
            "seed_idx", "item_idx", "similarity"
        )


def _matrix(table: pl.DataFrame, columns: tuple[str, str, str], shape: tuple[int, int]) -> sparse.csr_array:
    """Lay (row, column, value) triples out as a sparse matrix."""
    row, column, value = columns
    triples = (table[value].to_numpy(), (table[row].to_numpy(), table[column].to_numpy()))
    return sparse.csr_array(triples, shape=shape)
