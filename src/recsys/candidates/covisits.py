"""What others took next: decayed directed co-visits from the items that a user had lately."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import polars as pl
from scipy import sparse

from recsys.candidates.source import Tables, best_per_user
from recsys.knowledge import Knowledge
from recsys.state import CovisitKind
from recsys.tables import derived, largest_within, ordered_sum
from recsys.timeline import age_days, format_duration, half_life_weight


@dataclass(frozen=True)
class CoVisits:
    """score(u, y) = sum over the user's seeds x of weight(u, x) x C(x, y) / (sqrt(N_x N_y) + shrink).

    C are the state's decayed directed pair sums of one kind and N the decayed event counts of the items at the same
    half-life, so the landmark cancels in the ratio. Seeds are `n_seeds` items of the user: the heaviest ones by events
    decayed at `seed_half_life`, or the latest ones, weighing one half for each `seed_half_life` that they lie before
    the user's last event, however long ago that was. Their weights add up to 1.

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
    kind: CovisitKind = "covisit"
    seeds: Literal["heaviest", "latest"] = "heaviest"

    def fit(self, knowledge: Knowledge) -> Tables:
        """Normalise the pairs, keep each item's best neighbours and each user's seeds."""
        ties = knowledge.history.items.select("item_idx", "tie")
        return {"neighbours": self._neighbours(knowledge), "seeds": self._seeds(knowledge), "ties": ties}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Sum the neighbours of each user's seeds, as the product of two sparse matrices."""
        return best_per_user(neighbour_scores(tables, users), k, exclude)

    def _seeds(self, knowledge: Knowledge) -> pl.DataFrame:
        score = pl.col(f"events_{format_duration(self.seed_half_life)}")
        if self.seeds == "latest":
            age = age_days(pl.col("last_time"), knowledge.as_of)
            score = half_life_weight(age - age.min().over("user_idx"), self.seed_half_life)
        masses = knowledge.grain("user_item").select("user_idx", "item_idx", score=score).filter(pl.col("score") > 0)
        ties = knowledge.history.items.select("item_idx", "tie")
        best = best_per_user(masses.join(ties, on="item_idx"), self.n_seeds, None)
        total = ordered_sum(pl.col("score")).over("user_idx")
        return best.select("user_idx", seed_idx="item_idx", weight=pl.col("score") / total)

    def _neighbours(self, knowledge: Knowledge) -> pl.DataFrame:
        similar = self._similarities(knowledge)
        tie = knowledge.history.items["tie"].gather(similar["item_idx"]).to_numpy()
        seed, similarity = similar["seed_idx"].to_numpy(), similar["similarity"].to_numpy()
        return similar[largest_within(seed, similarity, self.n_neighbours, ties=[tie])]

    def _similarities(self, knowledge: Knowledge) -> pl.DataFrame:
        """Return `seed_idx`, `item_idx` and `similarity` of all pairs to an available item, sorted by both."""
        items = knowledge.history.items
        counts = knowledge.decayed("item", self.half_life, measure="events")
        n_events = np.zeros(items.height)
        n_events[counts["item_idx"].to_numpy()] = counts["mass"].to_numpy()
        # NOTE: an item's idx is its place among the sorted ids, so places are idx.
        pairs = knowledge.state.covisit_masses(knowledge.as_of, self.half_life, items["item_id"], self.kind)
        seed, item = pairs["item"].to_numpy(), pairs["next_item"].to_numpy()
        similarity = pairs["mass"].to_numpy() / (np.sqrt(n_events[seed] * n_events[item]) + self.shrink)
        holds = (n_events[seed] > 0) & (n_events[item] > 0) & items["is_available"].to_numpy()[item]
        table = pairs.select(seed_idx="item", item_idx="next_item", similarity=pl.lit(similarity))
        return table.filter(holds)


def neighbour_scores(tables: Tables, users: pl.DataFrame) -> pl.DataFrame:
    """Multiply users' seeds by the items' neighbours.

    Args:
        tables: `seeds` (`user_idx`, `seed_idx`, `weight`), `neighbours` (`seed_idx`, `item_idx`, `similarity`) and
            `ties` (`item_idx`, `tie`, one row per item).
        users: `user_idx`.

    Returns:
        `user_idx`, `item_idx`, `score`, `tie`: one row per pair with a path from a seed.
    """
    rows = users.select("user_idx").with_row_index("row")
    # NOTE: the product adds a user's seeds in the order of their rows, so that order is kept.
    seeds = tables["seeds"].join(rows, on="user_idx", how="inner", maintain_order="left")
    ties = tables["ties"]
    left = _matrix(seeds, ("row", "seed_idx", "weight"), (users.height, ties.height))
    near, columns = tables["neighbours"], ("seed_idx", "item_idx", "similarity")
    right = derived(near, "matrix", lambda: _matrix(near, columns, (ties.height, ties.height)))
    scores = (left @ right).tocoo()
    return pl.DataFrame(
        {
            "user_idx": users["user_idx"].gather(scores.row),
            "item_idx": pl.Series(scores.col, dtype=pl.UInt32),
            "score": scores.data,
            "tie": ties["tie"].gather(scores.col),
        }
    )


def _matrix(table: pl.DataFrame, columns: tuple[str, str, str], shape: tuple[int, int]) -> sparse.csr_array:
    """Lay (row, column, value) triples out as a sparse matrix."""
    row, column, value = columns
    triples = (table[value].to_numpy(), (table[row].to_numpy(), table[column].to_numpy()))
    return sparse.csr_array(triples, shape=shape)
