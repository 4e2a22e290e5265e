"""The choice on earlier windows, in a world where the right answer is planted."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.candidates import gather
from recsys.evaluation import Fits, Trial, build_trial, earlier_cutoffs, select
from recsys.recommender import BLEND, RecommenderSettings
from recsys.rewards import RewardSettings, label_pairs
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, conform
from recsys.timeline import Fold

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HORIZON = 7 * DAY


def world(item_of: object, n_days: int = 60) -> pl.DataFrame:
    """One event per user and day; `item_of(user, day)` names the item."""
    rows = [(f"u{u}", item_of(u, d), START + d * DAY) for d in range(n_days) for u in range(12)]  # type: ignore[operator]
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "event_type": ["view"] * len(rows),
            "event_time": [time for _, _, time in rows],
            "known_at": [time for _, _, time in rows],
        },
        schema_overrides={"event_time": EVENT_DTYPES["event_time"], "known_at": EVENT_DTYPES["known_at"]},
    )
    return conform(frame, EVENT_DTYPES, "world")


def trials(events: pl.DataFrame, days: list[int], as_of: int, settings: RecommenderSettings) -> list[Trial]:
    made = []
    for day in days:
        cutoff, rewards = START + day * DAY, RewardSettings()
        known = gather(events.lazy(), as_of=cutoff, rewards=rewards, state=StateSettings())
        fold = Fold(cutoff=cutoff, horizon=HORIZON, as_of=START + as_of * DAY)
        labels = label_pairs(events.lazy(), fold, rewards)
        pairs = labels.select("user_id", "item_id", "first_event_time", reward="reward_interaction")
        made.append(build_trial(Fits(known, settings), fold, {"interaction": pairs}))
    return made


LOYAL = world(lambda user, day: f"own-{user}-{day % 3}")
FASHION = world(lambda user, day: f"week-{day // 7}-{(user + day) % 5}")
FOREVER_NEW = world(lambda user, day: f"day-{day}-{user % 4}")


def test_where_users_return_to_their_own_items_the_personal_rung_is_chosen_and_repeats_are_allowed() -> None:
    settings = RecommenderSettings()
    chosen = select(trials(LOYAL, [39, 46], 53, settings), settings)
    assert chosen.repeat_share == 1.0
    assert chosen.plan.repeats == "allow"
    assert chosen.scores["personal"] == pytest.approx(1.0)  # three items each, all of them own
    assert chosen.scores["personal"] > chosen.scores["popularity_all_time"]
    assert chosen.scores[chosen.winner] == pytest.approx(1.0)


def test_where_nothing_comes_twice_repeats_are_excluded() -> None:
    settings = RecommenderSettings()
    chosen = select(trials(FOREVER_NEW, [39, 46], 53, settings), settings)
    assert chosen.repeat_share == 0.0
    assert chosen.plan.repeats == "exclude"


def test_a_declared_policy_outweighs_what_was_measured() -> None:
    settings = RecommenderSettings(repeats="exclude")
    chosen = select(trials(LOYAL, [46], 53, settings), settings)
    assert (chosen.plan.repeats, chosen.repeat_share) == ("exclude", 1.0)


def test_the_variant_that_suits_the_earlier_windows_is_chosen() -> None:
    # What is in fashion changes every week: the shorter window must win over the longer one.
    settings = RecommenderSettings(ladder=("popularity_all_time", "popularity_window"))
    chosen = select(trials(FASHION, [38, 45], 52, settings), settings)
    assert chosen.plans["popularity_window"].parts[0].variant == "window=7d"
    assert chosen.plans["popularity_all_time"].fallback.rung == "popularity_window"


def test_without_an_earlier_window_decayed_popularity_serves() -> None:
    settings = RecommenderSettings()
    chosen = select([], settings)
    assert (chosen.winner, chosen.n_windows, chosen.repeat_share, chosen.scores) == ("popularity_decayed", 0, None, {})
    assert set(chosen.plans) == {*settings.ladder, BLEND}


def test_a_ladder_without_decayed_popularity_serves_its_first_rung_when_no_window_speaks() -> None:
    settings = RecommenderSettings(ladder=("covisits", "personal"))
    assert select([], settings).winner == "covisits"


def test_a_window_without_labels_does_not_decide() -> None:
    settings = RecommenderSettings()
    empty = trials(LOYAL, [59], 60, settings)[0]
    blind = Trial(empty.fits, empty.fold, {"interaction": empty.truth.clear()}, empty.everyone)
    assert select([blind], settings).n_windows == 0


def test_few_users_decide_where_a_sample_is_asked_for() -> None:
    settings = RecommenderSettings()
    trial = trials(LOYAL, [46], 53, settings)[0]
    assert trial.sample(5).height == 5
    assert trial.sample(5).equals(trial.sample(5))
    assert trial.sample(99).height == 12


def test_users_and_items_that_history_does_not_know_stay_in_the_truth() -> None:
    late = LOYAL.with_columns(
        user_id=pl.when(pl.col("event_time") >= START + 46 * DAY).then(pl.lit("late")).otherwise("user_id"),
        item_id=pl.when(pl.col("event_time") >= START + 46 * DAY).then(pl.lit("launch")).otherwise("item_id"),
    )
    trial = trials(late, [46], 53, RecommenderSettings())[0]
    known = trial.fits.knowledge.history
    assert trial.users["user_id"].to_list() == ["late"]
    assert trial.users["n_events"].to_list() == [0]
    assert trial.truth.select("user_idx", "item_idx").row(0) == (known.users.height, known.items.height)


def test_earlier_cutoffs_tile_the_time_before_as_of_and_need_history() -> None:
    class FromDay30:
        def has_history(self, cutoff: datetime) -> bool:
            return cutoff >= START + 30 * DAY

        def trial(self, cutoff: datetime, as_of: datetime) -> Trial:
            raise AssertionError(cutoff, as_of)

    found = earlier_cutoffs(FromDay30(), START + 53 * DAY, HORIZON, DAY, 4)
    # 53 - 1 - 7 i for i = 4 .. 1: days 24 (too early), 31, 38, 45
    assert [(cutoff - START).days for cutoff in found] == [31, 38, 45]
