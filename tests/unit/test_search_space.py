"""What of a method can be tuned: values as a configuration writes them, and as the method takes them."""

from datetime import timedelta

import pytest

from recsys.errors import ConfigError
from recsys.search_space import (
    Grid,
    HalfLives,
    Numbers,
    Parameter,
    Space,
    Spans,
    Value,
    choices,
    read_values,
    written,
)

DAY = timedelta(days=1)
SPACE: Space = {"n": Numbers((1, 2)), "share": Numbers((0.0, 0.5)), "window": Spans((DAY,)), "life": HalfLives()}
GOOD: dict[str, Value] = {"n": 7, "share": 0.0, "window": "2d", "life": "3d"}
STATE: dict[Grid, list[timedelta]] = {"counters": [30 * DAY, DAY, 7 * DAY], "covisits": [30 * DAY, 60 * DAY]}


def test_a_setting_is_read_also_off_the_grid() -> None:
    assert read_values(SPACE, GOOD) == {"n": 7, "share": 0.0, "window": 2 * DAY, "life": 3 * DAY}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 1.5}, "n: 1.5 is no whole number"),
        ({"n": 0}, "n: 0 is not positive"),
        ({"n": "2"}, "n: '2' is no whole number"),
        ({"share": -0.1}, "share: -0.1 is not 0 or positive"),
        ({"share": "many"}, "share: 'many' is no number"),
        ({"window": 3}, "window: 3 is no duration; write it as 30d"),
        ({"window": "0d"}, "window: '0d' is not longer than nothing"),
        ({"life": "none"}, "life: 'none' is no duration"),
        ({"lifes": "3d"}, "lifes is unknown; known are n, share, window, life"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Value], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_values(SPACE, {**GOOD, **wrong})
    assert message in str(raised.value)


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match="share is missing; life is missing; n: 0 is not positive"):
        read_values(SPACE, {"n": 0, "window": "1d"})


@pytest.mark.parametrize(
    ("parameter", "current", "expected"),
    [
        (Numbers((1, 10)), 5, (1, 5, 10)),
        (Numbers((1, 10)), 10, (1, 10)),
        (Spans((DAY, 7 * DAY)), "2d", ("1d", "2d", "7d")),
        (HalfLives(), "7d", ("1d", "7d", "30d")),
        (HalfLives(or_none=True), "none", ("1d", "7d", "30d", "none")),
        (HalfLives("covisits"), "30d", ("30d",)),  # 60 d has no counter
    ],
)
def test_choices_ascend_and_hold_the_current_value(
    parameter: Parameter, current: Value, expected: tuple[Value, ...]
) -> None:
    assert choices(parameter, STATE, current) == expected


def test_what_is_read_is_written_again() -> None:
    assert {name: written(real) for name, real in read_values(SPACE, GOOD).items()} == GOOD
    assert written(HalfLives(or_none=True).read("none")) == "none"
