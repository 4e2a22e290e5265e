"""The whole climb, from a log to results, on small worlds."""

import pytest

from recsys.evaluation import (
    SERVED,
    CutoffRun,
    EvaluationResults,
    EvaluationSettings,
    Provenance,
    climb,
    per_user,
    summarise,
    summary,
)
from recsys.ranking import RankingSettings
from recsys.recommender import BLEND, RANKED, RecommenderSettings
from tests.unit.evaluation.worlds import DAY, HORIZON, NO_RANKER, START, Log, world

RULES = EvaluationSettings(horizon=HORIZON, selection_windows=1, n_resamples=1_000)
LADDER = RecommenderSettings(ladder=("popularity_decayed", "season", "personal"), ranking=NO_RANKER)


def run_of(log: Log, days: tuple[int, ...] = (46,)) -> list[CutoffRun]:
    cutoffs, as_of = [START + day * DAY for day in days], START + 60 * DAY
    return list(climb(log, cutoffs, as_of, recommender=log.settings, rules=RULES, rewards=log.rewards))


def results_of(runs: list[CutoffRun]) -> EvaluationResults:
    provenance = Provenance("c.toml", "d", "1", 0, "2024-03-01T00:00:00Z", "recsys evaluate", 0)
    return summarise(runs, RULES, provenance, reward="interaction", title="small")


def own_items(user: int, day: int) -> str:
    return f"own-{user}-{day % 3}"


def test_a_rung_without_data_keeps_its_row_and_says_so() -> None:
    results = results_of(run_of(Log(world(own_items), LADDER)))
    rungs = {rung.name: rung for rung in results.rungs}
    assert list(rungs) == [*LADDER.ladder, BLEND, SERVED]
    assert [name for name, rung in rungs.items() if not rung.has_data] == ["season"]
    assert rungs["season"].description.endswith("without data, so all from the fallback")
    assert rungs["season"].metrics["ndcg"] == rungs["popularity_decayed"].metrics["ndcg"]
    assert results.choice is not None
    assert "season" not in results.choice.scores


def test_users_who_had_the_whole_catalogue_score_nothing() -> None:
    # Two items, which everybody has had by the cutoff; without repeats nobody gets a list.
    settings = LADDER.model_copy(update={"repeats": "exclude"})
    log = Log(world(lambda user, day: f"item-{day % 2}"), settings)
    rung = results_of(run_of(log)).rungs[0]
    assert rung.metrics["ndcg"].mean == 0.0
    assert rung.lists["coverage"] == 0.0
    assert rung.lists["gini"] is None
    assert not rung.has_data


def test_users_without_a_list_count_beside_those_with_one() -> None:
    # User 0 has had all; users 1 to 11 return to one item each, which they may not have again.
    settings = LADDER.model_copy(update={"repeats": "exclude"})
    log = Log(world(lambda user, day: f"item-{day % 12}" if user == 0 else f"item-{user}"), settings)
    run = run_of(log)[0]
    assert run.scores["personal"].height == run.trial.users.height == 12
    assert run.scores["personal"]["ndcg"].to_list() == [0.0] * 12


def test_only_the_largest_markets_have_a_row_and_the_rest_are_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MAX_MARKETS", 2)
    log = Log(world(own_items, market_of=lambda user: "AABBBCDEEEEE"[user]), LADDER)
    runs = run_of(log, (39, 46))
    results = results_of(runs)
    assert [(group.name, group.n_users) for group in results.markets] == [("E", 10), ("(other)", 8), ("B", 6)]
    assert sum(group.user_share for group in results.markets) == pytest.approx(1.0)
    assert set(per_user(runs)["market"]) == set("ABCDE")


def test_as_many_markets_as_there_are_rows_are_not_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MAX_MARKETS", 5)
    log = Log(world(own_items, market_of=lambda user: "AABBBCDEEEEE"[user]), LADDER)
    assert [group.name for group in results_of(run_of(log)).markets] == ["E", "B", "A", "C", "D"]


def test_where_no_rung_had_data_the_choice_says_that_a_default_serves() -> None:
    run = run_of(Log(world(own_items), RecommenderSettings(ladder=("season",), ranking=NO_RANKER)))[0]
    choice = results_of([run]).choice
    assert choice is not None
    assert choice.reason.startswith("no earlier window had labels and candidates")


def test_the_row_of_what_was_served_is_that_of_the_winner() -> None:
    run = run_of(Log(world(own_items), LADDER))[0]
    assert run.scores[SERVED].equals(run.scores[run.selection.winner])


def test_a_cutoff_with_too_few_earlier_windows_for_a_ranker_has_the_best_heuristic_in_its_row() -> None:
    rules = RankingSettings(windows=2, validation_windows=1, rankers=("linear",))
    log = Log(world(own_items), LADDER.model_copy(update={"ranking": rules}))
    early, late = run_of(log, (14, 46))
    assert (early.has_data[RANKED], late.has_data[RANKED]) == (False, True)
    assert early.scores[RANKED].equals(early.scores[SERVED])
    rungs = {rung.name: rung for rung in results_of([early, late]).rungs}
    assert list(rungs) == [*LADDER.ladder, BLEND, RANKED, SERVED]
    idea = "candidates of many sources, ordered by a learned ranker; at the last cutoff: "
    assert rungs[RANKED].description.startswith(f"{idea}linear learned from 2 window(s)")
    young = results_of([early]).rungs[-2]
    assert young.description == f"{idea}too few earlier windows to learn from, so the best heuristic"
    assert not young.has_data
