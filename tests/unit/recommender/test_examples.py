"""What a ranker learns from: candidates as of a cutoff, graded by what came after it."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.knowledge import Knowledge
from recsys.ranking import RankingSettings
from recsys.recommender import (
    Channel,
    Examples,
    RecommenderSettings,
    RetrievalSettings,
    TwoStage,
    build_examples,
    two_stage,
)

CHANNELS = (Channel(name="popular", rung="popularity_window", quota=5),)
RETRIEVAL = RetrievalSettings(channels=CHANNELS)


def examples_of(knowledge: Knowledge, truth: pl.DataFrame, n_grades: int = 1) -> Examples:
    ranking = RankingSettings(n_grades=n_grades)
    stage = TwoStage(RecommenderSettings(retrieval=RETRIEVAL, ranking=ranking))
    users = knowledge.history.users.select("user_idx", "market").head(4)
    cutoff = knowledge.as_of
    return build_examples(stage, stage.fit(knowledge), users, {"sold": truth}, cutoff=cutoff, exclude=None)


@pytest.fixture(scope="module")
def candidates(knowledge: Knowledge) -> pl.DataFrame:
    """The five candidates of each of four users."""
    nothing = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "reward": pl.Float64})
    return examples_of(knowledge, nothing).pairs.select("user_idx", "item_idx")


def labels(candidates: pl.DataFrame, rows: list[int], rewards: list[float]) -> pl.DataFrame:
    return candidates[rows].with_columns(reward=pl.Series(rewards))


def test_candidates_are_graded_by_what_came_and_others_are_not_added(
    knowledge: Knowledge, candidates: pl.DataFrame
) -> None:
    truth = labels(candidates, [11, 2], [6.0, 1.0])
    never_proposed = truth.with_columns(item_idx=pl.lit(4_000, pl.UInt32))
    found = examples_of(knowledge, pl.concat([truth, never_proposed]))
    assert found.pairs.select("user_idx", "item_idx").equals(candidates)
    assert np.flatnonzero(found.pairs["grade.sold"]).tolist() == [2, 11]
    assert found.sizes.tolist() == [5] * 4
    assert found.features.shape[0] == 20


def test_more_grades_cut_rewards_at_their_quantiles(knowledge: Knowledge, candidates: pl.DataFrame) -> None:
    truth = labels(candidates, [0, 1, 2, 3, 4, 5], [1.0, 1.0, 2.0, 3.0, 9.0, 90.0])
    grades = examples_of(knowledge, truth, n_grades=3).pairs["grade.sold"].to_list()
    assert grades[:7] == [1, 1, 2, 2, 3, 3, 0]


def test_examples_survive_being_kept(knowledge: Knowledge, candidates: pl.DataFrame) -> None:
    found = examples_of(knowledge, labels(candidates, [3], [1.0]))
    again = Examples.read(found.cutoff, found.frame())
    assert_frame_equal(again.pairs, found.pairs)
    np.testing.assert_array_equal(again.features, found.features)


def test_costs_are_known_where_examples_are_made_and_kept_beside_them(
    knowledge: Knowledge, candidates: pl.DataFrame
) -> None:
    found = examples_of(knowledge, labels(candidates, [3], [1.0]))
    assert found.costs["channel"].to_list() == ["popular"]
    assert found.costs["seconds"].item() > 0
    assert found.costs["fit_seconds"].item() is None
    frame = found.frame()
    assert not set(frame.columns) & {"channel", "seconds", "fit_seconds"}
    assert Examples.read(found.cutoff, frame).costs.is_empty()
    assert Examples.read(found.cutoff, frame, found.costs).costs.equals(found.costs)


def slots(pairs: pl.DataFrame, rows: list[int], positions: list[int]) -> pl.DataFrame:
    return pairs[rows].select("user_idx", "item_idx", position=pl.Series(positions, dtype=pl.Int32))


def test_pairs_have_the_slot_in_which_they_were_shown_and_others_are_organic(
    knowledge: Knowledge, candidates: pl.DataFrame
) -> None:
    honest = examples_of(knowledge, labels(candidates, [3, 12], [1.0, 1.0]))
    elsewhere = slots(candidates, [0], [9]).with_columns(item_idx=pl.lit(4_000, pl.UInt32))
    found = honest.with_positions(pl.concat([elsewhere, slots(candidates, [12, 2], [1, 6])]))
    position = found.rows("sold").position
    assert position is not None
    assert position.tolist() == [0, 0, 6] + [0] * 9 + [1] + [0] * 7
    assert found.pairs.drop("position").equals(honest.pairs)
    np.testing.assert_array_equal(found.features, honest.features)  # a slot is no feature
    again = Examples.read(found.cutoff, found.frame())
    assert_frame_equal(again.pairs, found.pairs)
    np.testing.assert_array_equal(again.features, found.features)


def test_where_nothing_was_shown_there_are_no_positions(knowledge: Knowledge, candidates: pl.DataFrame) -> None:
    found = examples_of(knowledge, labels(candidates, [3], [1.0])).with_positions(slots(candidates, [], []))
    assert found.rows("sold").position is None
    assert "position" not in found.frame().columns


def test_rows_to_learn_from_keep_their_slots(knowledge: Knowledge, candidates: pl.DataFrame) -> None:
    # Every pair is shown in the slot that its place among the 20 gives, so that slots name the rows.
    found = examples_of(knowledge, labels(candidates, [3, 12], [1.0, 1.0]))
    placed = found.with_positions(slots(candidates, list(range(20)), list(range(1, 21))))
    rows = placed.training_rows("sold", knowledge.as_of, RankingSettings(n_negatives=2))
    assert rows.position is not None
    assert set(rows.position[rows.grade > 0].tolist()) == {4, 13}
    np.testing.assert_array_equal(rows.features, found.features[rows.position - 1])


def test_nobody_to_learn_from_can_be_kept_too(knowledge: Knowledge) -> None:
    pairs = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "grade.sold": pl.Int32})
    nobody = Examples(knowledge.as_of, pairs, np.zeros((0, 3), np.float32))
    assert Examples.read(knowledge.as_of, nobody.frame()).features.shape == (0, 3)


def test_rows_to_learn_from_are_of_users_with_a_positive_and_weigh_less_the_older_the_window(
    knowledge: Knowledge, candidates: pl.DataFrame
) -> None:
    found = examples_of(knowledge, labels(candidates, [3, 12], [1.0, 1.0]))
    rules = RankingSettings(n_negatives=2, window_half_life=timedelta(days=30))
    rows = found.training_rows("sold", knowledge.as_of + timedelta(days=60), rules)
    assert rows.sizes.tolist() == [3, 3]
    assert rows.weight.tolist() == [0.25] * 6
    assert rows.grade.sum() == 2


def test_examples_do_not_depend_on_how_many_users_are_asked_for_at_once(
    knowledge: Knowledge, candidates: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = labels(candidates, [3, 12], [1.0, 1.0])
    together = examples_of(knowledge, truth).frame()
    monkeypatch.setattr(two_stage, "USERS_PER_BLOCK", 3)
    assert_frame_equal(examples_of(knowledge, truth).frame(), together, check_exact=True)
