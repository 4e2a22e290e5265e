from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys.data.simulated import ShopSettings, SimulatedShop
from recsys.data.simulated.draws import Floats
from recsys.errors import ConfigError, DataError
from recsys.tables import SLATE_DTYPES, Slate

DAY = timedelta(days=1)
# 70 days, so that everything bought in the span is back, if it comes back, before the end.
SMALL = ShopSettings(
    n_users=30, n_items=30, n_days=70, n_categories=3, n_styles=2, sessions_per_day=0.8, staples_per_user=4.0
)
SHOP = SimulatedShop(SMALL)
USERS = SHOP.users()["user_id"]
ITEMS = SHOP.items()["item_id"].unique().sort()
AT = SMALL.start + timedelta(days=20)
WEIGHTS = {"view": 0.1, "cart": 0.5, "purchase": 1.0, "return": -0.7}


def _expected(shop: SimulatedShop, at: datetime, horizon: timedelta) -> Floats:
    truth = shop.expected_reward(USERS, at, ITEMS, weights=WEIGHTS, horizon=horizon)
    return truth["expected_reward"].to_numpy().reshape(30, 30)


def _counted(shop: SimulatedShop, at: datetime, horizon: timedelta) -> Floats:
    """Rewards of the events of the span, a return at the instant of its purchase."""
    bought = pl.col("event_time").filter(pl.col("event_type") == "purchase").first().over("basket_id", "item_id")
    moment = pl.when(pl.col("event_type") == "return").then(bought).otherwise("event_time")
    rewards = (
        pl.concat(shop.events(range(20, 28)))
        .filter(moment >= at, moment < at + horizon, pl.col("event_type") != "exposure")
        .group_by("user_id", "item_id")
        .agg(pl.col("event_type").replace_strict(WEIGHTS, return_dtype=pl.Float64).sum())
    )
    pairs = pl.DataFrame({"user_id": USERS}).join(pl.DataFrame({"item_id": ITEMS}), how="cross")
    counted = pairs.join(rewards, on=["user_id", "item_id"], how="left", maintain_order="left")["event_type"]
    return counted.fill_null(0.0).to_numpy().reshape(30, 30)


def _z(differences: Floats) -> Floats:
    """Mean over histories in its standard errors; 0 where nothing ever happened nor was expected."""
    error = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    ratio = np.divide(differences.mean(axis=0), error, out=np.zeros_like(error), where=error > 0.0)
    return np.asarray(ratio, dtype=np.float64)


# From midnight the counts are exact. From 09:00 a few sessions run across either bound, as many in as out.
@pytest.mark.parametrize("offset", [timedelta(), timedelta(hours=9)])
def test_events_of_many_histories_are_worth_what_is_expected(offset: timedelta) -> None:
    shops = [SimulatedShop(SMALL, history) for history in range(120)]
    spans = [(shop, AT + offset, timedelta(days=7)) for shop in shops]
    counted = np.stack([_counted(*span) for span in spans])
    expected = np.stack([_expected(*span) for span in spans])
    assert counted.sum() > 20_000 * 0.1
    differences = counted - expected
    assert abs(_z(differences.sum(axis=(1, 2)))) < 3.0
    assert np.abs(_z(differences.sum(axis=2))).max() < 4.0
    assert np.abs(_z(differences.sum(axis=1))).max() < 4.0
    # Not only the margins: pairs thought more likely than usual for user and item are so by as much.
    margins = expected.sum(axis=2, keepdims=True) * expected.sum(axis=1, keepdims=True)
    interaction = expected - margins / expected.sum(axis=(1, 2), keepdims=True)
    assert abs(_z((differences * interaction).sum(axis=(1, 2)))) < 3.0
    assert (interaction * counted).sum() == pytest.approx((interaction * expected).sum(), rel=0.1)


def test_expectations_of_parts_of_a_span_add_up() -> None:
    # At the instant of conditioning nothing of the present cycle has arisen or not: take users without staples.
    shop = SimulatedShop(SMALL.model_copy(update={"staples_per_user": 0.0}))
    half = timedelta(hours=36)
    parts = _expected(shop, AT, half) + _expected(shop, AT + half, half)
    assert parts == pytest.approx(_expected(shop, AT, 2 * half))


def test_a_need_that_has_arisen_is_not_expected_again_in_its_cycle() -> None:
    # Nobody browses, so every purchase is of a staple; hardly anybody has the same one twice.
    settings = SMALL.model_copy(update={"n_users": 2_000, "sessions_per_day": 1e-9, "staples_per_user": 1.0})
    shop = SimulatedShop(settings)
    bought = pl.concat(shop.events(range(20, 21))).filter(pl.col("event_type") == "purchase")
    users = bought["user_id"].unique().sort()
    assert bought.height > 20
    before, after = (shop.expected_reward(users, at, horizon=DAY) for at in (AT, AT + DAY))
    due, left = (bought.join(truth, on=["user_id", "item_id"])["expected_reward"] for truth in (before, after))
    assert (due > 0.0).all()
    assert float(left.sum()) < 0.1 * float(due.sum())


def test_what_cannot_be_bought_in_the_span_is_worth_nothing() -> None:
    is_launched = SHOP.items().filter(pl.col("known_at") < AT + 2 * DAY)["item_id"].unique()
    truth = SHOP.expected_reward(USERS, AT, horizon=2 * DAY)
    unborn = truth.filter(~pl.col("item_id").is_in(is_launched.to_list()))
    assert unborn.height > 0
    assert unborn["expected_reward"].max() == 0.0
    joins_later = SHOP.users().filter(pl.col("joined_at") >= AT + 2 * DAY)["user_id"].to_list()
    assert joins_later
    assert truth.filter(pl.col("user_id").is_in(joins_later))["expected_reward"].max() == 0.0


def test_rewards_come_for_the_ids_asked_in_their_order() -> None:
    users, items = ["u03", "u01"], ["i20", "i05"]
    part = SHOP.expected_reward(users, AT, items)
    assert part.select("user_id", "item_id").rows() == [(user, item) for user in users for item in items]
    whole = SHOP.expected_reward(USERS, AT)
    assert whole.height == 900
    same = part.join(whole, on=["user_id", "item_id"], how="left", maintain_order="left")
    assert same["expected_reward"].to_list() == pytest.approx(same["expected_reward_right"].to_list())


def test_best_slates_hold_the_highest_expected_rewards_of_what_is_available() -> None:
    slates = SHOP.best_slates(USERS, AT, 5)
    assert dict(slates.schema) == SLATE_DTYPES
    Slate.validate(slates)
    on = (
        SHOP.items()
        .filter(pl.col("known_at") <= AT)
        .group_by("item_id", maintain_order=True)
        .last()
        .filter(pl.col("available_from").is_not_null(), pl.col("available_to").is_null())["item_id"]
    )
    truth = SHOP.expected_reward(USERS, AT, on)
    best = truth.sort("user_id", "expected_reward", "item_id", descending=[False, True, False]).group_by(
        "user_id", maintain_order=True
    )
    assert slates["item_id"].to_list() == best.head(5)["item_id"].to_list()
    assert slates["score"].to_list() == pytest.approx(best.head(5)["expected_reward"].to_list())


def test_lists_are_as_long_as_the_shelf_allows_and_no_user_asks_for_none() -> None:
    lengths = SHOP.best_slates(USERS, AT, 100).group_by("user_id").len()["len"]
    assert lengths.n_unique() == 1
    assert lengths[0] < 30
    assert SHOP.best_slates([], AT, 5).shape == (0, 6)
    assert SHOP.expected_reward([], AT).shape == (0, 3)


def test_large_questions_are_answered_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SHOP.best_slates(USERS, AT, 3)
    monkeypatch.setattr("recsys.data.simulated.answers._BLOCK_PAIRS", 100)
    assert SHOP.best_slates(USERS, AT, 3).equals(whole)


def test_an_exposure_is_worth_its_examination_times_its_attraction_times_its_funnel() -> None:
    shop = SimulatedShop(SMALL.model_copy(update={"shown_share": 1.0, "sessions_per_day": 8.0}))
    events = pl.concat(shop.events(range(20, 34)))
    shown = events.filter(pl.col("event_type") == "exposure")
    expected = 0.0
    for day in range(20, 34):
        at = SMALL.start + day * DAY
        today = shown.filter(pl.col("event_time") >= at, pl.col("event_time") < at + DAY)
        for position in range(1, 7):
            truth = shop.exposure_reward(USERS, at, weights={"view": 1.0}, position=position)
            here = today.filter(pl.col("position") == position)
            expected += float(here.join(truth, on=["user_id", "item_id"])["expected_reward"].sum())
    viewed = events.filter(pl.col("event_type") == "view", pl.col("position").is_not_null()).height
    # Views are Bernoulli draws, so the count's standard deviation is below the root of its mean.
    assert expected > 500
    assert abs(viewed - expected) < 4.0 * np.sqrt(expected)


def test_a_lower_position_earns_less_by_the_position_bias() -> None:
    top, third = (SHOP.exposure_reward(USERS, AT, position=position)["expected_reward"] for position in (1, 3))
    # 3 to the power of -1.
    assert (third / top).to_list() == pytest.approx([1.0 / 3.0] * 900)


@pytest.mark.parametrize(
    ("at", "horizon"), [(SMALL.start - DAY, 2 * DAY), (SHOP.end - DAY, 2 * DAY), (AT, timedelta())]
)
def test_a_span_outside_the_run_is_refused(at: datetime, horizon: timedelta) -> None:
    message = r"is empty or reaches outside the run; choose a span in \[2024-01-01T00:00:00Z, 2024-03-11T00:00:00Z\)"
    with pytest.raises(ConfigError, match=message):
        SHOP.expected_reward(USERS, at, horizon=horizon)
    with pytest.raises(ConfigError, match=message):
        SHOP.best_slates(USERS, at, 3, horizon=horizon)


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"users: 1 of 2 ids are unknown, first 'bob'; name distinct ids from u00 to u29"
    ):
        SHOP.expected_reward(["u01", "bob"], AT)
    with pytest.raises(DataError, match="items: 2 of 2 ids are repeated, first 'i01'"):
        SHOP.expected_reward(["u01"], AT, ["i01", "i01"])
    with pytest.raises(ConfigError, match="1 event type\\(s\\) earn no reward, first 'exposure'; use view, cart"):
        SHOP.expected_reward(["u01"], AT, weights={"exposure": 1.0})
    with pytest.raises(ConfigError, match="position is 0; positions start at 1"):
        SHOP.exposure_reward(["u01"], AT, position=0)
    with pytest.raises(ConfigError, match="k is 0; a list holds at least 1 item"):
        SHOP.best_slates(["u01"], AT, 0)
