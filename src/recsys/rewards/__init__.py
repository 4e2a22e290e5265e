"""Rewards: what an event is worth, net of returns, the labels that follow from it, and where items were shown."""

from recsys.rewards.events import add_rewards
from recsys.rewards.exposures import shown_positions
from recsys.rewards.labels import attribute_exposures, fold_is_mature, label_pairs
from recsys.rewards.returns import with_is_kept
from recsys.rewards.settings import ANY_OTHER, RewardDefinition, RewardSettings, Transform

__all__ = [
    "ANY_OTHER",
    "RewardDefinition",
    "RewardSettings",
    "Transform",
    "add_rewards",
    "attribute_exposures",
    "fold_is_mature",
    "label_pairs",
    "shown_positions",
    "with_is_kept",
]
