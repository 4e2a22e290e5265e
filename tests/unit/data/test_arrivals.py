"""From arrived rows to the event contract, with reasons."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.data.arrivals import TimeBounds, parse_arrivals, reason_of
from recsys.data.importers.protocol import Arrivals
from recsys.data.quarantine import REASONS
from recsys.errors import SchemaError
from recsys.tables import EVENT_DTYPES, ArrivedEvent

NOW = datetime(2025, 1, 1, tzinfo=UTC)
BOUNDS = TimeBounds(earliest=datetime(1990, 1, 1, tzinfo=UTC), now=NOW)


def parse_row(**fields: object) -> dict[str, object]:
    row = {"user_id": "u", "item_id": "i", "event_type": "view", "event_time": "2024-01-01T00:00:00Z", **fields}
    return parse_arrivals(Arrivals(pl.DataFrame([row])), BOUNDS, "f").row(0, named=True)


def test_a_good_row_has_every_column_of_the_contract_and_no_reason() -> None:
    row = parse_row(value="2.50", quantity=" 2 ", position="3.0", propensity="1", market="GB")
    instant = datetime(2024, 1, 1, tzinfo=UTC)
    assert row == {
        **dict.fromkeys(EVENT_DTYPES),
        "user_id": "u",
        "item_id": "i",
        "event_type": "view",
        "event_time": instant,
        "known_at": instant,
        "value": 2.5,
        "quantity": 2.0,
        "market": "GB",
        "position": 3,
        "propensity": 1.0,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"item_id": None}, "item_id_missing"),
        ({"item_id": ""}, "item_id_missing"),
        ({"event_type": ""}, "event_type_missing"),
        ({"event_time": None}, "event_time_missing"),
        ({"event_time": "soon"}, "event_time_unreadable"),
        ({"event_time": "2024-01-01T00:00:00"}, "naive_timestamp"),
        ({"event_time": "1956-05-05"}, "event_time_too_old"),
        ({"event_time": "-431136000"}, "event_time_too_old"),  # 1956 in seconds
        ({"event_time": "2025-01-01T00:00:00.000001Z"}, "event_time_in_future"),
        ({"known_at": "later"}, "known_at_unreadable"),
        ({"known_at": "2024-06-01T00:00:00"}, "known_at_naive"),
        ({"known_at": "2025-06-01"}, "known_at_in_future"),
        ({"known_at": "2023-12-31"}, "known_at_before_event_time"),
        ({"value": "2,5"}, "value_not_a_number"),
        ({"quantity": "two"}, "quantity_not_a_number"),
        ({"price": "NaN"}, "price_not_finite"),
        ({"value": float("nan")}, "value_not_finite"),
        ({"value": "-inf"}, "value_not_finite"),
        ({"position": "first"}, "position_not_a_number"),
        ({"position": "1.5"}, "position_not_a_slot"),
        ({"position": "1e12"}, "position_not_a_slot"),
        ({"position": "nan"}, "position_not_a_slot"),
        ({"position": 0}, "position_out_of_range"),
        ({"propensity": 0.0}, "propensity_out_of_range"),
        ({"propensity": 1.1}, "propensity_out_of_range"),
        ({"propensity": "inf"}, "propensity_not_finite"),
        ({"user_id": "x" * 10**6}, "user_id_too_long"),
        ({"item_id": "é" * 129}, "item_id_too_long"),  # 258 bytes
        ({"basket_id": "a\x1fb"}, "basket_id_has_control_characters"),
        ({"market": "a\nb"}, "market_has_control_characters"),
        ({"event_id": "a\x00"}, "event_id_has_control_characters"),
        ({"event_type": "vi\x07ew"}, "event_type_has_control_characters"),
        ({"item_id": None, "event_time": "soon"}, "event_time_unreadable"),  # the first in the documented order
    ],
)
def test_a_bad_row_has_its_reason(fields: dict[str, object], reason: str) -> None:
    assert parse_row(**fields)["reason"] == reason
    assert reason in REASONS


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": None},
        {"user_id": "x" * 256},
        {"value": "", "price": None},
        {"event_time": "1990-01-01"},
        {"event_time": "2025-01-01"},
        {"known_at": "2024-06-01", "event_id": "mine"},
        {"event_type": "anything at all ✓"},
        {"position": 1, "propensity": 1.0},
    ],
)
def test_a_row_at_the_edge_of_the_contract_is_good(fields: dict[str, object]) -> None:
    assert parse_row(**fields)["reason"] is None


def test_empty_users_are_anonymous_and_integer_ids_become_their_decimal_text() -> None:
    frame = pl.DataFrame({"user_id": ["", None], "item_id": [7, -8], "event_type": "view", "event_time": "2024-01-01"})
    parsed = parse_arrivals(Arrivals(frame), BOUNDS, "f")
    assert parsed.select("user_id", "item_id", "reason").rows() == [(None, "7", None), (None, "-8", None)]


def test_categorical_identifiers_are_text() -> None:
    frame = pl.DataFrame({"user_id": "u", "item_id": "i", "event_type": ["view"], "event_time": "2024-01-01"})
    parsed = parse_arrivals(Arrivals(frame.cast({"event_type": pl.Categorical})), BOUNDS, "f")
    assert parsed["event_type"].to_list() == ["view"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"user_id": 17850.0}, "column user_id is Float64; identifiers are text or integers"),
        ({"item_id": [1]}, "column item_id is List"),
        ({"value": True}, "column value is Boolean, no number"),
        ({"event_time": 1.5}, "column event_time is Float64, no instant"),
        ({"event_time": NOW.replace(tzinfo=None)}, "without a time zone"),
    ],
)
def test_a_column_of_the_wrong_type_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        parse_row(**fields)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match=r"f: 2 column\(s\) missing: item_id, event_time"):
        parse_arrivals(Arrivals(pl.DataFrame({"event_type": ["view"]})), BOUNDS, "f")


def test_the_stamp_is_the_earliest_time_at_which_a_delivery_is_known() -> None:
    stamp = datetime(2024, 1, 2, tzinfo=UTC) - timedelta(microseconds=1)
    times = ["2024-01-01T12:00:00Z", "2024-01-02T00:00:00Z", "2023-06-01T00:00:00Z"]
    frame = pl.DataFrame(
        {"item_id": "i", "event_type": "view", "event_time": times, "known_at": [None, None, "2023-06-02"]}
    )
    bounds = TimeBounds(BOUNDS.earliest, NOW, known_at_stamp=stamp)
    known = parse_arrivals(Arrivals(frame), bounds, "f")["known_at"].to_list()
    # seen to be late; already known when it happens; delivered late whatever the sender says
    assert known == [stamp, datetime(2024, 1, 2, tzinfo=UTC), stamp]


def test_reasons_hit_their_own_rows_only() -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["a", None, "b", "c\n"],
            "event_type": "view",
            "event_time": ["2024-01-01", "2024-01-01", "soon", "2024-01-01"],
        }
    )
    reasons = parse_arrivals(Arrivals(frame), BOUNDS, "f")["reason"].to_list()
    assert reasons == [None, "item_id_missing", "event_time_unreadable", "item_id_has_control_characters"]


def test_every_rule_of_the_event_contract_has_a_documented_reason() -> None:
    broken = pl.DataFrame([dict.fromkeys(EVENT_DTYPES)], schema={**EVENT_DTYPES})
    _, failure = ArrivedEvent.filter(broken)
    rules = [name for name in failure.details().columns if name not in EVENT_DTYPES]
    assert len(rules) > 20
    assert {reason_of(rule) for rule in rules} <= set(REASONS)
