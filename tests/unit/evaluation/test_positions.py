"""Exposures of a label window become positions of what a ranker learns from, and nothing else."""

from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from recsys.evaluation import EvaluationSettings, Trial, choose
from recsys.ranking import RankingSettings, Rows, boosted
from recsys.recommender import Channel, RecommenderSettings, RetrievalSettings
from recsys.tables import EXPOSURE
from tests.unit.evaluation.worlds import DAY, HORIZON, START, Log, world

CHANNELS = (Channel(name="own", rung="personal", quota=20), Channel(name="popular", rung="popularity_window", quota=20))
SETTINGS = RecommenderSettings(
    ladder=("popularity_decayed", "personal"),
    retrieval=RetrievalSettings(channels=CHANNELS, depth=20, n_candidates=20),
    ranking=RankingSettings(windows=3, validation_windows=1, rankers=("lambdarank",), ranked_within=(), n_negatives=9),
)
RULES = EvaluationSettings(horizon=HORIZON, selection_windows=1)
EVENTS = world(lambda user, day: f"item-{(user * 7 + day * day * 3) % 25}", 60, n_users=30)
CUTOFF = START + 46 * DAY
AS_OF = START + 53 * DAY


def shown(events: pl.DataFrame, since: int, until: int, *, known: int | None = None) -> pl.DataFrame:
    """Let the items of some days have been shown where the user's number says; known at once, or on a day."""
    rows = events.filter((pl.col("event_time") >= START + since * DAY) & (pl.col("event_time") < START + until * DAY))
    at = pl.col("event_time") if known is None else pl.lit(START + known * DAY, dtype=events.schema["known_at"])
    return rows.with_columns(
        event_id=pl.format("shown-{}", "event_id"),
        event_type=pl.lit(EXPOSURE),
        position=1 + pl.col("user_id").str.slice(1).cast(pl.Int32) % 5,
        known_at=at,
    )


def trial_of(*exposures: pl.DataFrame) -> Trial:
    return Log(pl.concat([EVENTS, *exposures]), SETTINGS).trial(CUTOFF, AS_OF)


def test_candidates_have_the_slot_in_which_their_user_was_shown_them() -> None:
    trial = trial_of(shown(EVENTS, 46, 53))
    examples = trial.examples("allow")
    position = examples.rows("interaction").position
    assert position is not None
    taken = examples.pairs["grade.interaction"].to_numpy() > 0
    names = examples.pairs.join(trial.everyone, on="user_idx", how="left", maintain_order="left")
    slot = 1 + names["user_id"].str.slice(1).cast(pl.Int32).to_numpy() % 5
    assert taken.any()
    np.testing.assert_array_equal(position, np.where(taken, slot, 0))  # what was taken is what had been shown


def test_slots_change_neither_candidates_nor_features_nor_grades() -> None:
    plain, placed = trial_of().examples("allow"), trial_of(shown(EVENTS, 46, 53)).examples("allow")
    assert plain.rows("interaction").position is None
    assert placed.pairs.drop("position").equals(plain.pairs)
    np.testing.assert_array_equal(placed.features, plain.features)


def test_exposures_before_the_window_of_strangers_or_of_unknown_items_give_no_slot() -> None:
    inside = shown(EVENTS, 46, 53)
    for other in (
        shown(EVENTS, 39, 46),
        inside.with_columns(user_id=pl.lit("nobody")),
        inside.with_columns(item_id=pl.lit("new")),
    ):
        assert trial_of(other).examples("allow").rows("interaction").position is None


def learned(*exposures: pl.DataFrame, folder: Path) -> bytes:
    """Return the ranker that is chosen for `AS_OF`, as it is saved."""
    log = Log(pl.concat([EVENTS, *exposures]), SETTINGS)
    selection, _ = choose(log, AS_OF, recommender=SETTINGS, rules=RULES, rewards=log.rewards)
    assert selection.rankers is not None
    (ranker,) = selection.rankers.fitted.values()
    ranker.save(folder / "ranker")
    (file,) = folder.glob("ranker.*")
    return file.read_bytes()


def test_exposures_known_at_as_of_or_after_it_change_no_ranker_and_those_before_do(tmp_path: Path) -> None:
    plain = learned(folder=tmp_path)
    assert learned(shown(EVENTS, 40, 53, known=53), folder=tmp_path) == plain
    assert learned(shown(EVENTS, 53, 60), folder=tmp_path) == plain
    placed = learned(shown(EVENTS, 40, 53), folder=tmp_path)
    assert placed != plain
    assert learned(shown(EVENTS, 40, 53), shown(EVENTS, 53, 60), folder=tmp_path) == placed


def test_slots_of_some_windows_reach_lightgbm_with_those_of_the_others_organic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[list[int]] = []
    binned = boosted._binned

    def noted(rows: Rows, names: list[str], *, like: Rows | None = None) -> lgb.Dataset:
        dataset = binned(rows, names, like=like)
        position = dataset.construct().get_position()
        given.append([] if position is None else sorted(set(np.asarray(position).tolist())))
        assert (position is None) == (rows.position is None)
        return dataset

    monkeypatch.setattr(boosted, "_binned", noted)
    log = Log(pl.concat([EVENTS, shown(EVENTS, 39, 46)]), SETTINGS)  # of three windows the second
    choose(log, AS_OF, recommender=SETTINGS, rules=RULES, rewards=log.rewards)
    # NOTE: LightGBM numbers distinct positions anew: 0 and five slots. The third window, which validates, has none.
    assert given[-1] == list(range(6))
    assert list(range(6)) in given
    assert [] in given
