from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.errors import ConfigError
from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import CovisitSettings, StateSettings, build_state, prune_covisits, update_state
from recsys.state import pairs as pairs_module
from recsys.tables import EVENT_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)
SOLD = RewardSettings(
    target="sold", definitions={"sold": RewardDefinition(weights={"*": 1.0}, returns={"back": "buy"})}
)
Row = tuple[float, str | None, str, str | None]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def log(*rows: Row, kind: str = "buy") -> pl.DataFrame:
    """Make events from (day, user, item, basket)."""
    frame = pl.DataFrame(
        [(day(at), user, item, basket) for at, user, item, basket in rows],
        schema={name: EVENT_DTYPES[name] for name in ("event_time", "user_id", "item_id", "basket_id")},
        orient="row",
    ).with_row_index("event_id")
    frame = frame.with_columns(
        pl.format("{}{}", pl.lit(kind), "event_id").alias("event_id"), event_type=pl.lit(kind), known_at="event_time"
    )
    return conform(frame, EVENT_DTYPES, "events")


def settings(**more: object) -> StateSettings:
    day_long = {"half_lives": (timedelta(days=1),), "window": timedelta(days=2), "gap_half_life": timedelta(days=2)}
    return StateSettings(covisits=CovisitSettings.parse({**day_long, **more}, "test"))


def covisits(events: pl.DataFrame, as_of: float, **more: object) -> list[tuple[str, str, int, float]]:
    state = build_state(events, as_of=day(as_of), settings=settings(**more), rewards=SOLD)
    rows: list[tuple[str, str, int, float]] = state.covisits(day(as_of)).rows()
    return rows


def test_a_pair_is_directed_and_decays_with_gap_and_age() -> None:
    # gap of 2 days: 1/2; the later event is 1 day old: 1/2
    assert covisits(log((0, "u", "a", None), (2, "u", "b", None)), 3) == [("a", "b", 1, 0.25)]


def test_beyond_the_window_nothing_pairs() -> None:
    assert covisits(log((0, "u", "a", None), (2.1, "u", "b", None)), 3) == []


def test_one_instant_pairs_in_both_directions() -> None:
    events = log((0, "u", "a", None), (0, "u", "b", None), (0, "u", "a", None))  # a twice counts once
    assert covisits(events, 1) == [("a", "b", 1, 0.5), ("b", "a", 1, 0.5)]


def test_one_basket_pairs_in_both_directions_whatever_the_time_between() -> None:
    events = log((0, "u", "a", "p"), (1, "u", "b", "p"), (1, "u", "c", None))
    # a and b share a basket: weight 1 both ways, at the later time. c is after a: gap of 1 day, 2^-0.5; it shares the
    # instant with b.
    expected = [("a", "b", 1, 0.5), ("a", "c", 1, 2**-1.5), ("b", "a", 1, 0.5), ("b", "c", 1, 0.5), ("c", "b", 1, 0.5)]
    found = covisits(events, 2)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert [row[3] for row in found] == pytest.approx([row[3] for row in expected])


def test_anonymous_events_pair_inside_their_basket_only() -> None:
    events = log(
        (0, None, "a", "p"), (0, None, "b", "p"), (0, None, "c", "q"), (0, None, "d", None), (0, "p", "e", "p")
    )
    assert covisits(events, 1) == [("a", "b", 1, 0.5), ("b", "a", 1, 0.5)]


def test_an_item_does_not_pair_with_itself_and_users_do_not_mix() -> None:
    assert covisits(log((0, "u", "a", None), (1, "u", "a", None), (1, "v", "b", None)), 2) == []


def test_only_so_many_visits_back_pair() -> None:
    events = log((0, "u", "a", None), (0.1, "u", "b", None), (0.2, "u", "c", None))
    assert [row[:2] for row in covisits(events, 1, max_visits_back=1)] == [("a", "b"), ("b", "c")]
    assert covisits(events, 1, max_visits_back=0) == []


def test_a_late_visit_shifts_those_that_were_in_reach() -> None:
    events = log((0, "u", "a", None), (0.2, "u", "c", None), (0.1, "u", "b", None))
    late = events.with_columns(known_at=pl.Series([day(0), day(0.2), day(1)], dtype=EVENT_DTYPES["known_at"]))
    reach = settings(max_visits_back=1)
    state = build_state(late, as_of=day(1), settings=reach, rewards=SOLD)
    assert state.covisits(day(1)).select("item_id", "next_item_id").rows() == [("a", "c")]
    updated = update_state(state, late, as_of=day(2)).covisits(day(2))
    assert updated.select("item_id", "next_item_id").rows() == [("a", "b"), ("b", "c")]


def test_what_is_wholly_returned_does_not_pair() -> None:
    events = log((0, "u", "a", None), (0, "u", "b", None), (0, "u", "c", None))
    back = log((1, "u", "a", None), kind="back")
    assert [row[:2] for row in covisits(pl.concat([events, back]), 2)] == [("b", "c"), ("c", "b")]


def test_a_late_event_does_not_pair_with_what_was_returned_long_after() -> None:
    sales = log((1, "u", "b", None), (1, "u", "c", None))
    back = log((40, "u", "b", None), kind="back")
    late = log((0, "u", "a", None), kind="view").with_columns(known_at=pl.lit(day(50)).cast(EVENT_DTYPES["known_at"]))
    events = pl.concat([sales, back, late])
    state = build_state(events, as_of=day(45), settings=settings(), rewards=SOLD)
    assert state.covisits(day(45)).is_empty()
    updated = update_state(state, events, as_of=day(60)).covisits(day(60))
    assert updated.select("item_id", "next_item_id").rows() == [("a", "c")]


def test_a_large_visit_is_drawn_from_and_an_update_undoes_the_same_draw() -> None:
    events = log(*[(0, "u", item, None) for item in "abcdef"], (0, "v", "a", None), (0, "v", "b", None))
    late = log((0, "u", "g", None), kind="view").with_columns(known_at=pl.lit(day(1.5)).cast(EVENT_DTYPES["known_at"]))
    whole = pl.concat([events, late])
    few = settings(max_visit_items=3)
    state = build_state(whole, as_of=day(1), settings=few, rewards=SOLD)
    drawn = state.covisits(day(1))
    assert drawn["n_pairs"].sum() == 3 * 2 + 2  # three items of the large visit, and the small one as it is
    updated = update_state(state, whole, as_of=day(2)).covisits(day(2))
    assert updated.equals(build_state(whole, as_of=day(2), settings=few, rewards=SOLD).covisits(day(2)))


def test_what_is_drawn_of_a_large_visit_differs_between_instants() -> None:
    items = "abcdefghijklmnop"
    drawn = [
        {row[0] for row in covisits(log(*[(at, "u", item, None) for item in items]), 9, max_visit_items=4)}
        for at in (0, 1, 2)
    ]
    assert [len(one) for one in drawn] == [4, 4, 4]
    assert len({frozenset(one) for one in drawn}) == 3


def test_blocks_do_not_change_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(i / 10, "u", item, None) for i, item in enumerate("abcdabdcbadcab")]
    whole = covisits(log(*rows), 2)
    for name, size in (("_BLOCK_PAIRS", 2), ("_MOST_PAIRS", 3), ("_SAMPLE", 1)):
        monkeypatch.setattr(pairs_module, name, size)
    cut = covisits(log(*rows), 2)
    assert [row[:3] for row in cut] == [row[:3] for row in whole]
    assert [row[3] for row in cut] == pytest.approx([row[3] for row in whole], rel=1e-12)


def test_pruning_keeps_the_heaviest_of_each_item() -> None:
    events = log((0, "u", "a", None), (1, "u", "b", None), (1.5, "u", "c", None))
    state = build_state(events, as_of=day(2), settings=settings(), rewards=SOLD)
    # a -> b: 2^-0.5 x 2^-1 = .354; a -> c: 2^-0.75 x 2^-0.5 = .420
    pruned = prune_covisits(state, 1).covisits(day(2))
    assert pruned.select("item_id", "next_item_id").rows() == [("a", "c"), ("b", "c")]
    assert state.covisits(day(2)).height == 3
    with pytest.raises(ConfigError, match="n_next is 0"):
        prune_covisits(state, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"half_lives": ["0d"]}, "half-life 0:00:00 is not positive"),
        ({"half_lives": ["1d", "24h"]}, "half-life 1d is there twice"),
        ({"half_lives": []}, "at least 1 item"),
        ({"gap_half_life": "0d"}, "gap_half_life is not positive"),
        ({"window": timedelta(days=-1)}, "window is negative"),
        ({"max_visit_items": 1}, "greater than or equal to 2"),
    ],
)
def test_impossible_covisit_settings_are_refused(content: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CovisitSettings.parse(content, "here")


def test_impossible_half_lives_of_counters_are_refused() -> None:
    with pytest.raises(ConfigError, match="half-life 7d is there twice"):
        StateSettings.parse({"half_lives": ["7d", "1w"]}, "here")
