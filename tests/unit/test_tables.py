from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.errors import SchemaError
from recsys.tables import EVENT_DTYPES, SLATE_DTYPES, Event, Slate, conform

NOW = datetime(2024, 3, 1, tzinfo=UTC)


def one_event(**changes: object) -> pl.DataFrame:
    row = {"event_id": "e", "item_id": "i", "event_type": "view", "event_time": NOW, "known_at": NOW} | changes
    return pl.DataFrame([row], schema=EVENT_DTYPES)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"known_at": NOW - timedelta(seconds=1)}, "known_when_it_happened_or_later"),
        ({"item_id": "a\x00b"}, "item_id|"),
        ({"user_id": "u" * 257}, "user_id|"),
        ({"event_type": "view\n"}, "event_type|"),
        ({"item_id": None}, "item_id|nullability"),
        ({"value": float("nan")}, "value|nan"),
        ({"price": float("inf")}, "price|inf"),
        ({"propensity": 0.0}, "propensity|min_exclusive"),
        ({"position": 0}, "position|min"),
    ],
)
def test_an_event_that_breaks_a_rule_is_filtered_by_it(changes: dict[str, object], rule: str) -> None:
    good, bad = Event.filter(one_event(**changes))
    assert good.is_empty()
    assert [name.startswith(rule) for name in bad.counts()] == [True]


def test_an_anonymous_event_is_a_good_one() -> None:
    assert Event.filter(one_event()).result.height == 1


@pytest.mark.parametrize("ranks", [[1, 3], [1, 1], [2, 3], [0, 1]])
def test_ranks_with_a_gap_a_tie_or_a_wrong_start_are_no_slate(ranks: list[int]) -> None:
    slates = pl.DataFrame(
        {
            "user_id": ["u", "u"],
            "item_id": ["a", "b"],
            "rank": ranks,
            "score": [1.0, 0.5],
            "source": ["s", "s"],
            "reason": ["r", "r"],
        },
        schema=SLATE_DTYPES,
    )
    assert not Slate.is_valid(slates)


def test_conform_refuses_a_column_of_another_type() -> None:
    with pytest.raises(SchemaError, match=r"letters: 1 column\(s\) of the wrong type: a is Int64, not String"):
        conform(pl.DataFrame({"a": [1]}), {"a": pl.String()}, "letters")
