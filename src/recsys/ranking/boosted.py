"""Boosted trees by LightGBM: LambdaRank, which orders a query, and a pointwise one, which predicts each row alone."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from weakref import WeakKeyDictionary

import lightgbm as lgb
import numpy as np

from recsys.ranking.ranker import Learned, not_a_ranker
from recsys.ranking.rows import Rows
from recsys.ranking.settings import BoostingSettings
from recsys.tables import Floats

lgb.register_logger(logging.getLogger(__name__))

SUFFIX = ".lightgbm.txt"
_BINS = 127
_DIGEST = "sha256 of the above: "


@dataclass(frozen=True)
class BoostedTrees:
    """LightGBM with a capacity that follows the data.

    Attributes:
        objective: `lambdarank` and `rank_xendcg` order within a query; `binary` predicts each row alone.
        growth: how trees grow.
        n_rounds: most trees.
        patience: rounds without gain on validation rows after which it stops.
        min_rounds: fewest trees when it stops early, so that a lucky start on few queries does not decide.
        seed: of everything random.

    Source:
        Burges 2010, MSR-TR-2010-82 (LambdaMART); Bruch 2021, doi:10.1145/3442381.3449794 (XE-NDCG); Ke et al. 2017
        (LightGBM); position bias as in Unbiased LambdaMART, Hu et al. 2019, doi:10.1145/3308558.3313447, where rows
        have positions: of the three objectives `lambdarank` alone learns one.
    """

    objective: Literal["lambdarank", "rank_xendcg", "binary"] = "lambdarank"
    growth: BoostingSettings = field(default_factory=BoostingSettings)
    n_rounds: int = 120
    patience: int = 30
    min_rounds: int = 50
    seed: int = 0

    def fit(
        self, rows: Rows, names: Sequence[str], *, valid: Rows | None = None, n_rounds: int | None = None
    ) -> Learned:
        """Boost; with validation rows, stop where NDCG@10 stops rising."""
        train = _binned(rows, names)
        most = self.n_rounds if n_rounds is None else n_rounds
        parameters = self._parameters(max(2, round(self.growth.leaf_factor * leaves_for(rows))))
        if valid is None:
            return Learned(FittedTrees(lgb.train(parameters, train, most)), most)
        held = _binned(valid, names, like=rows)
        stop = lgb.early_stopping(self.patience, verbose=False)
        booster = lgb.train(parameters, train, most, valid_sets=[held], callbacks=[stop])
        # NOTE: of a training that stopped LightGBM keeps the best rounds alone, so that more of them are taken anew.
        fewest = min(self.min_rounds, most)
        if booster.best_iteration < fewest:
            return self.fit(rows, names, n_rounds=fewest)
        return Learned(FittedTrees(booster, booster.best_iteration), booster.best_iteration)

    def _parameters(self, n_leaves: int) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "num_leaves": n_leaves,
            "learning_rate": self.growth.learning_rate,
            "min_data_in_leaf": self.growth.min_rows,
            "feature_fraction": self.growth.feature_share,
            "lambda_l2": self.growth.lambda_l2,
            "max_bin": _BINS,
            "feature_pre_filter": False,
            "lambdarank_truncation_level": 20,
            "metric": "ndcg",
            "eval_at": [10],
            "verbosity": -1,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 2,
        }


def leaves_for(rows: Rows) -> int:
    """Return 7, 15 or 31 leaves for below 1,500, below 15,000 and more rows with a positive grade.

    Large trees lose on small data, small ones on large data; both by some per cent of NDCG (docs/log.md).
    """
    n_positive = int(np.count_nonzero(rows.grade))
    return 7 if n_positive < 1_500 else 15 if n_positive < 15_000 else 31


_BINNED: WeakKeyDictionary[Rows, WeakKeyDictionary[Rows, dict[tuple[str, ...], lgb.Dataset]]] = WeakKeyDictionary()
"""Rows that are learned from -> these or validation rows -> feature names -> the binned rows."""


def _binned(rows: Rows, names: Sequence[str], *, like: Rows | None = None) -> lgb.Dataset:
    """Bin features once for all rankers that learn from the same rows: it takes as long as half of the boosting.

    Args:
        rows: what to bin.
        names: of the features.
        like: rows whose bins are taken; without, the rows make their own.
    """
    kept = _BINNED.setdefault(rows if like is None else like, WeakKeyDictionary()).setdefault(rows, {})
    if tuple(names) not in kept:
        kept[tuple(names)] = lgb.Dataset(
            rows.features,
            label=rows.grade,
            group=rows.sizes,
            weight=rows.weight,
            position=rows.position,
            feature_name=list(names),
            reference=None if like is None else _binned(like, names),
            params={"max_bin": _BINS, "feature_pre_filter": False, "verbosity": -1},
        )
    return kept[tuple(names)]


@dataclass(frozen=True)
class FittedTrees:
    """A LightGBM model, saved as its own text."""

    booster: lgb.Booster
    n_rounds: int | None = None

    def score(self, features: Floats) -> Floats:
        """Add the trees up."""
        return np.asarray(self.booster.predict(features, raw_score=True, num_iteration=self.n_rounds), np.float32)

    def contributions(self, features: Floats) -> Floats:
        """Split by TreeSHAP, without the constant."""
        if not len(features):
            return np.zeros(features.shape, np.float32)
        split = self.booster.predict(features, pred_contrib=True, num_iteration=self.n_rounds)
        return np.asarray(split, np.float32)[:, :-1]

    def importance(self) -> Floats:
        """Return the total gain of each feature's splits."""
        return np.asarray(self.booster.feature_importance("gain", iteration=self.n_rounds), np.float32)

    def save(self, path: Path) -> None:
        """Write LightGBM's own text, and its digest as the last line."""
        text = self.booster.model_to_string(num_iteration=self.n_rounds)
        path.with_name(path.name + SUFFIX).write_text(f"{text}{_DIGEST}{_digest(text)}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `path` has no suffix.

        Raises:
            ArtifactError: if it is no LightGBM model.
        """
        file = path.with_name(path.name + SUFFIX)
        try:
            text, _, digest = file.read_text(encoding="utf-8").rpartition(_DIGEST)
            # NOTE: LightGBM ends the process over a text that is cut off, so that it is given none but its own.
            if digest.strip() != _digest(text):
                raise ValueError("it is damaged or not complete")
            return cls(lgb.Booster(model_str=text))
        except (OSError, ValueError, lgb.basic.LightGBMError) as error:
            raise not_a_ranker(file, str(error)) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
