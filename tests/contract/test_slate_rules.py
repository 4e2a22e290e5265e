"""What lists must keep whichever slate rules are on: parametrised over the rules, alone and together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.knowledge import Knowledge, gather
from recsys.recommender import FORMAT, Manifest, Model, Pick, Plan, RecommenderSettings, fit, load, save
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import ExploredSlate, Slate

AS_OF = datetime(2024, 5, 1, tzinfo=UTC)
POPULAR = Pick(rung="popularity_decayed", variant="half_life=7d")
PLANS = {
    "short": Plan(parts=(Pick(rung="personal", variant="half_life=30d gamma=0.3"),), fallback=POPULAR, repeats="allow"),
    "full": Plan(parts=(POPULAR,), fallback=POPULAR, repeats="exclude"),
}
BLOCKED = ("i00", "i01", "i02", "i05", "unknown")
RULES: dict[str, dict[str, Any]] = {
    "blocked": {"blocked": list(BLOCKED)},
    "resting": {"rest": "14d", "rest_of": {"c1": "0s"}},
    "caps": {"caps": [{"most": 2, "first": 10}]},
    "diversity": {"diversity": {"relevance_weight": 0.6}},
    "vectors": {"diversity": {"relevance_weight": 0.6, "by": "content"}},
    "fresh": {"fresh": {"position": 3, "younger_than": "30d"}},
    "exploration": {"exploration": {"share": 0.5, "start": 2}},
}
RULES["together"] = {key: value for rule in RULES.values() for key, value in rule.items()}
each_rule = pytest.mark.parametrize("rule", RULES)
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def model_of(knowledge: Knowledge, plan: Plan, rule: str | None) -> Model:
    slate = {} if rule is None else {"slate": RULES[rule]}
    settings = RecommenderSettings.parse(slate, rule or "none")
    as_of = knowledge.as_of
    manifest = Manifest(format=FORMAT, as_of=as_of, log_version=0, config_digest="0", settings=settings, plan=plan)
    return fit(knowledge, manifest)


def slates_of(model: Model, k: int = 10) -> pl.DataFrame:
    users = pl.Series([f"u{i:02d}" for i in range(30)] + ["a stranger"])
    return pl.concat(model.recommend(users, k))


def known(events: pl.DataFrame, items: pl.DataFrame) -> Knowledge:
    return gather(events.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(), items=items.lazy())


@pytest.fixture(scope="module")
def items(items: pl.DataFrame) -> pl.DataFrame:
    """The catalogue, in which three items without events are new."""
    launch = pl.lit(AS_OF - timedelta(days=9), dtype=items.schema["known_at"])
    is_new = pl.col("item_id").is_in(["i40", "i41", "i42"])
    return items.with_columns(known_at=pl.when(is_new).then(launch).otherwise("known_at"))


@pytest.fixture(scope="module")
def knowledge(events: pl.DataFrame, items: pl.DataFrame) -> Knowledge:
    return known(events, items)


@each_plan
@each_rule
def test_lists_are_full_and_dense_and_hold_available_items(rule: str, plan: Plan, knowledge: Knowledge) -> None:
    slates = slates_of(model_of(knowledge, plan, rule))
    (ExploredSlate if rule in ("exploration", "together") else Slate).validate(slates)
    assert ("propensity" in slates.columns) == (rule in ("exploration", "together"))
    assert slates.group_by("user_id").len()["len"].to_list() == [10] * 31
    assert not {"i03", "i04"} & set(slates["item_id"])  # withdrawn a month before


@each_plan
@each_rule
def test_a_list_is_short_only_where_that_is_all_there_is(rule: str, plan: Plan, knowledge: Knowledge) -> None:
    model = model_of(knowledge, plan, rule)
    bare = slates_of(model_of(knowledge, plan, None), k=60)
    hidden = model.slate.get("resting", pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32}))
    named = hidden.join(model.users, on="user_idx").join(model.items, on="item_idx").select("user_id", "item_id")
    left = bare.join(named, on=["user_id", "item_id"], how="anti")
    if "blocked" in model.slate:
        left = left.filter(~pl.col("item_id").is_in(BLOCKED))
    pairs = ["user_id", "item_id"]
    assert_frame_equal(slates_of(model, k=60).select(pairs).sort(pairs), left.select(pairs).sort(pairs))


@each_rule
def test_rows_known_at_or_after_as_of_change_nothing(
    rule: str, events: pl.DataFrame, future_events: pl.DataFrame, items: pl.DataFrame, knowledge: Knowledge
) -> None:
    later = items.with_columns(category=pl.lit("changed"), known_at=pl.col("known_at") + timedelta(days=200))
    peeking = known(pl.concat([events, future_events]), pl.concat([items, later]))
    plan = PLANS["short"]
    assert_frame_equal(
        slates_of(model_of(peeking, plan, rule)), slates_of(model_of(knowledge, plan, rule)), check_exact=True
    )


@each_rule
def test_the_order_of_input_rows_is_irrelevant(
    rule: str, events: pl.DataFrame, items: pl.DataFrame, knowledge: Knowledge
) -> None:
    shuffled = known(events.sample(fraction=1.0, shuffle=True, seed=3), items.reverse())
    one, two = (slates_of(model_of(source, PLANS["short"], rule)) for source in (shuffled, knowledge))
    assert_frame_equal(one, two, check_exact=True)


@each_rule
def test_a_saved_model_gives_the_same_lists(rule: str, knowledge: Knowledge, tmp_path: Path) -> None:
    model = model_of(knowledge, PLANS["short"], rule)
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.manifest == model.manifest
    assert_frame_equal(slates_of(loaded), slates_of(model), check_exact=True)


@each_plan
def test_without_rules_a_model_has_no_table_of_theirs_and_score_never_rises(plan: Plan, knowledge: Knowledge) -> None:
    model = model_of(knowledge, plan, None)
    assert model.slate == {}
    assert not [name for name in model.manifest.tables if name.startswith("slate.")]
    assert slates_of(model).filter(pl.col("score").diff().over("user_id") > 0).is_empty()


def test_rules_do_what_they_say(knowledge: Knowledge, items: pl.DataFrame) -> None:
    plan = PLANS["short"]
    assert not set(BLOCKED) & set(slates_of(model_of(knowledge, plan, "blocked"))["item_id"])
    rested = model_of(knowledge, plan, "resting")
    pairs = rested.slate["resting"].join(rested.users, on="user_idx").join(rested.items, on="item_idx")
    assert pairs.height > 20
    assert slates_of(rested).join(pairs, on=["user_id", "item_id"], how="semi").is_empty()
    kinds = slates_of(model_of(knowledge, plan, "caps")).join(items.select("item_id", "category"), on="item_id")
    assert kinds.group_by("user_id", "category").len()["len"].max() == 2
    third = slates_of(model_of(knowledge, plan, "fresh")).filter(pl.col("rank") == 3)
    assert set(third["item_id"]) <= {"i40", "i41", "i42"}


def test_a_model_can_block_further_items(knowledge: Knowledge, tmp_path: Path) -> None:
    for rule in (None, "blocked", "fresh"):
        model = model_of(knowledge, PLANS["full"], rule)
        assert model.blocking([]) is model
        more = model.blocking(["i10", "unheard of"])
        slates = slates_of(more, k=60)
        assert "i10" not in set(slates["item_id"])
        assert rule != "blocked" or not set(BLOCKED) & set(slates["item_id"])
        save(more, tmp_path / "model")
        assert_frame_equal(slates_of(load(tmp_path / "model"), k=60), slates, check_exact=True)
