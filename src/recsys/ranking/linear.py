"""A linear ranker: logistic regression on standardised features. The plainest thing that learns weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from recsys.ranking.ranker import Learned, not_a_ranker
from recsys.ranking.rows import Rows
from recsys.tables import Floats

Numbers = NDArray[np.float64]

SUFFIX = ".linear.json"
_CLIP = 5.0


@dataclass(frozen=True)
class Linear:
    """Logistic regression; a missing value counts as the mean, an outlier as five standard deviations."""

    strength: float = 0.05

    def fit(
        self, rows: Rows, names: Sequence[str], *, valid: Rows | None = None, n_rounds: int | None = None
    ) -> Learned:
        """Learn in one go: there are no rounds, so validation rows change nothing."""
        has = np.isfinite(rows.features)
        n = np.maximum(has.sum(axis=0), 1)
        known = np.where(has, rows.features, 0.0).astype(np.float64)
        mean = known.sum(axis=0) / n
        spread = np.sqrt((np.where(has, known - mean, 0.0) ** 2).sum(axis=0) / n)
        fitted = FittedLinear(tuple(names), mean, np.where(spread > 0, spread, 1.0), np.zeros(len(mean)))
        model = LogisticRegression(C=self.strength, max_iter=300, tol=1e-5)
        model.fit(fitted.standardised(rows.features), rows.grade > 0, sample_weight=rows.weight)
        return Learned(FittedLinear(tuple(names), mean, fitted.spread, model.coef_[0]), 1)


@dataclass(frozen=True)
class FittedLinear:
    """Means, spreads and weights of the features."""

    names: tuple[str, ...]
    mean: Numbers
    spread: Numbers
    weight: Numbers

    def standardised(self, features: Floats) -> Numbers:
        """Scale features to mean 0 and spread 1; missing values become 0."""
        scaled = (features - self.mean) / self.spread
        return np.asarray(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=_CLIP, neginf=-_CLIP), -_CLIP, _CLIP))

    def score(self, features: Floats) -> Floats:
        """Add the weighted features up."""
        return np.asarray(self.contributions(features).sum(axis=1))

    def contributions(self, features: Floats) -> Floats:
        """Weigh each feature."""
        return np.asarray(self.standardised(features) * self.weight, np.float32)

    def importance(self) -> Floats:
        """Return the size of each weight."""
        return np.asarray(np.abs(self.weight), np.float32)

    def save(self, path: Path) -> None:
        """Write JSON."""
        content = {
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "weight": self.weight.tolist(),
        }
        path.with_name(path.name + SUFFIX).write_text(json.dumps(content))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `path` has no suffix.

        Raises:
            ArtifactError: if it is no linear ranker.
        """
        file = path.with_name(path.name + SUFFIX)
        try:
            content = json.loads(file.read_text())
            names = tuple(content["names"])
            numbers = [np.asarray(content[name], np.float64) for name in ("mean", "spread", "weight")]
            if any(values.shape != (len(names),) for values in numbers):
                raise ValueError("it has not one number per feature")
            return cls(names, *numbers)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise not_a_ranker(file, str(error)) from error
