from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from recsys.errors import ConfigError
from recsys.rewards import RewardDefinition, RewardSettings, attribute_exposures, fold_is_mature, label_pairs
from recsys.tables import EVENT_DTYPES, conform
from recsys.timeline import Fold

START = datetime(2024, 1, 1, tzinfo=UTC)
SOLD = RewardDefinition(weights={"buy": 1.0}, returns={"back": "buy"}, attribution_window=timedelta(days=2))


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def log(*rows: tuple[str, float, str, str | None]) -> pl.LazyFrame:
    """Make events from (event_type, day, item, user)."""
    names = ["event_type", "day", "item_id", "user_id"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_row_index("event_id")
    frame = frame.with_columns(
        pl.col("event_id").cast(pl.String), event_time=day(0) + pl.duration(hours=pl.col("day") * 24)
    )
    frame = frame.with_columns(pl.col("event_time").cast(EVENT_DTYPES["event_time"]))
    return conform(frame.with_columns(known_at="event_time"), EVENT_DTYPES, "events").lazy()


def only(**changes: Any) -> RewardSettings:
    return RewardSettings(target="sold", definitions={"sold": SOLD.model_copy(update=changes)})


FOLD = Fold(cutoff=day(10), horizon=timedelta(days=7), as_of=day(20))


def test_labels_are_the_positive_pairs_of_the_label_window() -> None:
    events = log(
        ("buy", 9, "a", "u"),  # history
        ("buy", 10, "b", "u"),
        ("buy", 11, "b", "u"),
        ("view", 12, "c", "u"),  # no reward
        ("buy", 12, "d", None),  # anonymous
        ("buy", 17, "e", "u"),  # after the window
    )
    expected = [("u", "b", 2.0, day(10))]
    assert label_pairs(events, FOLD, only()).rows() == expected


def test_a_return_known_by_as_of_removes_the_label_also_after_the_window() -> None:
    events = log(("buy", 16, "a", "u"), ("back", 19, "a", "u"), ("buy", 16, "b", "u"), ("back", 21, "b", "u"))
    assert label_pairs(events, FOLD, only())["item_id"].to_list() == ["b"]


def test_a_return_of_what_was_bought_before_the_window_changes_no_label() -> None:
    events = log(("buy", 9, "a", "u"), ("back", 11, "a", "u"), ("buy", 12, "a", "u"))
    assert label_pairs(events, FOLD, only())["reward_sold"].to_list() == [1.0]


def test_delay_halves_the_label_at_its_half_life() -> None:
    events = log(("buy", 10, "a", "u"), ("buy", 13, "b", "u"), ("buy", 16, "c", "u"))
    labels = label_pairs(events, FOLD, only(delay_half_life=timedelta(days=3)))
    assert labels["reward_sold"].to_list() == [1.0, 0.5, 0.25]


def test_every_named_reward_is_in_the_labels() -> None:
    settings = RewardSettings(target="sold", definitions={"sold": SOLD, "any": RewardDefinition()})
    events = log(("view", 11, "a", "u"), ("buy", 12, "a", "u"), ("view", 12, "b", "u"))
    assert label_pairs(events, FOLD, settings).rows() == [("u", "a", 1.0, 2.0, day(12))]


@pytest.mark.parametrize(("as_of", "expected"), [(18.9, False), (19, True)])
def test_a_fold_is_mature_once_the_attribution_window_has_passed(as_of: float, expected: bool) -> None:
    fold = Fold(cutoff=day(10), horizon=timedelta(days=7), as_of=day(as_of))  # 10 + 7 + 2 = 19
    assert fold_is_mature(fold, only()) is expected


def test_an_event_is_credited_to_the_latest_exposure_before_it() -> None:
    events = log(
        ("exposure", 0, "a", "u"),
        ("exposure", 1, "a", "u"),
        ("buy", 1, "a", "u"),  # at the time of the second
        ("buy", 2.9, "a", "u"),
        ("buy", 3, "a", "u"),  # 2 days after it: the window is over
        ("buy", 0.5, "a", "v"),  # another user
    )
    credited = attribute_exposures(events, only(), as_of=day(20))
    assert credited.select("event_id", "reward", "is_mature").rows() == [("0", 0.0, True), ("1", 2.0, True)]


def test_an_open_exposure_without_reward_is_unknown_not_zero() -> None:
    events = log(
        ("exposure", 0, "a", "u"), ("exposure", 1, "b", "u"), ("exposure", 1, "c", "u"), ("buy", 1.5, "c", "u")
    )
    credited = attribute_exposures(events, only(), as_of=day(2))
    # a: day 0 + 2 = now, so mature; b and c are open, and c has been bought
    assert credited.select("item_id", "reward", "is_mature").rows() == [
        ("a", 0.0, True),
        ("b", None, False),
        ("c", 1.0, False),
    ]


def test_credit_is_discounted_by_the_delay_after_the_exposure() -> None:
    events = log(("exposure", 0, "a", "u"), ("buy", 1, "a", "u"))
    credited = attribute_exposures(events, only(delay_half_life=timedelta(days=1)), as_of=day(9))
    assert credited["reward"].to_list() == [0.5]


def test_exposures_and_rewards_not_yet_known_are_not_seen() -> None:
    events = log(("exposure", 0, "a", "u"), ("buy", 1, "a", "u"), ("exposure", 1, "b", "u"))
    assert attribute_exposures(events, only(), as_of=day(1))["reward"].to_list() == [None]


def test_attribution_needs_a_window() -> None:
    with pytest.raises(ConfigError, match=r"rewards.definitions.sold: has no attribution_window"):
        attribute_exposures(log(("buy", 1, "a", "u")), only(attribution_window=None), as_of=day(1))
