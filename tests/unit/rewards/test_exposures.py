"""Where items were shown in a label window: the first slot that was known in time."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.rewards import shown_positions
from recsys.tables import EVENT_DTYPES, EXPOSURE, conform
from recsys.timeline import Fold

START = datetime(2024, 1, 1, tzinfo=UTC)
FOLD = Fold(
    cutoff=START + timedelta(10), horizon=timedelta(7), as_of=START + timedelta(20), gap=timedelta(1)
)  # days 11 to 18

Row = tuple[float, str | None, str, int | None]


def log(*rows: Row, event_type: str = EXPOSURE, late: float = 0.0) -> pl.LazyFrame:
    """Make exposures from (day, user, item, position), known `late` days after they happen."""
    frame = pl.DataFrame(
        {
            "event_id": [str(number) for number in range(len(rows))],
            "user_id": [user for _, user, _, _ in rows],
            "item_id": [item for _, _, item, _ in rows],
            "event_type": event_type,
            "event_time": [START + timedelta(days=day) for day, _, _, _ in rows],
            "known_at": [START + timedelta(days=day + late) for day, _, _, _ in rows],
            "position": [position for _, _, _, position in rows],
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("event_time", "known_at", "position")},
    )
    return conform(frame, EVENT_DTYPES, "events").lazy()


def test_a_pair_has_the_slot_in_which_it_was_shown_first() -> None:
    events = log((13, "u", "a", 1), (12, "u", "a", 4), (12, "u", "b", 2), (12, "v", "a", 3))
    found = shown_positions(events, FOLD)
    assert found.rows() == [("u", "a", 4), ("u", "b", 2), ("v", "a", 3)]
    assert found.schema["position"] == pl.Int32


def test_of_several_slots_at_one_instant_the_highest_counts_whatever_the_order_of_the_rows() -> None:
    rows: list[Row] = [(12, "u", "a", 5), (12, "u", "a", 2), (12, "u", "a", 3)]
    for order in (rows, rows[::-1]):
        assert shown_positions(log(*order), FOLD).rows() == [("u", "a", 2)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((10.5, "u", "a", 1), "in the gap"),
        ((18, "u", "a", 1), "at the end of the window"),
        ((12, None, "a", 1), "anonymous"),
        ((12, "u", "a", None), "without a slot"),
    ],
)
def test_exposures_elsewhere_or_without_user_or_slot_are_left_out(row: Row, why: str) -> None:
    assert shown_positions(log(row, (11, "u", "b", 7)), FOLD).rows() == [("u", "b", 7)], why


def test_what_is_no_exposure_has_no_slot() -> None:
    assert shown_positions(log((12, "u", "a", 1), event_type="view"), FOLD).is_empty()


@pytest.mark.parametrize(("late", "n"), [(7.9, 1), (8, 0), (9, 0)])
def test_an_exposure_known_at_as_of_or_after_it_is_not_there(late: float, n: int) -> None:
    assert shown_positions(log((12, "u", "a", 1), late=late), FOLD).height == n  # 12 + 8 = 20
