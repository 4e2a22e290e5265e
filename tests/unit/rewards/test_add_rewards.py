from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from recsys.rewards import RewardDefinition, RewardSettings, add_rewards
from recsys.tables import EVENT_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)


def log(*rows: dict[str, Any]) -> pl.DataFrame:
    """Make events of user u and item a, one a day in the order given unless a row says otherwise."""
    full = [
        {"event_id": str(i), "user_id": "u", "item_id": "a", "event_time": START + timedelta(days=i), **row}
        for i, row in enumerate(rows)
    ]
    frame = pl.DataFrame(full, schema_overrides=EVENT_DTYPES, infer_schema_length=None)
    return conform(frame.with_columns(known_at="event_time"), EVENT_DTYPES, "events")


def bought(quantity: float | None, **more: Any) -> dict[str, Any]:
    return {"event_type": "buy", "quantity": quantity, **more}


def returned(quantity: float | None, **more: Any) -> dict[str, Any]:
    return {"event_type": "back", "quantity": quantity, **more}


def rewards_of(events: pl.DataFrame, **definition: Any) -> list[float]:
    one = RewardDefinition(**{"returns": {"back": "buy"}, **definition})
    settings = RewardSettings(target="r", definitions={"r": one})
    rewards: list[float] = add_rewards(events, settings)["reward_r"].to_list()
    return rewards


def test_weights_follow_the_event_type_and_exposures_are_dropped() -> None:
    events = log(*({"event_type": name} for name in ("view", "exposure", "buy", "like")))
    assert rewards_of(events, weights={"buy": 5.0, "*": 0.5}) == [0.5, 5.0, 0.5]
    assert rewards_of(events, weights={"buy": 5.0}) == [0.0, 5.0, 0.0]


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("one", [1.0, 1.0, 1.0]),
        ("value", [7.0, 0.0, 0.0]),  # missing and negative values are worth nothing
        ("quantity", [2.0, 3.0, 0.0]),
        ("revenue", [6.0, 0.0, 0.0]),  # 3 x 2; no price; a quantity of 0
        ("log1p_value", [2.0794415416798357, 0.0, 0.0]),  # ln 8
        ("log1p_quantity", [1.0986122886681098, 1.3862943611198906, 0.0]),  # ln 3, ln 4
        ("log1p_revenue", [1.9459101490553132, 0.0, 0.0]),  # ln 7
    ],
)
def test_transform_shapes_the_amount(transform: str, expected: list[float]) -> None:
    events = log(bought(2.0, value=7.0, price=3.0), bought(3.0), bought(0.0, value=-1.0, price=float("nan")))
    assert rewards_of(events, transform=transform) == pytest.approx(expected)


def test_a_return_undoes_the_latest_purchase_by_its_share_of_the_quantity() -> None:
    # 1 of the later 4 comes back: 1 - 1/4
    assert rewards_of(log(bought(2.0), bought(4.0), returned(-1.0))) == [1.0, 0.75, 0.0]


def test_several_returns_add_up_to_at_most_all() -> None:
    # 1/4 + 2/4 = 3/4, then 3 more than was left
    assert rewards_of(log(bought(4.0), returned(-1.0), returned(-2.0))) == [0.25, 0.0, 0.0]
    assert rewards_of(log(bought(4.0), returned(-1.0), returned(-6.0))) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("n_bought", "n_returned"), [(None, -1.0), (4.0, None), (0.0, -1.0)])
def test_an_unknown_share_is_all_of_it(n_bought: float | None, n_returned: float | None) -> None:
    assert rewards_of(log(bought(n_bought), returned(n_returned))) == [0.0, 0.0]


def test_a_return_reaches_back_its_window_and_no_further() -> None:
    events = log(bought(1.0), returned(-1.0, event_time=START + timedelta(days=5)))
    assert rewards_of(events, return_window=timedelta(days=5)) == [0.0, 0.0]
    assert rewards_of(events, return_window=timedelta(days=5) - timedelta(seconds=1)) == [1.0, 0.0]


def test_a_return_at_the_time_of_two_purchases_takes_the_greatest_event_id() -> None:
    events = log(bought(1.0), bought(1.0), returned(-1.0)).with_columns(pl.lit(START).alias("event_time"))
    assert rewards_of(events.cast({"event_time": EVENT_DTYPES["event_time"]})) == [1.0, 0.0, 0.0]


def test_unmatched_and_anonymous_returns_change_nothing() -> None:
    assert rewards_of(log(returned(-1.0), bought(1.0))) == [0.0, 1.0]
    assert rewards_of(log(bought(1.0, user_id=None), returned(-1.0, user_id=None))) == [1.0, 0.0]
    assert rewards_of(log(bought(1.0), returned(-1.0, item_id="b"))) == [1.0, 0.0]
    assert rewards_of(log(bought(1.0), returned(-1.0, user_id="v"))) == [1.0, 0.0]


def test_only_the_type_that_is_undone_loses() -> None:
    assert rewards_of(log(bought(1.0), {"event_type": "view"}, returned(-1.0))) == [0.0, 1.0, 0.0]


def test_every_definition_has_its_column_and_its_returns() -> None:
    net = RewardDefinition(weights={"buy": 1.0}, transform="quantity", returns={"back": "buy"})
    gross = RewardDefinition(weights={"buy": 1.0}, transform="quantity")
    settings = RewardSettings(target="net", definitions={"net": net, "gross": gross})
    frame = add_rewards(log(bought(4.0), returned(-4.0)), settings)
    assert frame.select(settings.columns).rows() == [(0.0, 4.0), (0.0, 0.0)]
    assert frame["is_kept"].to_list() == [False, False]  # follows the target


def test_definitions_with_the_same_returns_match_them_alike() -> None:
    one = RewardDefinition(weights={"buy": 1.0}, returns={"back": "buy"})
    two = one.model_copy(update={"transform": "quantity"})
    settings = RewardSettings(target="one", definitions={"one": one, "two": two})
    frame = add_rewards(log(bought(4.0), returned(-1.0)), settings)
    assert frame.select(settings.columns).rows() == [(0.75, 3.0), (0.0, 0.0)]


def test_lazy_in_is_lazy_out() -> None:
    events = log(bought(1.0), bought(2.0))
    lazy = add_rewards(events.lazy(), RewardSettings())
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(add_rewards(events, RewardSettings()))
