"""The derived identity of events."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.event_ids import CONTENT, numbered_id, row_key
from recsys.tables import EVENT_DTYPES, conform

ROW: dict[str, object] = {
    "user_id": "u",
    "item_id": "i",
    "event_type": "view",
    "event_time": datetime(2024, 1, 1, tzinfo=UTC),
    "known_at": datetime(2024, 1, 1, tzinfo=UTC),
    "value": 2.0,
    "quantity": 1.0,
    "price": 2.0,
    "basket_id": "b",
    "market": "GB",
    "position": 1,
    "propensity": 0.5,
}


def key_of(**changes: object) -> str:
    events = conform(pl.DataFrame([ROW | changes], schema_overrides=EVENT_DTYPES), EVENT_DTYPES, "row")
    return str(events.select(row_key(events)).item())


def test_the_key_of_a_row_never_changes() -> None:
    # md5 of: u US i US view US 1704067200000000 US bits(2.0) US bits(1.0) US bits(2.0) US b US GB US 1 US bits(0.5)
    # with bits(2.0) = 0x4000000000000000 = 4611686018427387904, bits(1.0) = 4607182418800017408,
    # bits(0.5) = 4602678819172646912 and US = U+001F
    assert key_of() == "4b709f996a04cc520633ec282ce61151"


@pytest.mark.parametrize("column", CONTENT)
def test_every_column_of_the_content_counts(column: str) -> None:
    assert key_of(**{column: None}) != key_of()


@pytest.mark.parametrize("column", ["event_id", "known_at"])
def test_identity_and_time_of_knowing_do_not_count(column: str) -> None:
    assert column not in CONTENT


def test_null_differs_from_empty_text_and_fields_cannot_run_together() -> None:
    assert key_of(basket_id=None) != key_of(basket_id="")
    assert key_of(basket_id="bG", market="B") != key_of(basket_id="b", market="GB")
    assert key_of(basket_id="GB", market=None) != key_of(basket_id=None, market="GB")


def test_negative_zero_is_zero() -> None:
    rows = [ROW | {"value": 0.0}, ROW | {"value": -0.0}]
    events = conform(pl.DataFrame(rows, schema_overrides=EVENT_DTYPES), EVENT_DTYPES, "rows")
    assert events.select(row_key(events)).n_unique() == 1
    assert key_of(value=-0.0) == key_of(value=0.0)


def test_repeats_are_numbered_from_the_second_on() -> None:
    frame = pl.DataFrame({"key": ["k", "k", "k"], "n": [1, 2, 11]})
    assert frame.select(numbered_id(pl.col("key"), pl.col("n"))).to_series().to_list() == ["k", "k-2", "k-11"]


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_two_values_share_a_key_only_if_they_are_equal(a: float, b: float) -> None:
    assert (key_of(value=a) == key_of(value=b)) == (a == b)
