"""The whole configuration of a run: one section per component, each with its own model and defaults."""

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from recsys.data.ingest import IngestSettings
from recsys.data.simulated import ShopSettings
from recsys.evaluation import EvaluationSettings
from recsys.recommender import RecommenderSettings
from recsys.rewards import RewardSettings
from recsys.settings import Settings
from recsys.state import StateSettings
from recsys.timeline import format_duration

Repeats = Literal["auto", "allow", "exclude"]
"""May lists hold what a user had, as the command line says it; `auto` leaves it to the configuration."""


class Config(Settings):
    """A run's configuration; every section may be left out and then has its defaults."""

    ingest: IngestSettings = IngestSettings()
    shop: ShopSettings = ShopSettings()
    rewards: RewardSettings = RewardSettings()
    state: StateSettings = StateSettings()
    recommender: RecommenderSettings = RecommenderSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Self:
        counters = self.recommender.counter_half_lives - set(self.state.half_lives)
        covisits = self.recommender.pair_half_lives - set(self.state.covisits.half_lives)
        problems = [
            f"{section} lacks {', '.join(format_duration(h) for h in sorted(missing))}, which [recommender] reads"
            for section, missing in (("state.half_lives", counters), ("state.covisits.half_lives", covisits))
            if missing
        ]
        unknown = sorted(set(self.recommender.ranking.objectives) - set(self.rewards.definitions))
        if unknown:
            known = ", ".join(self.rewards.definitions)
            problems.append(f"recommender.ranking.objectives: {', '.join(unknown)} is no reward; known are {known}")
        if problems:
            raise ValueError("; ".join(problems))
        return self


def read_config(path: Path) -> Config:
    """Read a TOML file as a run's configuration.

    Raises:
        ConfigError: if the file is missing or any setting is unknown or wrong.
    """
    return Config.read(path)


def with_choices(config: Config, horizon: str | None, repeats: Repeats) -> Config:
    """Let the command line override two settings.

    Raises:
        ConfigError: if the horizon is no duration.
    """
    recommender, evaluation = config.recommender, config.evaluation
    if repeats != "auto":
        recommender = recommender.model_copy(update={"repeats": repeats})
    if horizon is not None:
        given = EvaluationSettings.parse({"horizon": horizon}, "--horizon")
        evaluation = evaluation.model_copy(update={"horizon": given.horizon})
    return config.model_copy(update={"recommender": recommender, "evaluation": evaluation})
