"""What a ranker learns from: candidates of a past label window, their features as of its cutoff, and what came."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.candidates import Tables
from recsys.ranking import RankingSettings, Rows, sample_rows
from recsys.recommender.costs import COST_DTYPES, Stopwatch, retrieval_costs
from recsys.recommender.two_stage import TwoStage
from recsys.tables import Floats, find, keys_of, starts_of
from recsys.timeline import in_days

_GRADE = "grade."
_POSITION = "position"


@dataclass(frozen=True)
class Examples:
    """Candidates of the users with a label in one window, sorted by user and item.

    Attributes:
        cutoff: only what was known before it is in the features.
        pairs: `user_idx`, `item_idx`, `grade.<reward>` (i32, 0 for no label) per named reward, and, where any item was
            shown in the window, `position` (i32, 0 for a pair that was not shown).
        features: shape (n_pairs, n_features).
        costs: what each channel cost (`COST_DTYPES`) where the examples were made; empty if that is not known.
    """

    cutoff: datetime
    pairs: pl.DataFrame
    features: Floats
    costs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COST_DTYPES))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Candidates of each user."""
        users = self.pairs["user_idx"].to_numpy()
        return np.diff(np.append(starts_of(users), len(users)))

    def has_positive(self, reward: str) -> bool:
        """Whether any candidate earned this reward."""
        return bool((self.pairs[_GRADE + reward] > 0).any())

    def rows(self, reward: str) -> Rows:
        """Return all candidates as rows graded by one reward."""
        grade = self.pairs[_GRADE + reward].to_numpy()
        position = self.pairs[_POSITION].to_numpy() if _POSITION in self.pairs.columns else None
        return Rows(self.features, grade, self.sizes, np.ones(len(grade), np.float32), position)

    def with_positions(self, shown: pl.DataFrame) -> Self:
        """Say in which slot each pair was shown; it explains grades while learning and is no feature.

        Args:
            shown: `user_idx`, `item_idx`, `position`, one row per pair; empty where nothing was shown, and then the
                examples stay as they are.
        """
        if shown.is_empty():
            return self
        placed = self.pairs.join(shown, on=["user_idx", "item_idx"], how="left", maintain_order="left")
        return replace(self, pairs=placed.with_columns(pl.col(_POSITION).fill_null(0)))

    def training_rows(self, reward: str, as_of: datetime, settings: RankingSettings) -> Rows:
        """Return what a ranker learns from this window: sampled rows, weighed by the age of the window at `as_of`."""
        sampled = sample_rows(self.rows(reward), n_negatives=settings.n_negatives, seed=settings.seed)
        age = in_days(as_of - self.cutoff)
        return sampled.scaled(2.0 ** (-age / in_days(settings.window_half_life)))

    def frame(self) -> pl.DataFrame:
        """Return everything but the costs as one table, to be kept: the same inputs give the same bytes."""
        columns = {f"f{i}": self.features[:, i] for i in range(self.features.shape[1])}
        return self.pairs.hstack(pl.DataFrame(columns))

    @classmethod
    def read(cls, cutoff: datetime, frame: pl.DataFrame, costs: pl.DataFrame | None = None) -> Self:
        """Read what `frame` returned, and the costs if they are known."""
        own = [name for name in frame.columns if name.endswith("_idx") or name.startswith((_GRADE, _POSITION))]
        rest = frame.drop(own)
        features = rest.to_numpy() if rest.width else np.zeros((frame.height, 0))
        found = cls(cutoff, frame.select(own), np.ascontiguousarray(features, np.float32))
        return found if costs is None else replace(found, costs=costs)


def build_examples(
    stage: TwoStage,
    tables: Tables,
    users: pl.DataFrame,
    truths: Mapping[str, pl.DataFrame],
    *,
    cutoff: datetime,
    exclude: pl.DataFrame | None,
) -> Examples:
    """Retrieve candidates as of a cutoff, compute their features and grade them by what came after it.

    Positives that no source proposed are not added: the ranker would never meet them when it serves.

    Time:
        Features come from `tables`, learned from `known_at < cutoff`; grades from the label window after it.

    Args:
        stage: retrieval and features.
        tables: what it learned at the cutoff.
        users: `user_idx` and `market`, ascending.
        truths: reward -> `user_idx`, `item_idx`, `reward` > 0.
        cutoff: where the label window begins.
        exclude: pairs that lists may not hold.
    """
    pairs, matrices, watch = [], [], Stopwatch()
    for candidates, matrix in stage.blocks(tables, users, exclude, watch):
        pairs.append(pl.DataFrame({"user_idx": candidates.user_idx, "item_idx": candidates.item_idx}))
        matrices.append(matrix)
    both = pl.concat(pairs)
    keys = keys_of(both["user_idx"].to_numpy(), both["item_idx"].to_numpy())
    n_grades = stage.settings.ranking.n_grades
    grades = [pl.Series(_GRADE + name, _grades(keys, truth, n_grades)) for name, truth in truths.items()]
    costs = retrieval_costs(watch.seconds, users.height)
    return Examples(cutoff, both.with_columns(grades), np.concatenate(matrices), costs)


def _grades(keys: NDArray[np.uint64], truth: pl.DataFrame, n_grades: int) -> NDArray[np.int32]:
    """Grade pairs 0 without a label, else 1 .. n_grades by the quantile of their reward."""
    wanted = keys_of(truth["user_idx"].to_numpy(), truth["item_idx"].to_numpy())
    order = np.argsort(wanted)
    reward = truth["reward"].to_numpy()[order]
    place, is_there = find(wanted[order], keys)
    edges = np.quantile(reward, np.arange(1, n_grades) / n_grades) if len(reward) else np.empty(0)
    graded = 1 + np.searchsorted(edges, reward, side="left")
    grade = np.zeros(len(keys), np.int32)
    grade[is_there] = graded[place[is_there]]
    return grade
