"""What each channel brings, counted by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys.evaluation.channels import ChannelFacts, channel_facts, mean_channels
from recsys.recommender import COST_DTYPES, Channel, Examples, RecommenderSettings, RetrievalSettings, TwoStage

CHANNELS = (
    Channel(name="near", rung="covisits", quota=2),
    Channel(name="far", rung="popularity_all_time", quota=1),
)
STAGE = TwoStage(RecommenderSettings(retrieval=RetrievalSettings(channels=CHANNELS)))
NONE = float("nan")


def examples(ranks: list[tuple[float, float]], grades: list[int]) -> Examples:
    names = [feature.name for feature in STAGE.features]
    features = np.full((len(ranks), len(names)), np.nan, np.float32)
    for column, name in enumerate(("rank_near", "rank_far")):
        features[:, names.index(name)] = [rank[column] for rank in ranks]
    pairs = {"user_idx": [0, 0, 0, 1], "item_idx": [1, 2, 3, 1], "grade.sold": grades}
    dtypes = {"user_idx": pl.UInt32, "item_idx": pl.UInt32, "grade.sold": pl.Int32}
    return Examples(datetime(2024, 1, 1, tzinfo=UTC), pl.DataFrame(pairs, schema=dtypes), features)


def test_recall_unique_recall_precision_and_volume_within_the_quota() -> None:
    window = examples([(1, 1), (2, NONE), (3, 2), (NONE, 1)], grades=[1, 1, 0, 0])
    near, far = channel_facts([window], [4], STAGE, target="sold")
    assert (near.channel, near.recall, near.unique_recall) == ("near", 2 / 4, 1 / 4)
    assert (near.precision, near.volume) == (1.0, 2 / 2)  # the third is beyond its quota
    assert (far.channel, far.recall, far.unique_recall) == ("far", 1 / 4, 0.0)
    assert (far.precision, far.volume) == (0.5, 2 / 2)


def with_costs(window: Examples, *rows: tuple[str, float | None, float | None]) -> Examples:
    return replace(window, costs=pl.DataFrame(list(rows), schema=COST_DTYPES, orient="row"))


def test_seconds_are_means_over_the_windows_where_they_are_known() -> None:
    window = examples([(1, 1), (2, NONE), (3, 2), (NONE, 1)], grades=[1, 1, 0, 0])
    measured = [
        with_costs(window, ("near", 2.0, 7.0), ("far", 0.0, None)),
        window,  # from a cache that lost the costs
        with_costs(window, ("near", 4.0, None), ("far", 1.0, None)),
    ]
    near, far = channel_facts(measured, [4] * 3, STAGE, target="sold")
    assert (near.channel, near.seconds, near.fit_seconds) == ("near", 3.0, 7.0)
    assert (far.channel, far.seconds, far.fit_seconds) == ("far", 0.5, None)


def test_seconds_that_nobody_measured_are_not_known_and_not_zero() -> None:
    window = examples([(1, 1), (2, NONE), (3, 2), (NONE, 1)], grades=[1, 1, 0, 0])
    found = channel_facts([window], [4], STAGE, target="sold")
    assert [(one.seconds, one.fit_seconds) for one in found] == [(None, None)] * 2


def test_cutoffs_count_equally_and_those_without_a_ranker_not_at_all() -> None:
    first = [
        ChannelFacts("near", 0.5, 0.25, 0.2, 10.0, 2.0, None),
        ChannelFacts("far", 0.25, 0.0, 0.1, 5.0, None, None),
    ]
    second = [
        ChannelFacts("far", 0.75, 0.5, 0.1, 7.0, None, 1.0),
        ChannelFacts("near", 0.0, 0.0, 0.2, 20.0, None, None),
    ]
    assert mean_channels([first, (), second]) == [
        ChannelFacts("far", 0.5, 0.25, 0.1, 6.0, None, 1.0),
        ChannelFacts("near", 0.25, 0.125, 0.2, 15.0, 2.0, None),
    ]
    assert mean_channels([(), ()]) == []


def test_windows_are_pooled() -> None:
    window = examples([(1, 1), (2, NONE), (3, 2), (NONE, 1)], grades=[1, 1, 0, 0])
    once, twice = (channel_facts([window] * n, [4] * n, STAGE, target="sold") for n in (1, 2))
    assert [one.recall for one in twice] == pytest.approx([one.recall for one in once])
    assert [one.volume for one in twice] == pytest.approx([one.volume for one in once])
