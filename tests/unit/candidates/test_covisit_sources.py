"""Co-visit sources on logs of a few events; a row is (user, item, event type, age in days)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.candidates import CoVisits
from recsys.knowledge import Knowledge, gather
from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, conform

AS_OF = datetime(2024, 4, 10, tzinfo=UTC)
DAY = timedelta(days=1)
REWARDS = RewardSettings(target="sold", definitions={"sold": RewardDefinition(weights={"buy": 1.0})})
Row = tuple[str, str, str, float]


def known(rows: Sequence[Row], gone: Sequence[str] = ()) -> Knowledge:
    times = [AS_OF - age * DAY for _, _, _, age in rows]
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            **{name: [row[i] for row in rows] for i, name in enumerate(("user_id", "item_id", "event_type"))},
            "event_time": times,
            "known_at": times,
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("event_time", "known_at")},
    )
    ended = [AS_OF - DAY] * len(gone)
    items = pl.DataFrame(
        {"item_id": gone, "known_at": [AS_OF - 300 * DAY] * len(gone), "available_to": ended},
        schema={name: ITEM_DTYPES[name] for name in ("item_id", "known_at", "available_to")},
    )
    return gather(
        conform(frame, EVENT_DTYPES, "events").lazy(),
        as_of=AS_OF,
        rewards=REWARDS,
        state=StateSettings(),
        items=conform(items, ITEM_DTYPES, "items").lazy(),
    )


def lists(source: CoVisits, knowledge: Knowledge, k: int = 9) -> dict[str, list[str]]:
    """Return each user's items, best first."""
    users = knowledge.history.users
    found = source.retrieve(source.fit(knowledge), users.select("user_idx", "market"), k)
    named = found.join(users, on="user_idx").join(knowledge.history.items, on="item_idx").sort("user_id", "score")
    grouped = named.group_by("user_id").agg(pl.col("item_id").reverse())
    return dict(grouped.rows())


def source(**more: object) -> CoVisits:
    return CoVisits(**{"name": "next", "half_life": 30 * DAY, "seed_half_life": 7 * DAY, **more})  # type: ignore[arg-type]


# v looked at a case beside the phone, bought a phone and a strap, and bought a charger later.
ROWS = [
    ("v", "phone", "buy", 5.0),
    ("v", "case", "view", 5.0),
    ("v", "strap", "buy", 5.0),
    ("v", "charger", "buy", 4.0),
]
ASKS = [("u", "phone", "view", 1.0)]


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("covisit", {"case", "strap", "charger"}),
        ("forward", {"charger"}),
        ("typed", {"strap", "charger"}),
        ("bought", {"strap", "charger"}),
    ],
)
def test_a_kind_proposes_from_its_own_pairs(kind: str, items: set[str]) -> None:
    assert set(lists(source(kind=kind), known(ROWS + ASKS))["u"]) == items


def test_bought_needs_both_events_to_count() -> None:
    asks = [("u", "case", "view", 1.0)]
    assert lists(source(kind="bought"), known(ROWS + asks)).get("u") is None
    assert set(lists(source(kind="typed"), known(ROWS + asks))["u"]) == {"phone", "strap", "charger"}


def test_latest_seeds_are_those_of_the_last_visits_however_long_ago() -> None:
    pairs = [("v", "old", "buy", 9.0), ("v", "mate", "buy", 9.0), ("w", "new", "buy", 8.0), ("w", "pal", "buy", 8.0)]
    many = [("u", "old", "buy", 100.0 + i) for i in range(5)]
    knowledge = known([*pairs, *many, ("u", "new", "view", 60.0)])
    heavy, late = source(n_seeds=1, seed_half_life=DAY * 180), source(n_seeds=1, seed_half_life=DAY, seeds="latest")
    assert lists(heavy, knowledge, k=1)["u"] == ["mate"]
    assert lists(late, knowledge, k=1)["u"] == ["pal"]


def test_latest_seeds_share_by_time_before_the_last_event_and_no_state_half_life_is_needed() -> None:
    knowledge = known([("u", "a", "buy", 1000.0), ("u", "b", "buy", 1002.0), ("u", "c", "buy", 1002.0)])
    weights = source(seed_half_life=2 * DAY, seeds="latest").fit(knowledge)["seeds"]
    named = weights.join(knowledge.history.items, left_on="seed_idx", right_on="item_idx")
    assert dict(named.select("item_id", "weight").rows()) == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.25})


def test_each_item_keeps_its_most_similar_neighbours_and_ties_go_by_the_hash_of_the_item() -> None:
    rows = [("v", item, "buy", 5.0) for item in "abcdef"] + [("w", item, "buy", 5.0) for item in "ab"]
    knowledge = known(rows, gone="c")
    kept = source(n_neighbours=3).fit(knowledge)["neighbours"].filter(pl.col("seed_idx") == 0)
    ties = knowledge.history.items.filter(pl.col("item_id").is_in(["d", "e", "f"])).sort("tie")
    items = knowledge.history.items["item_id"].gather(kept["item_idx"])
    assert set(items) == {"b", *ties["item_id"].head(2)}  # b twice; d, e and f tie for two places; c is gone
    everything = source().fit(knowledge)["neighbours"].filter(pl.col("seed_idx") == 0)
    assert everything.height == 4
