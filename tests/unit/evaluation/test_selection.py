"""The choice on earlier windows, in a world where the right answer is planted."""

from dataclasses import replace

import polars as pl
import pytest

from recsys.evaluation import Trial, per_user_metrics, select
from recsys.recommender import BLEND, Pick, RecommenderSettings
from recsys.rewards import RewardDefinition, RewardSettings
from tests.unit.evaluation.worlds import DAY, START, Log, world


def trials(events: pl.DataFrame, days: list[int], as_of: int, settings: RecommenderSettings) -> list[Trial]:
    return Log(events, settings).trials(days, as_of)


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
    blind = replace(empty, truths={"interaction": empty.truth.clear()})
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


POPULAR = ("popularity_decayed", "popularity_window", "popularity_all_time")


def test_a_rung_without_candidates_of_its_own_keeps_its_row_and_is_never_chosen() -> None:
    # 60 days of log have no season last year, no item is new, nobody has a market, no item a category or a title, and
    # no two users have an item in common.
    settings = RecommenderSettings()
    chosen = select(trials(LOYAL, [39, 46], 53, settings), settings)
    empty = {"season", "new_arrivals", "market_popularity", "category_popularity", "content", "neighbours"}
    assert set(chosen.plans) == {*settings.ladder, BLEND}
    assert set(chosen.scores) == set(chosen.plans) - empty
    assert chosen.winner not in empty
    assert not empty & {part.rung for part in chosen.plans[BLEND].parts}


def test_an_empty_ranking_fills_no_list_although_it_stands_first_in_the_ladder() -> None:
    settings = RecommenderSettings(ladder=("season", "personal"))
    chosen = select(trials(LOYAL, [46], 53, settings), settings)
    assert chosen.plans["season"].fallback == Pick(rung="popularity_decayed", variant="half_life=7d")
    assert list(chosen.scores) == ["personal", BLEND]
    assert [part.rung for part in chosen.plans[BLEND].parts] == ["personal"]


def test_a_ladder_of_which_no_rung_has_data_serves_the_default() -> None:
    settings = RecommenderSettings(ladder=("season", "market_popularity"))
    chosen = select(trials(LOYAL, [46], 53, settings), settings)
    assert (chosen.winner, chosen.scores, chosen.n_windows) == ("season", {}, 1)


def test_every_score_is_that_of_the_lists_that_the_plan_makes() -> None:
    # Popularity rungs too: a week has 5 items of its own, and the rest of 7 comes from the fallback.
    settings = RecommenderSettings(ladder=(*POPULAR, "new_arrivals", "personal", "covisits"))
    window = trials(FASHION, [45], 52, settings)[0]
    chosen = select([window], settings, k=7)
    assert chosen.plans["popularity_window"].fallback.rung == "new_arrivals"
    for rung, plan in chosen.plans.items():
        found = per_user_metrics(window.slates(plan, window.users, 7), window.truth, k=7)["ndcg"].mean()
        assert chosen.scores[rung] == pytest.approx(found), rung


def test_of_the_variants_only_those_with_data_are_chosen() -> None:
    # Nothing happened in the last 7 days before the cutoff: the short window is empty.
    quiet = FASHION.filter((pl.col("event_time") < START + 38 * DAY) | (pl.col("event_time") >= START + 45 * DAY))
    settings = RecommenderSettings(ladder=POPULAR)
    chosen = select(trials(quiet, [45], 52, settings), settings)
    assert chosen.plans["popularity_window"].parts[0].variant == "window=28d"


def test_what_earned_nothing_is_no_repeat() -> None:
    # Users view an item for 45 days and then purchase it; only purchases are the target.
    events = world(
        lambda user, day: f"own-{user}", type_of=lambda user, day: "view" if day < 45 and user else "purchase"
    )
    purchases = RewardSettings(target="sold", definitions={"sold": RewardDefinition(weights={"purchase": 1.0})})
    log = Log(events, rewards=purchases)
    trial = log.trial(START + 45 * DAY, START + 52 * DAY)
    assert trial.fits.seen.height == 1  # user 0 purchased
    assert select([trial], log.settings).repeat_share == pytest.approx(1 / 12)


def test_users_who_had_everything_score_nothing_and_stop_nothing() -> None:
    both = world(lambda user, day: f"item-{day % 2}")
    settings = RecommenderSettings(repeats="exclude", ladder=("popularity_decayed", "personal"))
    chosen = select(trials(both, [46], 53, settings), settings)
    assert chosen.plan.repeats == "exclude"
    assert set(chosen.scores.values()) <= {0.0}
