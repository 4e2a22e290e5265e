"""Rungs are tuned with one budget on earlier windows; the first trial is what the configuration has."""

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from recsys.candidates import CandidateSource
from recsys.errors import DataError, LeakageError
from recsys.evaluation import EvaluationSettings, TunedRung, Tuner, Tuning, choose, comparable, select
from recsys.evaluation.contest import Contest, Verdict
from recsys.evaluation.deciding_window import DecidingWindow
from recsys.ranking import BOOSTING_SPACE, RankingSettings
from recsys.recommender import RANKED, Channel, Pick, RecommenderSettings, RetrievalSettings
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from tests.unit.evaluation.worlds import DAY, HORIZON, NO_RANKER, START, Log, world

RULES = EvaluationSettings(horizon=HORIZON, selection_windows=2)
# A week's fashion, and what each user has had for long: popularity wants a short memory, personal history a long one.
EVENTS = world(lambda user, day: f"week-{day // 7}-{day % 5}" if day % 2 else f"own-{user}-{day % 6}")
AS_OF = START + 59 * DAY
CHANNELS = (
    Channel(name="own", rung="personal", place="last", quota=20),
    Channel(name="popular", rung="popularity_decayed", quota=20),
)
SMALL = RankingSettings(windows=3, rankers=("lambdarank",), ranked_within=())
LADDER = RecommenderSettings(
    ladder=("popularity_all_time", "popularity_decayed", "personal"),
    ranking=SMALL,
    retrieval=RetrievalSettings(channels=CHANNELS, depth=20, n_candidates=20),
)


def tuner(settings: RecommenderSettings = LADDER, events: pl.DataFrame = EVENTS, n_trials: int = 6) -> Tuner:
    recommender, rules = comparable(settings, RULES)
    log = Log(events, recommender)
    return Tuner(log, AS_OF, recommender, rules, RewardSettings(), StateSettings(), n_trials)


def tuned(settings: RecommenderSettings = LADDER, events: pl.DataFrame = EVENTS, n_trials: int = 6) -> Tuning:
    return tuner(settings, events, n_trials).run([*settings.ladder, RANKED])


@pytest.fixture(scope="module")
def tuning() -> Tuning:
    return tuned()


def by_name(tuning: Tuning) -> dict[str, TunedRung]:
    return {one.rung: one for one in tuning.rungs}


def test_every_rung_is_scored_as_often_and_on_the_same_users(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[tuple[str, datetime, int]] = []
    of_source, of_rules = DecidingWindow.source_ndcg, Contest.judge

    def source_ndcg(self: DecidingWindow, source: CandidateSource, fallback: Pick) -> float:
        scored.append((source.name, self.trial.fold.cutoff, self.users.height))
        return of_source(self, source, fallback)

    def judge(self: Contest, rules: RankingSettings) -> Verdict:
        scored.extend((RANKED, court.trial.fold.cutoff, court.users.height) for court in self.courts)
        return of_rules(self, rules)

    monkeypatch.setattr(DecidingWindow, "source_ndcg", source_ndcg)
    monkeypatch.setattr(Contest, "judge", judge)
    found = by_name(tuned(n_trials=4))
    assert {name: one.found.n_tried for name, one in found.items() if one.found} == {
        "popularity_all_time": 1,
        "popularity_decayed": 4,
        "personal": 4,
        RANKED: 4,
    }
    windows = [(START + day * DAY, 12) for day in (45, 52)]
    for rung in ("popularity_decayed", "personal", RANKED):
        assert [(cutoff, n) for name, cutoff, n in scored if name == rung] == windows * 4


def test_a_rung_with_fewer_settings_than_trials_tries_them_all(tuning: Tuning) -> None:
    found = by_name(tuning)["popularity_decayed"].found
    assert found is not None
    assert (found.n_tried, found.n_settings) == (5, 5)


def test_the_first_trial_is_what_the_configuration_has_and_none_ends_below_it(tuning: Tuning) -> None:
    recommender, rules = comparable(LADDER, RULES)
    log = Log(EVENTS, recommender)
    selection, earlier = choose(log, AS_OF, recommender=recommender, rules=rules, rewards=RewardSettings())
    assert list(tuning.cutoffs) == earlier
    for one in tuning.rungs:
        assert one.found is not None
        assert one.found.before == pytest.approx(selection.scores[one.rung], abs=1e-12), one.rung
        assert one.found.after >= one.found.before


def test_a_better_setting_is_found_where_there_is_one(tuning: Tuning) -> None:
    # The state has a half-life of one day, which the configuration does not try.
    one = by_name(tuning)["popularity_decayed"]
    assert one.found is not None
    assert one.is_better
    assert one.found.best == {"half_life": "1d"}


def test_a_tuned_variant_has_the_score_that_was_found(tuning: Tuning) -> None:
    better = {one.rung: one.found.best for one in tuning.rungs if one.found and one.is_better and one.rung != RANKED}
    settings = LADDER.model_copy(update={"tuned": better})
    log = Log(EVENTS, settings)
    # The fallback of the untuned configuration fills no list here: every rung ranks ten items and more.
    selection = select([log.trial(cutoff, AS_OF) for cutoff in tuning.cutoffs], settings)
    for rung in better:
        assert selection.plans[rung].parts[0].variant.startswith("tuned ")
        assert selection.scores[rung] == pytest.approx(by_name(tuning)[rung].found.after)  # type: ignore[union-attr]


def test_what_becomes_known_later_changes_nothing(tuning: Tuning) -> None:
    late = EVENTS.with_columns(
        event_id=pl.concat_str(pl.lit("late"), "event_id"),
        item_id=pl.lit("own-0-0"),
        known_at=pl.lit(AS_OF, pl.Datetime("us", "UTC")),
    )
    seen = EVENTS.filter(pl.col("known_at") < AS_OF)
    assert 0 < seen.height < EVENTS.height
    assert tuned(events=pl.concat([EVENTS, late])) == tuned(events=seen) == tuning


def test_popularity_of_all_time_has_nothing_to_tune(tuning: Tuning) -> None:
    found = by_name(tuning)["popularity_all_time"].found
    assert found is not None
    assert (found.best, found.n_settings, found.n_tried) == ({}, 1, 1)


def test_trees_are_tuned_and_a_linear_ranker_is_not(tuning: Tuning) -> None:
    trees = by_name(tuning)[RANKED].found
    linear = replace(tuner(), recommender=comparable(linear_ladder(), RULES)[0]).run([RANKED]).rungs[0].found
    assert trees is not None
    assert linear is not None
    assert set(trees.best) == set(BOOSTING_SPACE)
    assert trees.n_settings == 5 * 3 * 5 * 4 * 3
    assert (linear.best, linear.n_settings) == ({}, 1)


def linear_ladder() -> RecommenderSettings:
    return LADDER.model_copy(update={"ranking": SMALL.model_copy(update={"rankers": ("linear",)})})


@pytest.mark.parametrize(
    ("ranking", "note"),
    [
        (NO_RANKER, "rankers are left out: recommender.ranking.windows is 0"),
        (SMALL.model_copy(update={"windows": 1}), "fewer than two earlier windows to learn from"),
    ],
)
def test_a_ranker_that_cannot_be_judged_is_named(ranking: RankingSettings, note: str) -> None:
    rungs = tuner(LADDER.model_copy(update={"ranking": ranking})).run([RANKED]).rungs
    assert rungs == (TunedRung(RANKED, None, 0, note),)


def test_a_rung_without_candidates_is_told_and_stays_as_it_is() -> None:
    settings = LADDER.model_copy(update={"ladder": ("popularity_decayed", "market_popularity"), "ranking": NO_RANKER})
    one = tuner(settings).run(["market_popularity"]).rungs[0]
    assert one.note == "had no candidates of its own"
    assert not one.is_better


def test_without_an_earlier_window_nothing_is_tuned() -> None:
    young = replace(tuner(), as_of=START + 9 * DAY)
    with pytest.raises(DataError, match=r"as_of 2024-01-10T00:00:00Z: 0 of 2 earlier window\(s\) of 7d have a horizon"):
        young.run(["personal"])


def test_a_configuration_that_was_tuned_later_is_refused() -> None:
    with pytest.raises(LeakageError, match="tuned on labels known before"):
        tuner(LADDER.model_copy(update={"tuned_as_of": AS_OF + DAY})).run(["personal"])


def test_progress_adds_up_to_the_whole_budget() -> None:
    steps: list[int] = []
    replace(tuner(), on_step=lambda what, n: steps.append(n)).run([*LADDER.ladder, RANKED])
    assert sum(steps) == 6 * 4


def test_rankers_and_heuristics_are_judged_on_the_same_windows_and_users() -> None:
    recommender, rules = comparable(LADDER, RULES.model_copy(update={"selection_users": 7}))
    assert (recommender.ranking.max_users, rules.selection_users) == (7, 7)
    assert recommender.ranking.validation_windows == 2
    few = LADDER.model_copy(update={"ranking": SMALL.model_copy(update={"max_users": 3})})
    assert comparable(few, RULES)[1].selection_users == 3
