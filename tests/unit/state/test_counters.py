from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.errors import ArtifactError, ConfigError, LeakageError
from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import StateSettings, build_state, merge_states, require_complete, update_state
from recsys.tables import EVENT_DTYPES, conform

START = datetime(2024, 1, 1, tzinfo=UTC)
SETTINGS = StateSettings(half_lives=(timedelta(days=1),))
SOLD = RewardSettings(
    target="sold",
    definitions={
        "sold": RewardDefinition(
            weights={"buy": 1.0}, transform="quantity", returns={"back": "buy"}, return_window=timedelta(days=9)
        )
    },
)
Row = tuple[float, str | None, str, str, float, float | None]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def log(*rows: Row) -> pl.DataFrame:
    """Make events from (day, user, item, event_type, quantity, day known if later)."""
    columns = ["event_time", "user_id", "item_id", "event_type", "quantity", "known_at"]
    full = [
        (day(at), user, item, kind, n, day(at if known is None else known)) for at, user, item, kind, n, known in rows
    ]
    frame = pl.DataFrame(full, schema={name: EVENT_DTYPES[name] for name in columns}, orient="row")
    market = pl.when(pl.col("user_id") == "u").then(pl.lit("north"))
    named = frame.with_row_index("event_id").with_columns(pl.col("event_id").cast(pl.String), market=market)
    return conform(named, EVENT_DTYPES, "events")


LOG = log(
    (0, "u", "a", "buy", 4.0, None),
    (1, "u", "a", "view", 1.0, None),
    (1, "v", "b", "buy", 2.0, None),
    (1, None, "a", "buy", 1.0, None),
    (3, "u", "a", "back", -4.0, None),
    (2, "v", "a", "buy", 8.0, 4),
)


def test_sums_are_weighted_by_age_and_anonymous_events_count_for_items() -> None:
    state = build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=SOLD)
    items = state.read("item", day(2)).select("item_id", "n_events", "n_reward_sold", "events_1d", "reward_sold_1d")
    # a: ages 2, 1, 1 -> 1/4 + 1/2 + 1/2; sold 4/4 + 1/2. b: age 1; sold 2/2
    assert items.rows() == [("a", 3, 2, 1.25, 1.5), ("b", 1, 1, 0.5, 1.0)]
    assert state.read("user", day(2)).select("user_id", "n_events", "events_1d").rows() == [
        ("u", 2, 0.75),
        ("v", 1, 0.5),
    ]
    pairs = state.read("user_item", day(2)).select("user_id", "item_id", "first_time", "last_time")
    assert pairs.rows() == [("u", "a", day(0), day(1)), ("v", "b", day(1), day(1))]
    markets = state.read("market_item", day(2)).select("market", "item_id", "n_events")
    assert markets.rows() == [("north", "a", 2)]


def test_a_return_takes_its_purchase_out_and_leaves_the_times() -> None:
    state = update_state(build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=SOLD), LOG, as_of=day(4))
    row = state.read("user_item", day(4)).row(0, named=True)
    assert (row["user_id"], row["n_events"], row["n_reward_sold"]) == ("u", 1, 0)
    assert (row["events_1d"], row["reward_sold_1d"]) == (0.125, 0.0)  # the view, three days old; exactly 0
    assert (row["first_time"], row["last_time"]) == (day(0), day(1))


def test_what_is_wholly_cancelled_reads_as_exactly_0() -> None:
    sales = [(0.3, "u", "a", "buy", 3.0, None), (0.9, "v", "a", "buy", 1.0, None), (0.2, "w", "a", "view", 1.0, None)]
    events = log(*sales, (2, "v", "a", "back", -1.0, None), (3.3, "u", "a", "back", -3.0, None))
    state = build_state(events, as_of=day(1), settings=SETTINGS, rewards=SOLD)
    for number in (3, 4):  # one return each; (x + y) - y - x leaves 1e-16 in floats
        state = update_state(state, events, as_of=day(number))
    assert state.read("item", day(4)).select("n_events", "n_reward_sold", "reward_sold_1d").row(0) == (1, 0, 0.0)


def test_a_purchase_that_arrives_with_its_return_still_dates_the_key() -> None:
    first = [(0, "u", "a", "buy", 1.0, None), (0.5, "u", "a", "back", -1.0, None), (2, "u", "a", "buy", 1.0, None)]
    events = log((-2, "v", "b", "buy", 1.0, None), *first)
    state = build_state(events, as_of=day(-1), settings=SETTINGS, rewards=SOLD)
    state = update_state(update_state(state, events, as_of=day(1)), events, as_of=day(3))
    row = state.read("user_item", day(3)).row(0, named=True)
    assert (row["item_id"], row["n_events"], row["first_time"], row["last_time"]) == ("a", 1, day(0), day(2))


def test_a_key_whose_events_are_all_returned_is_gone() -> None:
    events = log((0, "u", "a", "buy", 1.0, None), (1, "u", "a", "back", -1.0, None))
    state = update_state(build_state(events, as_of=day(1), settings=SETTINGS, rewards=SOLD), events, as_of=day(2))
    assert state.read("user_item", day(2)).is_empty()
    assert state.read("item", day(2)).is_empty()


def test_a_late_purchase_takes_over_a_return() -> None:
    events = log(
        (0, "u", "a", "buy", 1.0, None),
        (2, "u", "a", "back", -1.0, None),
        (1, "u", "a", "buy", 5.0, 3),  # known late, and the latest before the return
    )
    before = build_state(events, as_of=day(3), settings=SETTINGS, rewards=SOLD)
    assert before.read("item", day(3)).is_empty()
    after = update_state(before, events, as_of=day(4)).read("item", day(4))
    # the first purchase counts again: 2^-4; of the second 4/5 are left, 4 pieces: 4 x 2^-3
    assert after.select("n_events", "events_1d", "reward_sold_1d").row(0) == pytest.approx((2, 0.1875, 0.5625))


def test_a_late_event_counts_from_when_it_is_known_with_its_true_age() -> None:
    state = build_state(LOG, as_of=day(4), settings=SETTINGS, rewards=SOLD)
    assert "v" not in state.read("user_item", day(4)).filter(pl.col("item_id") == "a")["user_id"]
    late = update_state(state, LOG, as_of=day(5)).read("user_item", day(5)).filter(pl.col("item_id") == "a")
    assert late.filter(pl.col("user_id") == "v")["events_1d"].to_list() == [0.125]  # three days old


def test_categories_are_those_known_and_items_without_one_are_skipped() -> None:
    versions = pl.DataFrame({"item_id": ["a", "a", "b"], "category": ["old", "new", None]}).with_columns(
        known_at=pl.Series([day(0), day(3), day(0)], dtype=EVENT_DTYPES["known_at"])
    )
    state = build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=SOLD, items=versions)
    columns = ["user_id", "category", "n_events", "events_1d"]
    assert state.read("user_category", day(2)).select(columns).rows() == [("u", "old", 2, 0.75)]
    later = update_state(state, LOG, as_of=day(4), items=versions).read("user_category", day(4))
    assert later["category"].to_list() == ["new"]


def test_an_update_without_news_only_moves_the_instant() -> None:
    state = build_state(LOG, as_of=day(5), settings=SETTINGS, rewards=SOLD)
    later = update_state(state, LOG, as_of=day(6))
    assert later.as_of == day(6)
    assert later.segments == state.segments


def test_half_life_of_an_hour_survives_a_log_of_ten_years() -> None:
    events = log((0, "u", "a", "buy", 1.0, None), (3650, "u", "b", "buy", 1.0, None))
    fast = StateSettings(half_lives=(timedelta(hours=1),))
    state = build_state(events, as_of=day(1), settings=fast, rewards=SOLD)
    state = update_state(state, events, as_of=day(3651))
    assert state.read("item", day(3651))["events_1h"].to_list() == [0.0, 2.0**-24]


def test_updates_keep_few_segments() -> None:
    events = log(*[(i, f"u{i}", "a", "buy", 1.0, None) for i in range(40)])
    state = build_state(events, as_of=day(1), settings=SETTINGS, rewards=SOLD)
    for number in range(2, 41):
        state = update_state(state, events, as_of=day(number))
        assert len(state.segments) <= 7  # at most log2 of 4 x 40 rows
    assert state.read("item", day(40))["n_events"].to_list() == [40]


def test_reading_or_updating_to_an_earlier_instant_is_refused() -> None:
    state = build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=SOLD)
    with pytest.raises(LeakageError, match=r"known before 2024-01-03T00:00:00Z and is read as of 2024-01-02"):
        state.read("item", day(1))
    with pytest.raises(LeakageError, match=r"is as of 2024-01-03T00:00:00Z and cannot go back to 2024-01-02"):
        update_state(state, LOG, as_of=day(1))


def test_an_unknown_grain_is_refused() -> None:
    state = build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=SOLD)
    with pytest.raises(ConfigError, match="no grain 'covisits'; choose one of item, market_item, user, user_category"):
        state.read("covisits", day(2))


def test_states_under_other_settings_do_not_merge() -> None:
    one = build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=SOLD)
    other = build_state(LOG, as_of=day(2), settings=SETTINGS, rewards=RewardSettings())
    with pytest.raises(ConfigError, match="cannot be merged"):
        merge_states(one, other)


def test_a_history_imported_later_is_noticed() -> None:
    state = build_state(LOG[1:], as_of=day(2), settings=SETTINGS, rewards=SOLD)
    require_complete(state, LOG[1:])
    with pytest.raises(
        ArtifactError, match="it holds 3 interactions known before 2024-01-03T00:00:00Z, and the log has 4"
    ):
        require_complete(state, LOG)
