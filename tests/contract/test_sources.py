"""What every entry of the ladder must keep, whatever it does: parametrised over the registry, the blend and rankers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.candidates import CandidateSource, ContinuedSource
from recsys.knowledge import Knowledge, gather
from recsys.ranking import RANKERS, FittedRanker, RankerName, Rows
from recsys.recommender import (
    FORMAT,
    RUNGS,
    Manifest,
    Model,
    Pick,
    Plan,
    RankerSet,
    RankingPlan,
    RecommenderSettings,
    TwoStage,
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
RANKINGS = (
    RankingPlan(rankers=("linear",), objectives={"interaction": 1.0}, cold="ranked", n_rounds={"linear": 1}, windows=2),
    RankingPlan(
        rankers=("linear", "lambdarank"),
        objectives={"interaction": 1.0, "sold": 0.5},
        cold="fallback",
        n_rounds={"linear": 1, "lambdarank": 9},
        windows=2,
    ),
)
PLANS += [Plan(ranking=ranking, fallback=FALLBACK, repeats="allow") for ranking in RANKINGS]
each_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.describe().replace(" ", "_"))


@cache
def fitted_ranker(objective: str, name: RankerName) -> FittedRanker:
    """Fit a ranker to noise: what it learned does not matter here."""
    names = [feature.name for feature in TwoStage(SETTINGS).features]
    random = np.random.default_rng(len(objective))
    grades, sizes = random.integers(0, 2, 400).astype(np.int32), np.full(20, 20)
    rows = Rows(random.random((400, len(names)), np.float32), grades, sizes, np.ones(400, np.float32))
    return RANKERS[name].fit(rows, names, n_rounds=9).ranker


def rankers_of(plan: Plan) -> RankerSet | None:
    if plan.ranking is None:
        return None
    keys = [(objective, name) for objective in plan.ranking.objectives for name in plan.ranking.rankers]
    return RankerSet(plan.ranking, {key: fitted_ranker(*key) for key in keys})


def model_of(plan: Plan, knowledge: Knowledge) -> Model:
    as_of = knowledge.as_of
    manifest = Manifest(format=FORMAT, as_of=as_of, log_version=0, config_digest="0", settings=SETTINGS, plan=plan)
    return fit(knowledge, manifest, rankers_of(plan))


def slates_of(model: Model, k: int = 10, repeats: str | None = None) -> pl.DataFrame:
    users = pl.Series([f"u{i:02d}" for i in range(30)] + ["stranger", "u03"])
    return pl.concat(model.recommend(users, k, repeats=repeats))


def known(events: pl.DataFrame, items: pl.DataFrame) -> Knowledge:
    return gather(events.lazy(), as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(), items=items.lazy())


@pytest.fixture(scope="module")
def again(events: pl.DataFrame, items: pl.DataFrame) -> Knowledge:
    """What is known, gathered a second time from the same inputs."""
    return known(events, items)


def tables_of(knowledge: Knowledge) -> dict[str, pl.DataFrame]:
    """Return every table that a source is given: the history and the decayed state."""
    history, state = knowledge.history, knowledge.state
    sums = {
        f"{name} of segment {number}": table.collect()
        for number, segment in enumerate(state.segments)
        for name, table in segment.tables.items()
    }
    own = {"events": history.events, "users": history.users, "items": history.items, "categories": state.categories}
    return own | sums


def copied(tables: Mapping[str, pl.DataFrame]) -> dict[str, bytes]:
    """Copy tables into buffers of their own: a clone shares its memory with the original."""
    copies = {}
    for name, table in tables.items():
        table.write_ipc(buffer := BytesIO())
        copies[name] = buffer.getvalue()
    return copies


def assert_unchanged(tables: Mapping[str, pl.DataFrame], copies: Mapping[str, bytes]) -> None:
    assert set(tables) == set(copies)
    for name, table in tables.items():
        assert_frame_equal(table, pl.read_ipc(BytesIO(copies[name])), check_exact=True)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


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
    source = source_of_plan(plan, SETTINGS, rankers_of(plan))
    before = copied(tables_of(knowledge))
    fitted = source.fit(knowledge)
    given = {
        **fitted,
        "users": knowledge.history.users.select("user_idx", "market"),
        "exclude": knowledge.history.events.select("user_idx", "item_idx").drop_nulls().unique(),
    }
    copies = copied(given)
    source.retrieve(fitted, given["users"], 5, given["exclude"])
    assert_unchanged(given, copies)
    assert_unchanged(tables_of(knowledge), before)


@each_plan
def test_the_same_inputs_give_the_same_bytes(
    plan: Plan, knowledge: Knowledge, again: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("models")
    models = {"one": model_of(plan, knowledge), "two": model_of(plan, knowledge), "three": model_of(plan, again)}
    for name, model in models.items():
        save(model, folder / name)
        save(model, folder / name)  # replaces itself
    one, two, three = (bytes_of(folder / name) for name in models)
    assert "model.json" in one
    assert "seen.parquet" in one
    assert one == two == three


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


CONTINUED = [pick for pick in picks() if isinstance(source_of(pick, SETTINGS), ContinuedSource)]


@pytest.mark.parametrize("pick", CONTINUED, ids=lambda pick: f"{pick.rung}_{pick.variant}".replace(" ", "_"))
def test_a_source_that_goes_on_learns_tables_of_the_same_kind(pick: Pick, knowledge: Knowledge) -> None:
    source = source_of(pick, SETTINGS)
    assert isinstance(source, ContinuedSource)
    learned = source.fit(knowledge)
    before = copied(learned)
    for go_on in (source.refit, source.refresh):
        tables = go_on(knowledge, learned)
        assert {name: table.schema for name, table in tables.items()} == {n: t.schema for n, t in learned.items()}
        assert tables["users"]["user_idx"].to_list() == learned["users"]["user_idx"].to_list()
        assert copied(go_on(knowledge, learned)) == copied(tables)
    assert copied(learned) == before  # what was learned earlier is unchanged
