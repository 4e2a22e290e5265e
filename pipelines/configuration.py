"""The whole configuration of a run: one section per component, each with its own model and defaults."""

from pathlib import Path

from recsys.data.ingest import IngestSettings
from recsys.data.simulated import ShopSettings
from recsys.evaluation import EvaluationSettings
from recsys.recommender import RecommenderSettings
from recsys.rewards import RewardSettings
from recsys.settings import Settings
from recsys.state import StateSettings


class Config(Settings):
    """A run's configuration; every section may be left out and then has its defaults."""

    ingest: IngestSettings = IngestSettings()
    shop: ShopSettings = ShopSettings()
    rewards: RewardSettings = RewardSettings()
    state: StateSettings = StateSettings()
    recommender: RecommenderSettings = RecommenderSettings()
    evaluation: EvaluationSettings = EvaluationSettings()


def read_config(path: Path) -> Config:
    """Read a TOML file as a run's configuration.

    Raises:
        ConfigError: if the file is missing or any setting is unknown or wrong.
    """
    return Config.read(path)
