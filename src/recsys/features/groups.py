"""The catalogue: every group of features of a configuration, in the order of the ranker's columns.

To add a feature, add it to its group's `features` and tables; to add a grain, write a `FeatureGroup` and name it here.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from recsys.features.catalogue import FeatureGroup
from recsys.features.item import ItemFeatures
from recsys.features.price import PriceFeatures
from recsys.features.retrieval import RetrievalFeatures
from recsys.features.season import SeasonFeatures
from recsys.features.segment import SegmentFeatures
from recsys.features.similarity import SimilarityFeatures
from recsys.features.user import UserFeatures
from recsys.features.user_item import UserItemFeatures


def feature_groups(
    half_lives: Sequence[timedelta], *, channels: Mapping[str, str], vectors: Mapping[str, str]
) -> tuple[FeatureGroup, ...]:
    """Return every group.

    Args:
        half_lives: at which counters are read, ascending; among those of the state.
        channels: retrieval channel -> what it says to a person.
        vectors: channel with vectors -> what it says to a person.
    """
    slow = tuple(half_lives[-2:])
    return (
        ItemFeatures(tuple(half_lives)),
        UserFeatures(tuple(half_lives)),
        UserItemFeatures(tuple(half_lives)),
        SegmentFeatures("category", slow),
        SegmentFeatures("brand", slow),
        PriceFeatures(),
        SeasonFeatures(),
        RetrievalFeatures(tuple(channels.items())),
        *(SimilarityFeatures(name, reason) for name, reason in vectors.items()),
    )
