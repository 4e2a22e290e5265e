import pytest

from recsys.evaluation import ALL_RULES, CutoffRun, EvaluationSettings, climb, rule_effects
from recsys.recommender import RecommenderSettings
from recsys.rewards import RewardSettings
from tests.unit.evaluation.worlds import DAY, HORIZON, START, Log, world

RULES = EvaluationSettings(horizon=HORIZON, selection_windows=1, n_resamples=1_000, k=3, k_recall=6)
SLATE: dict[str, object] = {"rest": "4d", "exploration": {"share": 1.0, "temperature": 0.05}}


def runs(slate: dict[str, object]) -> list[CutoffRun]:
    settings = RecommenderSettings.parse(
        {"ladder": ["popularity_all_time", "personal"], "ranking": {"windows": 0}, "repeats": "allow", "slate": slate},
        "test",
    )
    log = Log(world(lambda user, day: f"i{(user + day % 3) % 8}"), settings=settings)
    cutoffs = [START + day * DAY for day in (35, 42)]
    return list(climb(log, cutoffs, START + 60 * DAY, recommender=settings, rules=RULES, rewards=RewardSettings()))


@pytest.fixture(scope="module")
def climbed() -> list[CutoffRun]:
    return runs(SLATE)


def test_each_rule_is_left_out_in_turn_and_all_rules_are_compared_with_none(climbed: list[CutoffRun]) -> None:
    effects = {effect.rule: effect for effect in rule_effects(climbed, RULES)}
    assert list(effects) == [ALL_RULES, "resting", "exploration"]
    everything = effects[ALL_RULES]
    assert all(effect.metrics == everything.metrics for effect in effects.values())
    # Users come back to the same three items: hiding what they just had costs nearly everything.
    resting = effects["resting"].metrics_without
    assert everything.metrics["recall"] is not None
    assert resting["recall"] is not None
    assert everything.metrics["recall"] < resting["recall"]
    assert everything.metrics["repeat_share"] == 0.0
    assert {"ndcg", "recall", "coverage", "diversity", "novelty"} <= set(everything.metrics)
    assert everything.metrics["ndcg"] is not None
    assert resting["ndcg"] is not None
    assert effects["resting"].change.difference == pytest.approx(everything.metrics["ndcg"] - resting["ndcg"])


def test_lists_without_rules_are_those_of_the_ladder(climbed: list[CutoffRun]) -> None:
    bare = rule_effects(climbed, RULES)[0].metrics_without
    served = [run.scores["served"]["ndcg"].to_numpy().mean() for run in climbed]
    assert bare["ndcg"] == pytest.approx(sum(served) / 2)


def test_the_ladder_is_the_same_with_rules_and_without(climbed: list[CutoffRun]) -> None:
    for with_rules, without in zip(climbed, runs({}), strict=True):
        assert with_rules.selection.plans == without.selection.plans
        assert all(frame.equals(without.scores[rung]) for rung, frame in with_rules.scores.items())


def test_without_rules_there_is_no_effect() -> None:
    assert rule_effects(runs({}), RULES) == []
    assert rule_effects([], RULES) == []
