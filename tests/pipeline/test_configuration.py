import pytest

from pipelines.configuration import Config
from recsys.errors import ConfigError


def test_a_half_life_that_the_state_does_not_keep_is_named() -> None:
    with pytest.raises(ConfigError, match=r"state.half_lives lacks 3d, .*; state.covisits.half_lives lacks 9d"):
        Config.parse({"recommender": {"popularity_half_lives": ["3d"], "covisit_half_lives": ["9d"]}}, "here")


def test_an_objective_that_is_no_reward_is_named() -> None:
    with pytest.raises(ConfigError, match="objectives: margin, sold is no reward; known are interaction"):
        Config.parse({"recommender": {"ranking": {"objectives": {"sold": 1.0, "margin": 0.5}}}}, "here")


def test_lists_of_a_config_are_read_as_settings() -> None:
    config = Config.parse({"evaluation": {"cutoffs": ["2024-01-01", "2024-02-01T12:00:00Z"]}}, "here")
    assert [cutoff.hour for cutoff in config.evaluation.cutoffs] == [0, 12]
