from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.errors import ConfigError, LeakageError
from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import CovisitKind, CovisitSettings, DecayedState, StateSettings, build_state, update_state
from recsys.state.layout import Layout
from recsys.tables import EVENT_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)
WORTH = {"view": 0.0, "like": 0.5, "buy": 2.0}
KINDS: tuple[CovisitKind, ...] = ("covisit", "forward", "typed", "bought")
Row = tuple[float, str, str, str | None]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def log(*rows: Row) -> pl.DataFrame:
    """Make events of one user from (day, item, event_type, basket)."""
    frame = pl.DataFrame(
        [(day(at), item, kind, basket) for at, item, kind, basket in rows],
        schema={name: EVENT_DTYPES[name] for name in ("event_time", "item_id", "event_type", "basket_id")},
        orient="row",
    ).with_row_index("event_id")
    named = frame.with_columns(pl.col("event_id").cast(pl.String), user_id=pl.lit("u"), known_at="event_time")
    return conform(named, EVENT_DTYPES, "events")


def rewards(weights: dict[str, float]) -> RewardSettings:
    worth = RewardDefinition(weights=weights, returns={"back": "buy"})
    return RewardSettings(target="worth", definitions={"worth": worth})


def settings(*kinds: CovisitKind) -> StateSettings:
    flat = timedelta(days=10_000)  # so long that nothing fades
    return StateSettings(
        covisits=CovisitSettings(half_lives=(flat,), window=timedelta(days=9), gap_half_life=flat, kinds=kinds)
    )


def built(events: pl.DataFrame, weights: dict[str, float], kinds: tuple[CovisitKind, ...] = KINDS) -> DecayedState:
    return build_state(events, as_of=day(9), settings=settings(*kinds), rewards=rewards(weights))


def pairs(state: DecayedState, kind: CovisitKind) -> dict[str, float]:
    """Return the sum of every pair, named by its two items; what fades is rounded away."""
    rows = state.covisits(state.as_of, kind).drop("n_pairs").rows()
    return {x + y: round(mass, 1) for x, y, mass in rows}


EVENTS = log(
    (0, "a", "view", None),
    (1, "b", "buy", None),
    (2, "c", "like", "p"),
    (3, "d", "buy", "p"),
    (3, "e", "view", None),
)


def test_a_forward_pair_ends_in_a_later_visit_and_another_basket() -> None:
    found = pairs(built(EVENTS, WORTH), "forward")
    assert set(found) == {"ab", "ac", "ad", "ae", "bc", "bd", "be", "ce"}  # not cd and dc, nor de and ed
    assert set(pairs(built(EVENTS, WORTH), "covisit")) == {*found, "cd", "dc", "de", "ed"}


def test_a_typed_pair_weighs_what_its_second_event_is_worth() -> None:
    found = pairs(built(EVENTS, WORTH), "typed")
    assert found == {"ab": 2, "ac": 0.5, "ad": 2, "bc": 0.5, "bd": 2, "cd": 2, "dc": 0.5, "ed": 2}


def test_a_bought_pair_has_two_events_that_count_for_the_target() -> None:
    assert pairs(built(EVENTS, WORTH), "bought") == {"bc": 1, "bd": 1, "cd": 1, "dc": 1}


def test_types_that_are_not_named_have_the_weight_of_any_other() -> None:
    assert set(pairs(built(EVENTS, {"view": 0.0, "*": 3.0}), "typed").values()) == {3.0}
    assert pairs(built(EVENTS, {"view": 1.0}), "bought") == {"ae": 1}


def test_of_one_item_in_one_visit_the_most_worthy_event_counts() -> None:
    twice = log((0, "a", "buy", "p"), (0, "a", "view", None), (0, "b", "view", None), (0, "b", "buy", "q"))
    assert pairs(built(twice, WORTH), "bought") == {"ab": 1, "ba": 1}
    assert pairs(built(twice, WORTH), "typed") == {"ab": 2, "ba": 2}


def test_a_returned_purchase_leaves_the_view_beside_it() -> None:
    events = log((0, "a", "buy", None), (1, "b", "buy", None), (1, "b", "view", None), (2, "b", "back", None))
    before = build_state(events, as_of=day(2), settings=settings(*KINDS), rewards=rewards(WORTH))
    assert pairs(before, "bought") == {"ab": 1}
    after = update_state(before, events, as_of=day(9))
    assert pairs(after, "bought") == pairs(after, "typed") == {}
    assert pairs(after, "covisit") == pairs(after, "forward") == {"ab": 1}


def n_classes(weights: dict[str, float], *kinds: CovisitKind) -> int:
    return len(Layout(settings(*kinds), rewards(weights)).classes)


def test_kinds_that_the_rewards_make_equal_are_kept_once() -> None:
    same = {"*": 1.0}
    assert n_classes(same, *KINDS) == 2  # forward and not
    assert n_classes(same, "covisit", "typed", "bought") == 1
    assert n_classes({"*": 0.5, "buy": 2.0}, "bought") == 1
    state = built(EVENTS, same)
    assert state.covisits(day(9), "typed").equals(state.covisits(day(9)))
    assert state.covisits(day(9), "bought").equals(state.covisits(day(9)))


def test_only_pairs_that_some_kind_treats_differently_are_kept_apart() -> None:
    assert n_classes(WORTH, "covisit") == 1
    assert n_classes(WORTH, "forward") == 2
    assert n_classes(WORTH, "typed") == 3  # 0, 0.5 and 2
    assert n_classes(WORTH, "bought") == 2
    assert n_classes(WORTH, "typed", "bought") == 5  # 0; 0.5 and 2, each bought or not
    assert n_classes(WORTH, *KINDS) == 10


def test_a_kind_that_was_left_out_is_read_where_it_equals_one_that_is_there_and_refused_otherwise() -> None:
    assert pairs(built(EVENTS, {"*": 1.0}, ()), "typed") == pairs(built(EVENTS, {"*": 1.0}), "covisit")
    assert pairs(built(EVENTS, {"like": 1.0}, ("typed",)), "typed") == pairs(built(EVENTS, {"like": 1.0}), "typed")
    for kind in ("forward", "typed", "bought"):
        with pytest.raises(ConfigError, match=rf"state.covisits.kinds lacks '{kind}'; add it, and rebuild the state"):
            built(EVENTS, WORTH, ("covisit",)).covisits(day(9), kind)


def test_masses_are_what_covisits_reads_with_places_for_ids() -> None:
    state, items = built(EVENTS, WORTH), pl.Series(["a", "b", "c", "d", "e", "never"])
    for kind in KINDS:
        masses = state.covisit_masses(day(10), timedelta(days=10_000), items, kind)
        named = [(items[x], items[y], mass) for x, y, mass in masses.rows()]
        assert named == state.covisits(day(10), kind).drop("n_pairs").rows()
    some = state.covisit_masses(day(10), timedelta(days=10_000), pl.Series(["b", "d"]))
    assert some.select("item", "next_item").rows() == [(0, 1)]
    with pytest.raises(LeakageError, match="is read as of"):
        state.covisit_masses(day(8), timedelta(days=10_000), items)


def test_no_events_give_no_covisits_of_any_kind() -> None:
    for kind in KINDS:
        state = built(EVENTS.clear(), WORTH)
        assert state.covisits(day(9), kind).is_empty()
        assert state.covisit_masses(day(9), timedelta(days=10_000), pl.Series(dtype=pl.String), kind).is_empty()


def test_a_kind_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="kind 'typed' is there twice"):
        CovisitSettings.parse({"kinds": ["typed", "typed"]}, "here")
    with pytest.raises(ConfigError, match="kinds"):
        CovisitSettings.parse({"kinds": ["sold"]}, "here")
