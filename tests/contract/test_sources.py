"""What every entry of the ladder must keep, whatever it does: parametrised over the registry and the blend."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.candidates import CandidateSource, Knowledge, gather
from recsys.recommender import (
    RUNGS,
    Manifest,
    Model,
    Pick,
    Plan,
    RecommenderSettings,
    fit,
    load,
    save,
    source_of,
    source_of_plan,
)
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import Slate

AS_OF = datetime(2024, 5, 1, tzinfo=UTC)
SETTINGS = RecommenderSettings()
FALLBACK = Pick(rung="popularity_decayed", variant="half_life=7d")


def picks() -> list[Pick]:
    return [
        Pick(rung=name, variant=variant) for name, rung in RUNGS.items() for variant in rung.variants(name, SETTINGS)
    ]


BLENDED = (
    Pick(rung="personal", variant="half_life=30d gamma=0.3"),
    Pick(rung="covisits", variant="half_life=30d", weight=0.3),
    Pick(rung="category_popularity", variant="half_life=7d", weight=0.1),
)
PLANS = [Plan(parts=(pick,), fallback=FALLBACK, repeats="allow") for pick in picks()]
PLANS.append(Plan(parts=BLENDED, fallback=FALLBACK, repeats="allow"))
each_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.describe().replace(" ", "_"))


def model_of(plan: Plan, knowledge: Knowledge) -> Model:
    manifest = Manifest(format=1, as_of=knowledge.as_of, log_version=0, config_digest="0", settings=SETTINGS, plan=plan)
    return fit(knowledge, manifest)


def slates_of(model: Model, k: int = 10, repeats: str | None = None) -> pl.DataFrame:
    users = pl.Series([f"u{i:02d}" for i in range(30)] + ["stranger", "u03"])
    return pl.concat(model.recommend(users, k, repeats=repeats))


def known(events: pl.DataFrame, items: pl.DataFrame) -> Knowledge:
    return gather(events.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(), items=items.lazy())


@each_plan
def test_a_plan_gives_every_user_a_full_list_that_keeps_the_slate_contract(plan: Plan, knowledge: Knowledge) -> None:
    slates = slates_of(model_of(plan, knowledge))
    Slate.validate(slates)
    counts = slates.group_by("user_id").len()
    assert counts.height == 31  # 30 users and a stranger; the repeated u03 counts once
    assert counts["len"].unique().to_list() == [10]
    assert slates.filter(pl.col("score").diff().over("user_id") > 0).is_empty()  # never rises with rank


@each_plan
def test_a_list_holds_only_available_items(plan: Plan, knowledge: Knowledge) -> None:
    slates = slates_of(model_of(plan, knowledge), k=60)
    assert not {"i03", "i04"} & set(slates["item_id"])  # withdrawn a month before
    assert slates.group_by("user_id").len()["len"].unique().to_list() == [43]  # all that are left of 45


@each_plan
def test_a_list_without_repeats_holds_nothing_that_the_user_had(plan: Plan, knowledge: Knowledge) -> None:
    model = model_of(plan, knowledge)
    had = model.seen.join(model.users, on="user_idx").join(model.items, on="item_idx").select("user_id", "item_id")
    slates = slates_of(model, repeats="exclude")
    assert slates.join(had, on=["user_id", "item_id"], how="semi").is_empty()
    assert slates.group_by("user_id").len()["len"].unique().to_list() == [10]


@each_plan
def test_rows_known_at_or_after_as_of_change_nothing(
    plan: Plan, events: pl.DataFrame, future_events: pl.DataFrame, items: pl.DataFrame, knowledge: Knowledge
) -> None:
    late = events.head(50).with_columns(
        event_id=pl.format("late-{}", "event_id"), known_at=pl.lit(AS_OF, dtype=events.schema["known_at"])
    )
    later = items.with_columns(category=pl.lit("changed"), known_at=pl.col("known_at") + timedelta(days=200))
    peeking = known(pl.concat([events, future_events, late]), pl.concat([items, later]))
    assert_frame_equal(slates_of(model_of(plan, peeking)), slates_of(model_of(plan, knowledge)), check_exact=True)


@each_plan
def test_the_order_of_input_rows_is_irrelevant(
    plan: Plan, events: pl.DataFrame, items: pl.DataFrame, knowledge: Knowledge
) -> None:
    shuffled = known(events.sample(fraction=1.0, shuffle=True, seed=3), items.reverse())
    assert_frame_equal(slates_of(model_of(plan, shuffled)), slates_of(model_of(plan, knowledge)), check_exact=True)


@each_plan
def test_fitting_and_retrieving_leave_the_inputs_unchanged(plan: Plan, knowledge: Knowledge) -> None:
    source = source_of_plan(plan, SETTINGS)
    before = (knowledge.history.events.clone(), knowledge.history.users.clone(), knowledge.history.items.clone())
    users = knowledge.history.users.select("user_idx", "market")
    source.retrieve(source.fit(knowledge), users, 5)
    for table, copy in zip(
        (knowledge.history.events, knowledge.history.users, knowledge.history.items), before, strict=True
    ):
        assert_frame_equal(table, copy, check_exact=True)


@each_plan
def test_a_saved_model_gives_the_same_lists(
    plan: Plan, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = model_of(plan, knowledge)
    folder = tmp_path_factory.mktemp("model") / "saved"
    save(model, folder)
    assert_frame_equal(slates_of(load(folder)), slates_of(model), check_exact=True)


@pytest.mark.parametrize("pick", picks(), ids=lambda pick: f"{pick.rung}-{pick.variant}")
def test_a_source_never_proposes_more_than_k_nor_a_pair_twice(pick: Pick, knowledge: Knowledge) -> None:
    source: CandidateSource = source_of(pick, SETTINGS)
    users = knowledge.history.users.select("user_idx", "market")
    proposed = source.retrieve(source.fit(knowledge), users, 7)
    assert proposed.columns == ["user_idx", "item_idx", "score"]
    assert proposed.group_by("user_idx").len().filter(pl.col("len") > 7).is_empty()
    assert proposed.select("user_idx", "item_idx").is_unique().all()
    assert proposed["score"].is_finite().all()
