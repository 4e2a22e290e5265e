import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.data.simulated import ShopSettings, SimulatedShop
from recsys.errors import ConfigError
from recsys.tables import EVENT_DTYPES, Event

SMALL = ShopSettings(n_users=150, n_items=60, n_days=20, n_categories=3, n_styles=2, staples_per_user=3.0)


def _events(settings: ShopSettings = SMALL, history: int = 0) -> pl.DataFrame:
    return pl.concat(SimulatedShop(settings, history).events())


def test_events_keep_the_contract() -> None:
    events = _events()
    assert dict(events.schema) == EVENT_DTYPES
    Event.validate(events)
    assert set(events["event_type"]) == {"exposure", "view", "cart", "purchase", "return"}


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_rows() -> None:
    assert_frame_equal(_events(), _events())
    other = _events(SMALL.model_copy(update={"seed": 1}))
    assert not other.drop("event_id").equals(_events().drop("event_id"))


def test_histories_share_the_world_but_no_event() -> None:
    one, two = SimulatedShop(SMALL), SimulatedShop(SMALL, history=1)
    assert_frame_equal(one.items(), two.items())
    assert_frame_equal(one.users(), two.users())
    events = [pl.concat(shop.events()) for shop in (one, two)]
    assert events[0].join(events[1], on="event_id").is_empty()
    assert events[0].join(events[1], on=["user_id", "item_id", "event_time"]).is_empty()


@pytest.mark.parametrize("days_per_frame", [1, 3, 100])
def test_the_length_of_a_block_changes_no_row(days_per_frame: int) -> None:
    frames = list(SimulatedShop(SMALL).events(days_per_frame=days_per_frame))
    assert len(frames) == -(-20 // days_per_frame)
    assert_frame_equal(pl.concat(frames), _events())


def test_a_day_drawn_alone_is_the_day_of_the_whole_run() -> None:
    shop = SimulatedShop(SMALL)
    days = pl.concat(shop.events(range(17, 19)))
    whole = [pl.concat(shop.events(range(day, day + 1))) for day in range(20)]
    assert_frame_equal(days, pl.concat(whole[17:19]))
    assert_frame_equal(pl.concat(whole), _events())


def test_sessions_stay_within_their_day_and_returns_within_the_run() -> None:
    shop = SimulatedShop(SMALL)
    events = pl.concat(shop.events(range(4, 5)))
    sessions = events.filter(pl.col("event_type") != "return")["event_time"]
    assert {instant.day for instant in sessions} == {5}
    returns = _events().filter(pl.col("event_type") == "return")
    assert returns.height > 0
    assert returns.filter(pl.col("event_time") >= shop.end).is_empty()


def test_days_outside_the_run_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"range\(19, 21\) reaches outside the run; choose days from 0 to 19"):
        list(SimulatedShop(SMALL).events(range(19, 21)))


def test_a_shop_may_have_days_on_which_nothing_happens() -> None:
    empty = ShopSettings(n_users=1, n_items=1, n_days=5, sessions_per_day=1e-9, staples_per_user=0.0)
    assert _events(empty).shape == (0, len(EVENT_DTYPES))
    launch = ShopSettings(n_users=50, n_items=1, n_days=30, new_item_share=1.0, shown_share=1.0)
    before = pl.concat(SimulatedShop(launch).events(range(1)))
    assert before.shape == (0, len(EVENT_DTYPES))


def test_purchases_have_basket_price_quantity_value_and_market() -> None:
    events = _events()
    bought = events.filter(pl.col("event_type").is_in(["purchase", "return"]))
    assert bought.select("basket_id", "price", "quantity", "value", "market").null_count().sum_horizontal().item() == 0
    assert bought.filter(pl.col("value") != pl.col("price") * pl.col("quantity")).is_empty()
    assert bought["quantity"].min() == 1.0
    assert (bought["quantity"] > 1.0).any()
    others = events.filter(~pl.col("event_type").is_in(["purchase", "return"]))
    assert others["basket_id"].null_count() == others.height


def test_a_basket_is_one_users_checkout_at_one_instant() -> None:
    purchases = _events().filter(pl.col("event_type") == "purchase")
    baskets = purchases.group_by("basket_id").agg(pl.col("user_id", "event_time").n_unique(), pl.len())
    assert baskets["user_id"].unique().to_list() == [1]
    assert baskets["event_time"].unique().to_list() == [1]
    assert (baskets["len"] > 1).any()


def test_users_and_items_carry_ids_that_sort_like_their_numbers() -> None:
    shop = SimulatedShop(SMALL)
    users, items = shop.users(), shop.items()
    assert users["user_id"][[0, 149]].to_list() == ["u000", "u149"]
    assert users["user_id"].is_sorted()
    assert items["item_id"].is_sorted()
    assert _events().join(users, on="user_id", how="anti").is_empty()
