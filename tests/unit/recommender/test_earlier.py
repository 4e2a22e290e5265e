"""Models that go on from earlier ones, on logs in which ids are numbered differently before and after."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.errors import ArtifactError, LeakageError
from recsys.knowledge import Knowledge, gather
from recsys.recommender import (
    FORMAT,
    Earlier,
    Manifest,
    Model,
    Origin,
    Pick,
    Plan,
    RecommenderSettings,
    continued_picks,
    fit,
    refresh,
)
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import Floats, matrix_of

START = datetime(2024, 1, 1, tzinfo=UTC)
EARLY, LATE = datetime(2024, 4, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)
SETTINGS = RecommenderSettings(n_factors=4)
POPULAR = Pick(rung="popularity_decayed", variant="half_life=7d")
FACTORS = Pick(rung="factors", variant="half_life=30d")
OWN = Pick(rung="personal", variant="half_life=30d gamma=0.3", weight=0.5)
ALONE = Plan(parts=(FACTORS,), fallback=POPULAR, repeats="allow")
BLEND = Plan(parts=(OWN, FACTORS), fallback=POPULAR, repeats="allow")
HEURISTIC = Plan(parts=(OWN,), fallback=POPULAR, repeats="allow")


def gathered(events: pl.DataFrame, as_of: datetime) -> Knowledge:
    return gather(events.lazy(), as_of=as_of, rewards=RewardSettings(), state=StateSettings())


@pytest.fixture(scope="module")
def early(events: pl.DataFrame) -> Knowledge:
    """What was known when u00, u01 and i00 had not come yet, so that all others have lower numbers."""
    return gathered(
        events.filter(~pl.col("user_id").is_in(["u00", "u01"]).fill_null(False), pl.col("item_id") != "i00"), EARLY
    )


@pytest.fixture(scope="module")
def late(events: pl.DataFrame) -> Knowledge:
    return gathered(events, LATE)


def learned(plan: Plan, knowledge: Knowledge, settings: RecommenderSettings = SETTINGS) -> Model:
    as_of = knowledge.as_of
    return fit(
        knowledge, Manifest(format=FORMAT, as_of=as_of, log_version=3, config_digest="d", settings=settings, plan=plan)
    )


def item_vectors(model: Model, prefix: str = "") -> dict[str, Floats]:
    tables = [model.tables[f"{prefix}{name}"] for name in ("items", "withdrawn")]
    items = pl.concat(tables).join(model.items, on="item_idx", maintain_order="left")
    return dict(zip(items["item_id"], matrix_of(items), strict=True))


def refreshed(model: Model, knowledge: Knowledge) -> Model:
    return refresh(model, knowledge, log_version=7, item_version=2)


def lists(model: Model, users: list[str], k: int = 10) -> pl.DataFrame:
    return pl.concat(model.recommend(pl.Series(users), k))


@pytest.mark.parametrize(("plan", "prefix"), [(ALONE, ""), (BLEND, "1.")], ids=["alone", "blend"])
def test_a_refresh_keeps_every_items_vector_under_its_own_id(
    plan: Plan, prefix: str, early: Knowledge, late: Knowledge
) -> None:
    model = learned(plan, early)
    later = refreshed(model, late)
    before, after = item_vectors(model, prefix), item_vectors(later, prefix)
    assert set(after) == set(before) == set(late.history.items["item_id"]) - {"i00"}
    assert all((after[item] == vector).all() for item, vector in before.items())
    numbers = [dict(one.items.select("item_id", "item_idx").rows()) for one in (model, later)]
    assert numbers[0]["i39"] + 1 == numbers[1]["i39"]  # ids were compared, not numbers


def test_a_refresh_places_new_users_and_shows_new_items_through_other_sources(
    early: Knowledge, late: Knowledge
) -> None:
    model = learned(BLEND, early)
    assert set(lists(model, ["u00"])["source"]) == {"popularity_decayed"}  # a stranger
    later = refreshed(model, late)
    rows = lists(later, ["u00", "u01", "u02"], 30)
    assert rows.filter(pl.col("rank") == 1)["source"].to_list() == ["blend"] * 3
    assert "i00" in rows.filter(pl.col("source") == "blend")["item_id"]
    factors = later.tables["1.users"].join(later.users, on="user_idx")["user_id"]
    assert {"u00", "u01"} <= set(factors)


def test_a_refresh_says_what_it_is(early: Knowledge, late: Knowledge) -> None:
    later = refreshed(learned(ALONE, early), late)
    facts = later.manifest
    assert (facts.as_of, facts.log_version, facts.item_version) == (LATE, 7, 2)
    assert facts.refreshed_from == Origin(as_of=EARLY, config_digest="d")
    assert facts.warm_start is None
    twice = refreshed(later, late)
    assert twice.manifest.refreshed_from == Origin(as_of=EARLY, config_digest="d")  # where it was trained
    assert_frame_equal(lists(twice, ["u00", "u02"]), lists(later, ["u00", "u02"]), check_exact=True)


def test_all_but_the_vectors_of_a_refresh_is_as_if_it_were_trained(early: Knowledge, late: Knowledge) -> None:
    later, trained = refreshed(learned(BLEND, early), late), learned(BLEND, late)
    for name, table in trained.tables.items():
        if name.startswith("0."):
            assert_frame_equal(later.tables[name], table, check_exact=True)
    for own in ("fallback", "last_resort", "users", "items", "seen"):
        assert_frame_equal(getattr(later, own), getattr(trained, own), check_exact=True)


def test_a_refresh_at_the_models_own_instant_keeps_nearly_every_list(late: Knowledge) -> None:
    model = learned(ALONE, late)
    users = model.users["user_id"].to_list()
    before, after = lists(model, users), lists(refreshed(model, late), users)
    same = before.join(after, on=["user_id", "item_id"], how="semi").height
    assert same > 0.85 * before.height


def test_what_becomes_known_at_or_after_the_instant_changes_no_byte(
    events: pl.DataFrame, future_events: pl.DataFrame, early: Knowledge
) -> None:
    model = learned(BLEND, early)
    one = refreshed(model, gathered(events, LATE))
    other = refreshed(model, gathered(pl.concat([future_events, events]), LATE))
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        assert_frame_equal(other.tables[name], table, check_exact=True)
    users = [f"u{i:02d}" for i in range(30)]
    assert_frame_equal(lists(other, users), lists(one, users), check_exact=True)


def test_a_warm_start_takes_vectors_by_id_and_comes_near_them(early: Knowledge, late: Knowledge) -> None:
    model = learned(ALONE, early)
    short = SETTINGS.model_copy(update={"n_warm_iterations": 1})
    warm = fit(late, model.manifest, fitted=Earlier.of(model, late.history).starting(late, short))
    before, after, cold = item_vectors(model), item_vectors(warm), item_vectors(learned(ALONE, late))
    assert set(after) == set(before) | {"i00"}
    likeness = [_cosines(before, other) for other in (after, cold)]
    assert likeness[0] > 0.9  # turned as the earlier ones are
    assert likeness[1] < 0.8


def _cosines(one: dict[str, Floats], other: dict[str, Floats]) -> float:
    pairs = [(one[name], other[name]) for name in one]
    return float(np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]))


def test_a_warm_start_learns_every_other_variant_as_without_one(early: Knowledge, late: Knowledge) -> None:
    earlier = Earlier.of(learned(BLEND, early), late.history)
    warm, cold = fit(late, learned(BLEND, late).manifest, fitted=earlier.starting(late, SETTINGS)), learned(BLEND, late)
    assert_frame_equal(warm.tables["0.pairs"], cold.tables["0.pairs"], check_exact=True)
    assert (matrix_of(warm.tables["1.items"]) != matrix_of(cold.tables["1.items"])).any()


def test_a_variant_that_the_earlier_model_lacks_is_named_with_those_that_it_has(
    early: Knowledge, late: Knowledge
) -> None:
    start = Earlier.of(learned(ALONE, early), late.history).starting(late, SETTINGS)
    message = r"has no factors \(no decay\) to start from; it has factors \(half_life=30d\); name a model of this"
    with pytest.raises(ArtifactError, match=message):
        start(Pick(rung="factors", variant="no decay"))
    none = Earlier.of(learned(HEURISTIC, early), late.history).starting(late, SETTINGS)
    with pytest.raises(ArtifactError, match="it has none"):
        none(FACTORS)


def test_a_plan_without_vectors_has_nothing_to_start_from_but_can_be_refreshed(
    early: Knowledge, late: Knowledge
) -> None:
    model = learned(HEURISTIC, early)
    assert continued_picks(model.manifest) == {}
    assert continued_picks(learned(BLEND, early).manifest) == {"1.": FACTORS}
    assert_frame_equal(
        lists(refreshed(model, late), ["u00"]), lists(learned(HEURISTIC, late), ["u00"]), check_exact=True
    )


def test_a_model_of_a_later_instant_is_refused(early: Knowledge, late: Knowledge) -> None:
    model = learned(ALONE, late)
    message = "learned as of 2024-05-01T00:00:00Z and knows the future of 2024-04-01T00:00:00Z; name a model of that"
    with pytest.raises(LeakageError, match=message):
        refreshed(model, early)
    assert Earlier.of(model, late.history).n_items == 40  # at the same instant there is no future


def test_a_model_of_another_home_is_refused(events: pl.DataFrame, early: Knowledge) -> None:
    other = gathered(events.with_columns(item_id=pl.lit("x-") + pl.col("item_id")), LATE)
    message = "knows 39 items, and this home knows 0 of them as of 2024-05-01T00:00:00Z; first: i01; name a model of"
    with pytest.raises(ArtifactError, match=message):
        refreshed(learned(ALONE, early), other)


def test_how_much_of_an_earlier_model_is_known_is_counted(early: Knowledge, late: Knowledge) -> None:
    earlier = Earlier.of(learned(ALONE, early), late.history)
    assert (earlier.n_users, earlier.n_items) == (28, 39)
