"""Fit rankers on label windows: a model for each objective and ranker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from recsys.ranking import FittedRanker, RankerName, Rows, ranker_of
from recsys.recommender import Examples, TwoStage

Objective = str
Key = tuple[Objective, RankerName]


@dataclass(frozen=True)
class Learner:
    """Fits rankers on windows.

    Attributes:
        stage: retrieval and features.
        as_of: the instant at which windows have their age.
        objectives: reward -> its weight in the score; those of which there is nothing to learn are left out.
    """

    stage: TwoStage
    as_of: datetime
    objectives: dict[Objective, float]

    @classmethod
    def of(cls, stage: TwoStage, target: str, as_of: datetime, before: Sequence[Examples]) -> "Learner":
        """Return the learner of those objectives that have a positive in any of some windows."""
        wanted = stage.settings.ranking.objectives
        known = {name: weight for name, weight in wanted.items() if any(one.has_positive(name) for one in before)}
        return cls(stage, as_of, known or {target: 1.0})

    def rows(self, examples: Sequence[Examples], objective: Objective) -> Rows:
        """Return what is learned of some windows."""
        rules = self.stage.settings.ranking
        return Rows.join([one.training_rows(objective, self.as_of, rules) for one in examples])

    def refit(self, examples: Sequence[Examples], n_rounds: Mapping[RankerName, int]) -> dict[Key, FittedRanker]:
        """Fit the chosen rankers on all windows, with their rounds frozen."""
        fitted = {}
        for objective in self.objectives:
            rows = self.rows(examples, objective)
            for name, most in n_rounds.items():
                ranker = ranker_of(name, self.stage.settings.ranking)
                fitted[objective, name] = ranker.fit(rows, self.names, n_rounds=most).ranker
        return fitted

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        return [feature.name for feature in self.stage.features]
