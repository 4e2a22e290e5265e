"""What serves is chosen on windows before `as_of` alone: heuristics first, then a ranker against the best of them."""

from datetime import datetime

import polars as pl
import pytest

from recsys.errors import LeakageError
from recsys.evaluation import Duel, EvaluationSettings, Selection, Trial, choose
from recsys.ranking import FittedLinear, RankingSettings
from recsys.recommender import BLEND, RANKED, Channel, Examples, Pick, Plan, RecommenderSettings, RetrievalSettings
from recsys.rewards import RewardDefinition, RewardSettings
from tests.unit.evaluation.worlds import DAY, HORIZON, NO_RANKER, START, Log, world

RULES = EvaluationSettings(horizon=HORIZON, selection_windows=2)
SMALL = RankingSettings(windows=3, validation_windows=1, rankers=("linear",))
LADDER = RecommenderSettings(ladder=("popularity_decayed", "personal"), ranking=SMALL)
EVENTS = world(lambda user, day: f"item-{(user * 7 + day * day * 3) % 40}")
AS_OF = START + 53 * DAY


class Recording(Log):
    """A log that notes which windows it was asked for, as days of cutoff and of what labels may be known."""

    asked: list[tuple[str, int, int]]

    def trial(self, cutoff: datetime, as_of: datetime) -> Trial:
        self.asked.append(("trial", (cutoff - START).days, (as_of - START).days))
        return super().trial(cutoff, as_of)

    def examples(self, cutoff: datetime, as_of: datetime, repeats: str) -> Examples | None:
        self.asked.append(("examples", (cutoff - START).days, (as_of - START).days))
        trial = super().trial(cutoff, as_of)
        return None if trial.truth.is_empty() else trial.examples(repeats)


def chosen(
    events: pl.DataFrame,
    settings: RecommenderSettings,
    as_of: datetime = AS_OF,
    *,
    rewards: RewardSettings | None = None,
) -> tuple[Selection, Recording]:
    log = Recording(events, settings, rewards or RewardSettings())
    log.asked = []
    selection, _ = choose(log, as_of, recommender=settings, rules=RULES, rewards=log.rewards)
    return selection, log


def test_heuristics_and_rankers_are_chosen_on_the_latest_windows_before_as_of() -> None:
    selection, log = chosen(EVENTS, LADDER)
    assert log.asked == [
        *(("trial", 39, 53), ("trial", 46, 53)),  # heuristics
        *(("examples", 32, 53), ("examples", 39, 53), ("examples", 46, 53)),
        ("trial", 46, 53),  # the window that validates
    ]
    assert list(selection.plans) == [*LADDER.ladder, BLEND, RANKED]
    assert selection.duel is not None
    assert [one.channel for one in selection.channels if one.recall > 0]
    assert {one.channel for one in selection.channels} == {one.name for one in LADDER.retrieval.proposing}
    heuristics = {name: score for name, score in selection.scores.items() if name != RANKED}
    assert selection.duel.rival == max(heuristics, key=lambda name: heuristics[name])
    assert selection.scores[RANKED] == selection.duel.score
    assert selection.winner == (RANKED if selection.duel.is_won else selection.duel.rival)


def test_what_is_known_at_or_after_as_of_changes_no_choice() -> None:
    late = EVENTS.head(60).with_columns(
        event_id=pl.format("late-{}", "event_id"), known_at=pl.lit(AS_OF, dtype=EVENTS.schema["known_at"])
    )
    one, _ = chosen(pl.concat([EVENTS, late]), LADDER)
    two, _ = chosen(EVENTS.filter(pl.col("known_at") < AS_OF), LADDER)
    assert (one.plans, one.scores, one.winner, one.duel) == (two.plans, two.scores, two.winner, two.duel)
    weights = []
    for selection in (one, two):
        assert selection.rankers is not None
        (ranker,) = selection.rankers.fitted.values()
        assert isinstance(ranker, FittedLinear)
        weights.append(ranker.weight.tobytes())
    assert weights[0] == weights[1]


def test_without_windows_for_rankers_no_example_is_made() -> None:
    selection, log = chosen(EVENTS, LADDER.model_copy(update={"ranking": NO_RANKER}))
    assert {kind for kind, _, _ in log.asked} == {"trial"}
    assert (selection.duel, selection.rankers, RANKED in selection.plans) == (None, None, False)
    assert selection.describe().startswith("best heuristic on 2 earlier window(s): 1 x ")


@pytest.mark.parametrize(("day", "n_windows"), [(8, 0), (15, 1)])
def test_a_log_with_fewer_than_two_earlier_windows_is_served_by_a_heuristic(day: int, n_windows: int) -> None:
    selection, _ = chosen(EVENTS, LADDER, START + day * DAY)
    assert (selection.n_windows, selection.duel, RANKED in selection.plans) == (n_windows, None, False)


def test_a_window_without_a_label_teaches_nothing() -> None:
    # Purchases count, and in the second of three windows there are only views.
    sold = RewardSettings(target="sold", definitions={"sold": RewardDefinition(weights={"purchase": 1.0})})
    looked = (pl.col("event_time") >= START + 39 * DAY) & (pl.col("event_time") < START + 46 * DAY)
    events = EVENTS.with_columns(event_type=pl.when(looked).then(pl.lit("view")).otherwise(pl.lit("purchase")))
    selection, log = chosen(events, LADDER, rewards=sold)
    assert [day for kind, day, _ in log.asked if kind == "examples"] == [32, 39, 46]
    plan = selection.plans[RANKED].ranking
    assert plan is not None
    assert plan.windows == 2  # of three


POPULAR = Pick(rung="popularity_decayed", variant="half_life=7d")
PLANS = {"popularity_decayed": Plan(parts=(POPULAR,), fallback=POPULAR, repeats="allow")}


@pytest.mark.parametrize(
    ("duel", "said"),
    [
        (None, "best heuristic on 3 earlier window(s): 1 x popularity_decayed (half_life=7d)"),
        (
            Duel("popularity_decayed", 0.2, 0.25, 2),
            "best heuristic on 3 earlier window(s): 1 x popularity_decayed (half_life=7d); "
            "mean NDCG 0.2500 against 0.2000 of a learned ranker on the latest 2 window(s)",
        ),
        (
            Duel("blend", 0.3, 0.25, 2),
            "1 x popularity_decayed (half_life=7d); mean NDCG 0.3000 against 0.2500 of blend on the latest 2 window(s)",
        ),
    ],
)
def test_a_selection_says_in_words_what_serves_and_why(duel: Duel | None, said: str) -> None:
    selection = Selection(PLANS, {"popularity_decayed": 0.25}, "popularity_decayed", None, 3, duel=duel)
    assert selection.describe() == said


def due(user: int, day: int) -> str:
    """Every user takes six items of their own in turn, one a week: what comes next is what is longest ago."""
    return f"own-{user}-{(day // 7 + user) % 6}"


SMALL_STAGE = RecommenderSettings(
    ladder=("popularity_decayed", "personal"),
    retrieval=RetrievalSettings(
        channels=(
            Channel(name="own", rung="personal", place="last", quota=20),
            Channel(name="popular", rung="popularity_decayed", quota=20),
        )
    ),
    ranking=RankingSettings(windows=4, validation_windows=2, rankers=("linear",), ranked_within=()),
)


def test_a_ranker_that_knows_more_than_every_heuristic_serves() -> None:
    selection, _ = chosen(world(due, 126, n_users=30), SMALL_STAGE, START + 126 * DAY)
    assert selection.duel is not None
    assert selection.duel.is_won
    assert (selection.winner, selection.plan.rung, selection.plan.parts) == (RANKED, RANKED, ())
    assert selection.scores[RANKED] > 0.95 > max(score for name, score in selection.scores.items() if name != RANKED)
    assert selection.rankers is not None
    assert selection.rankers.plan == selection.plan.ranking


def test_where_a_heuristic_is_perfect_it_serves() -> None:
    events = world(lambda user, day: f"own-{user}-{day % 3}", 126, n_users=30)
    selection, _ = chosen(events, SMALL_STAGE, START + 126 * DAY)
    assert selection.scores["personal"] == pytest.approx(1.0)
    assert selection.winner != RANKED
    assert selection.plan.ranking is None
    assert RANKED in selection.plans  # it stays beside the others, to be compared


def test_settings_that_were_tuned_later_are_refused_before_anything_is_read() -> None:
    tuned = LADDER.model_copy(update={"tuned_as_of": AS_OF + DAY})
    with pytest.raises(LeakageError, match=r"known before 2024-02-24T00:00:00Z, and 2024-02-23T00:00:00Z is earlier"):
        chosen(EVENTS, tuned)


def test_settings_that_were_tuned_by_then_compete_with_the_declared_ones() -> None:
    # On the last two days before each window everyone takes something odd, which a fast history puts first.
    events = world(lambda user, day: f"{'odd' if day in (37, 38, 44, 45) else 'own'}-{user}")
    slow: dict[str, str | int | float] = {"half_life": "180d", "gamma": 0.0}
    rules = RecommenderSettings(
        ladder=("popularity_decayed", "personal"),
        ranking=NO_RANKER,
        personal_half_lives=(DAY,),
        gammas=(0.0,),
        tuned={"personal": slow},
        tuned_as_of=AS_OF,
    )
    selection, _ = chosen(events, rules)
    assert selection.plans["personal"].parts[0].variant == "tuned half_life=180d gamma=0.0"
