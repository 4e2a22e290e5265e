from datetime import timedelta
from typing import Any

import pytest

from recsys.errors import ConfigError
from recsys.rewards import RewardDefinition, RewardSettings


def test_default_is_one_reward_of_1_for_any_interaction() -> None:
    settings = RewardSettings()
    assert settings.columns == ["reward_interaction"]
    assert settings.target_definition.weights == {"*": 1.0}


def test_a_reward_is_read_from_a_mapping() -> None:
    content = {"target": "sold", "definitions": {"sold": {"weights": {"purchase": 1}, "return_window": "30d"}}}
    assert RewardSettings.parse(content, "toml").target_definition.return_window == timedelta(days=30)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weights": {"view": -1.0}}, "weight of 'view' is -1.0"),
        ({"weights": {"view": float("nan")}}, "weight of 'view' is nan"),
        ({"weights": {"view": float("inf")}}, "weight of 'view' is inf"),
        ({"weights": {}}, "at least 1 item"),
        ({"weights": {"exposure": 1.0}}, "'exposure' is no interaction"),
        ({"weights": {"back": 1.0}, "returns": {"back": "buy"}}, "'back' is a return and cannot have a weight"),
        ({"returns": {"back": "undo", "undo": "buy"}}, "'undo' is undone and is itself a return"),
        ({"return_window": "0d"}, "return_window is not positive"),
        ({"delay_half_life": "0d"}, "delay_half_life is not positive"),
        ({"attribution_window": "0d"}, "attribution_window is not positive"),
        ({"transform": "square"}, "transform"),
        ({"weigths": {"view": 1.0}}, "weigths"),
    ],
)
def test_an_impossible_definition_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RewardDefinition.parse(content, "here")


def test_target_must_be_defined() -> None:
    with pytest.raises(ConfigError, match=r"target 'sold' is none of \['interaction'\]"):
        RewardSettings.parse({"target": "sold"}, "here")


def test_a_name_must_make_a_column() -> None:
    with pytest.raises(ConfigError, match="reward name 'a b' must be"):
        RewardSettings.parse({"target": "a b", "definitions": {"a b": {}}}, "here")
