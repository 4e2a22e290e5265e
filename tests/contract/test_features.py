"""What every group of features must keep, whatever it measures: parametrised over the catalogue."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.candidates import Factors
from recsys.features import FeatureGroup, feature_groups
from recsys.knowledge import Knowledge, gather
from recsys.recommender import RecommenderSettings, TwoStage
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import CandidateSet, Floats

AS_OF = datetime(2024, 5, 1, tzinfo=UTC)
HALF_LIVES = tuple(timedelta(days=days) for days in (7, 30, 90))
VECTORS = Factors("factors", timedelta(days=30), n_factors=4)
GROUPS = feature_groups(HALF_LIVES, channels={"popular": "liked"}, vectors={VECTORS.name: "fits"})
each_group = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)

BEYOND = 2**32 - 1
SPARSE = {
    "season_ratio",  # needs a log of a year
    "season_days_left",  # needs an end of the offer
    "factors_last",  # needs a latest item that is still on offer: only those have vectors
    *("score_popular", "rank_popular", "best_rank"),  # need a source that proposed the item
}
Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def shop(items: pl.DataFrame) -> pl.DataFrame:
    """The catalogue with prices and brands."""
    number = pl.int_range(pl.len())
    return items.with_columns(price=1.0 + number % 7, brand=pl.format("b{}", number % 4))


def known(events: pl.DataFrame, shop: pl.DataFrame) -> Knowledge:
    return gather(events.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(), items=shop.lazy())


@pytest.fixture(scope="module")
def priced(events: pl.DataFrame, shop: pl.DataFrame) -> Knowledge:
    """Everything known at `AS_OF`, prices and brands too."""
    return known(events, shop)


def fitted(group: FeatureGroup, knowledge: Knowledge) -> Tables:
    """Fit a group; one that compares vectors is given those of the source of its name."""
    vectors = VECTORS.fit(knowledge) if group.name == VECTORS.name else {}
    return {**vectors, **group.fit(knowledge)}


def candidates(pairs: list[tuple[int, int]]) -> CandidateSet:
    users, items = np.array(sorted(set(pairs)), np.uint32).reshape(-1, 2).T
    scores = {"popular": np.where(items % 3, items, np.nan).astype(np.float32)}
    return CandidateSet(users, items, scores, scores)


def everything(knowledge: Knowledge) -> CandidateSet:
    """Every user with every item, strangers and items that no table holds among them."""
    users = [*range(knowledge.history.users.height), 5_000, BEYOND]
    return candidates([(u, i) for u in users for i in [*range(knowledge.history.items.height), 7_000, BEYOND]])


def met(knowledge: Knowledge) -> CandidateSet:
    """The pairs of the history whose item may be recommended and whose user came on several days."""
    events = knowledge.history.events.drop_nulls("user_idx").join(knowledge.available, on="item_idx", how="semi")
    return candidates(events.select("user_idx", "item_idx").unique().rows())


def named(group: FeatureGroup, tables: Mapping[str, pl.DataFrame], pairs: CandidateSet) -> dict[str, Floats]:
    found = group.compute(tables, pairs)
    return {feature.name: array for feature, array in zip(group.features, found, strict=True)}


def copied(tables: Mapping[str, pl.DataFrame]) -> dict[str, bytes]:
    copies = {}
    for name, table in tables.items():
        table.rechunk().write_ipc(buffer := BytesIO())
        copies[name] = buffer.getvalue()
    return copies


def inputs_of(knowledge: Knowledge) -> Tables:
    history, state = knowledge.history, knowledge.state
    sums = {f"{i}.{name}": t.collect() for i, s in enumerate(state.segments) for name, t in s.tables.items()}
    own = {"events": history.events, "users": history.users, "items": history.items, "categories": state.categories}
    return own | sums


@pytest.mark.parametrize("groups", [GROUPS, TwoStage(RecommenderSettings()).groups], ids=["small", "default"])
def test_features_are_declared_and_no_two_have_one_name(groups: tuple[FeatureGroup, ...]) -> None:
    features = [feature for group in groups for feature in group.features]
    names = [feature.name for feature in features]
    assert len(set(names)) == len(names) > 50
    assert len({group.name for group in groups}) == len(groups)
    for feature in features:
        assert all(text.strip() for text in (feature.name, feature.unit, feature.meaning, feature.source)), feature


def test_features_ranked_within_a_user_are_declared_as_well() -> None:
    features = TwoStage(RecommenderSettings()).features
    assert len({feature.name for feature in features}) == len(features)
    within = [feature for feature in features if feature.name.startswith("within_")]
    assert within
    assert all(feature.unit == "rank" and feature.meaning and feature.source for feature in within)


@each_group
def test_a_group_gives_one_number_per_feature_and_candidate(group: FeatureGroup, priced: Knowledge) -> None:
    pairs = everything(priced)
    found = group.compute(fitted(group, priced), pairs)
    assert [(column.shape, column.dtype) for column in found] == [((len(pairs),), np.dtype(np.float32))] * len(
        group.features
    )
    assert not any(np.isinf(column).any() for column in found)


@each_group
def test_no_candidates_have_no_features(group: FeatureGroup, priced: Knowledge) -> None:
    found = group.compute(fitted(group, priced), everything(priced).rows(np.empty(0, np.int64)))
    assert [len(column) for column in found] == [0] * len(group.features)


@each_group
def test_something_is_known_of_every_pair_that_met(group: FeatureGroup, priced: Knowledge) -> None:
    pairs = met(priced)
    for name, column in named(group, fitted(group, priced), pairs).items():
        assert name in SPARSE or not np.isnan(column).any(), name
    assert len(pairs) > 300


@each_group
def test_what_the_tables_do_not_hold_is_unknown(group: FeatureGroup, priced: Knowledge) -> None:
    if group.name == "retrieval":
        pytest.skip("it passes on what the candidates carry")
    nobody = candidates([(5_000, 7_000), (5_000, BEYOND), (BEYOND, BEYOND)])
    for name, column in named(group, fitted(group, priced), nobody).items():
        assert np.isnan(column).all(), name


@each_group
def test_rows_known_at_or_after_as_of_change_no_feature(
    group: FeatureGroup, events: pl.DataFrame, future_events: pl.DataFrame, shop: pl.DataFrame, priced: Knowledge
) -> None:
    late = events.head(50).with_columns(
        event_id=pl.format("late-{}", "event_id"), known_at=pl.lit(AS_OF, dtype=events.schema["known_at"])
    )
    changed = shop.with_columns(
        category=pl.lit("changed"), price=pl.lit(99.0), known_at=pl.col("known_at") + timedelta(days=200)
    )
    peeking = known(pl.concat([events, future_events, late]), pl.concat([shop, changed]))
    assert copied(fitted(group, peeking)) == copied(fitted(group, priced))


@each_group
def test_the_order_of_input_rows_changes_no_byte(
    group: FeatureGroup, events: pl.DataFrame, shop: pl.DataFrame, priced: Knowledge
) -> None:
    once = copied(fitted(group, priced))
    for seed in range(3):
        shuffled = known(events.sample(fraction=1.0, shuffle=True, seed=seed), shop.reverse())
        assert copied(fitted(group, shuffled)) == once


@each_group
def test_fitting_and_computing_leave_the_inputs_unchanged(group: FeatureGroup, priced: Knowledge) -> None:
    tables, pairs = fitted(group, priced), everything(priced)
    before = copied({**inputs_of(priced), **tables})
    arrays = [pairs.user_idx, pairs.item_idx, *pairs.scores.values(), *pairs.ranks.values()]
    copies = [array.copy() for array in arrays]
    fitted(group, priced)
    group.compute(tables, pairs)
    assert copied({**inputs_of(priced), **tables}) == before
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@each_group
def test_a_feature_does_not_depend_on_the_other_candidates(group: FeatureGroup, priced: Knowledge) -> None:
    tables, pairs = fitted(group, priced), everything(priced)
    some = np.flatnonzero(np.random.default_rng(0).random(len(pairs)) < 0.1)
    alone = group.compute(tables, pairs.rows(some))
    for column, own in zip(group.compute(tables, pairs), alone, strict=True):
        np.testing.assert_array_equal(column[some], own)


@each_group
def test_tables_that_were_saved_give_the_same_features(group: FeatureGroup, priced: Knowledge, tmp_path: Path) -> None:
    tables, pairs = fitted(group, priced), everything(priced)
    for name, table in tables.items():
        table.write_parquet(tmp_path / f"{name}.parquet")
    loaded = {name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in tables}
    for name, table in tables.items():
        assert_frame_equal(loaded[name], table, check_exact=True)
    for column, again in zip(group.compute(tables, pairs), group.compute(loaded, pairs), strict=True):
        np.testing.assert_array_equal(column, again)


@each_group
def test_a_log_without_prices_categories_or_users_does_no_harm(
    group: FeatureGroup, events: pl.DataFrame, shop: pl.DataFrame
) -> None:
    anonymous = events.with_columns(user_id=pl.lit(None, dtype=pl.String))
    for log in (events.head(1), anonymous):
        knowledge = gather(log.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings())
        vectors = {} if group.name != VECTORS.name else VECTORS.fit(known(events, shop))
        found = group.compute({**vectors, **group.fit(knowledge)}, candidates([(0, 0), (0, 7_000), (9, 0)]))
        assert [len(column) for column in found] == [3] * len(group.features)
