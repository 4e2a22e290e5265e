"""Point-in-time features: what is known of a candidate at one instant, one grain per module, one declared catalogue."""

from recsys.features.catalogue import Feature, FeatureGroup
from recsys.features.groups import feature_groups
from recsys.features.within_query import rank_within

__all__ = ["Feature", "FeatureGroup", "feature_groups", "rank_within"]
