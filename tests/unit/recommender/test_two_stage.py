"""Retrieval and features of one configuration, on the shared small world."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest

from recsys.candidates import Tables
from recsys.errors import ConfigError
from recsys.knowledge import Knowledge
from recsys.recommender import (
    Channel,
    Pick,
    RecommenderSettings,
    RetrievalSettings,
    Stopwatch,
    TwoStage,
    source_of,
    two_stage,
)
from recsys.tables import CandidateSet, Floats

CHANNELS = (
    Channel(name="popular", rung="popularity_window", quota=5),
    Channel(name="own", rung="personal", place="middle", quota=8),
    Channel(name="near", rung="factors", place="last", quota=4),
)
SETTINGS = RecommenderSettings(n_factors=4, retrieval=RetrievalSettings(channels=CHANNELS, depth=20, n_candidates=12))
STAGE = TwoStage(SETTINGS)


@pytest.fixture(scope="module")
def tables(knowledge: Knowledge) -> Tables:
    return STAGE.fit(knowledge)


@pytest.fixture(scope="module")
def users(knowledge: Knowledge) -> pl.DataFrame:
    """Every user, and one whom the history does not know."""
    known = knowledge.history.users.select("user_idx", "market")
    return pl.concat([known, known.head(1).with_columns(user_idx=pl.lit(9_999, pl.UInt32))])


def whole(stage: TwoStage, tables: Tables, users: pl.DataFrame) -> tuple[list[CandidateSet], Floats]:
    parts = list(stage.blocks(tables, users, None))
    return [candidates for candidates, _ in parts], np.concatenate([matrix for _, matrix in parts])


def test_every_feature_has_a_name_of_its_own_and_a_column(tables: Tables, users: pl.DataFrame) -> None:
    names = [feature.name for feature in STAGE.features]
    candidates, matrix = whole(STAGE, tables, users)
    assert len(set(names)) == len(names)
    assert matrix.shape == (sum(len(part) for part in candidates), len(names))
    assert {"score_popular", "rank_near"} <= set(names)


def test_features_to_be_ranked_within_a_user_are_chosen_by_prefix() -> None:
    rules = SETTINGS.ranking.model_copy(update={"ranked_within": ("score_own", "rank_")})
    stage = TwoStage(SETTINGS.model_copy(update={"ranking": rules}))
    within = [feature.name for feature in stage.features if feature.name.startswith("within_")]
    assert within == ["within_score_own", "within_rank_popular", "within_rank_own", "within_rank_near"]


def test_candidates_do_not_depend_on_how_many_users_are_asked_for_at_once(
    tables: Tables, users: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    (together,), matrix = whole(STAGE, tables, users)
    monkeypatch.setattr(two_stage, "USERS_PER_BLOCK", 7)
    blocks, parts = whole(STAGE, tables, users)
    assert len(blocks) == 5
    assert np.concatenate([block.keys for block in blocks]).tolist() == together.keys.tolist()
    np.testing.assert_array_equal(parts, matrix)


def test_no_default_channel_depends_on_how_many_users_are_asked_for_at_once(
    knowledge: Knowledge, users: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = TwoStage(RecommenderSettings(n_factors=4))
    tables = stage.fit(knowledge)
    (together,), matrix = whole(stage, tables, users)
    monkeypatch.setattr(two_stage, "USERS_PER_BLOCK", 3)
    blocks, parts = whole(stage, tables, users)
    assert np.concatenate([block.keys for block in blocks]).tolist() == together.keys.tolist()
    np.testing.assert_array_equal(parts, matrix)


def test_a_user_has_at_most_so_many_candidates_and_a_stranger_those_of_sources_that_need_no_history(
    tables: Tables, users: pl.DataFrame
) -> None:
    (candidates,), _ = whole(STAGE, tables, users)
    assert candidates.sizes.max() <= 12
    assert candidates.user_idx[-1] == 9_999
    assert candidates.sizes[-1] == 5  # the quota of the popular ones
    assert np.isnan(candidates.scores["own"][-5:]).all()


def test_what_is_excluded_is_no_candidate(knowledge: Knowledge, tables: Tables, users: pl.DataFrame) -> None:
    had = knowledge.history.events.select("user_idx", "item_idx").drop_nulls().unique()
    candidates = STAGE.candidates(tables, users, had)
    pairs = pl.DataFrame({"user_idx": candidates.user_idx, "item_idx": candidates.item_idx})
    assert len(candidates) > 0
    assert pairs.join(had, on=["user_idx", "item_idx"], how="semi").is_empty()


def test_what_a_variant_learned_is_asked_for_where_it_may_be_kept(knowledge: Knowledge) -> None:
    asked: list[Pick] = []

    def fitted(pick: Pick) -> Tables:
        asked.append(pick)
        return source_of(pick, SETTINGS).fit(knowledge)

    STAGE.fit(knowledge, fitted)
    assert asked == list(STAGE.picks.values())


@pytest.mark.parametrize(
    ("place", "variant"),
    [("first", "half_life=30d gamma=0"), ("middle", "half_life=90d gamma=0.3"), ("last", "half_life=180d gamma=0.6")],
)
def test_a_channel_names_a_variant_by_its_place(place: str, variant: str) -> None:
    channel = Channel.parse({"name": "own", "rung": "personal", "place": place, "quota": 1}, "here")
    one = RecommenderSettings(retrieval=RetrievalSettings(channels=(channel,)))
    assert TwoStage(one).picks == {"own": Pick(rung="personal", variant=variant)}


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([], "retrieval.channels"),
        ([{"name": "a", "rung": "personal", "quota": 1}] * 2, r"1 name\(s\) occur twice; first: a"),
        ([{"name": "a", "rung": "magic", "quota": 1}], "a names rung 'magic', which is unknown"),
        ([{"name": "A b", "rung": "personal", "quota": 1}], "retrieval.channels.0.name"),
        ([{"name": "a", "rung": "personal", "quota": -1}], "retrieval.channels.0.quota"),
        ([{"name": "a", "rung": "factors", "quota": 0}], "each of the 1 has quota 0; give one a quota of 1 or more"),
        (
            [{"name": "a", "rung": "factors", "quota": 3}, {"name": "b", "rung": "personal", "quota": 0}],
            "b has quota 0, and rung 'personal' no vectors to compare",
        ),
    ],
)
def test_channels_that_cannot_serve_are_refused(channels: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RecommenderSettings.parse({"retrieval": {"channels": channels}}, "here")


def test_a_channel_without_quota_proposes_nothing_and_its_vectors_are_compared(
    knowledge: Knowledge, users: pl.DataFrame
) -> None:
    alike = CHANNELS[-1].model_copy(update={"name": "alike", "quota": 0})
    retrieval = SETTINGS.retrieval.model_copy(update={"channels": (*CHANNELS, alike)})
    stage = TwoStage(SETTINGS.model_copy(update={"retrieval": retrieval}))
    (candidates,), matrix = whole(stage, stage.fit(knowledge), users)
    (without,), _ = whole(STAGE, STAGE.fit(knowledge), users)
    assert candidates.keys.tolist() == without.keys.tolist()
    assert set(candidates.scores) == {channel.name for channel in CHANNELS}
    names = [feature.name for feature in stage.features]
    assert "score_alike" not in names
    np.testing.assert_array_equal(matrix[:, names.index("alike_dot")], matrix[:, names.index("near_dot")])
    assert np.isfinite(matrix[:, names.index("alike_dot")]).any()


def test_every_channel_is_timed_over_all_blocks_and_what_it_proposes_is_the_same(
    tables: Tables, users: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Counting(Stopwatch):
        @contextmanager
        def measure(self, name: str) -> Iterator[None]:
            asked.append(name)
            with super().measure(name):
                yield

    (together,), _ = whole(STAGE, tables, users)
    watch = Counting()
    monkeypatch.setattr(two_stage, "USERS_PER_BLOCK", 16)  # 31 users
    blocks = [candidates for candidates, _ in STAGE.blocks(tables, users, None, watch)]
    assert sorted(asked) == sorted([channel.name for channel in CHANNELS] * 2)
    assert set(watch.seconds) == {channel.name for channel in CHANNELS}
    assert min(watch.seconds.values()) > 0
    np.testing.assert_array_equal(np.concatenate([block.keys for block in blocks]), together.keys)
