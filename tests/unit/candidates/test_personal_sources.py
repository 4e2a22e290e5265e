"""Worked by hand on logs of a few events; `known` takes (user, item, age in days)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.candidates import (
    AllTimePopularity,
    Blend,
    CandidateSource,
    CategoryPopularity,
    CoVisits,
    ItemList,
    MarketPopularity,
    Part,
    PersonalHistory,
    Repurchase,
    WindowedPopularity,
)
from recsys.knowledge import Knowledge, gather
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, conform

AS_OF = datetime(2024, 4, 10, tzinfo=UTC)
DAY = timedelta(days=1)
Row = tuple[str, str, float]


def known(
    rows: Sequence[Row], *, markets: list[str] | None = None, categories: dict[str, str] | None = None
) -> Knowledge:
    times = [AS_OF - age * DAY for _, _, age in rows]
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "event_type": ["purchase"] * len(rows),
            "event_time": times,
            "known_at": times,
            "market": markets or [None] * len(rows),
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("market", "event_time", "known_at")},
    )
    named = categories or {}
    items = pl.DataFrame(
        {"item_id": list(named), "category": list(named.values()), "known_at": [AS_OF - 300 * DAY] * len(named)},
        schema={name: ITEM_DTYPES[name] for name in ("item_id", "category", "known_at")},
    )
    return gather(
        conform(frame, EVENT_DTYPES, "events").lazy(),
        as_of=AS_OF,
        rewards=RewardSettings(),
        state=StateSettings(),
        items=conform(items, ITEM_DTYPES, "items").lazy(),
    )


def lists(source: CandidateSource, knowledge: Knowledge, k: int = 10) -> dict[str, list[str]]:
    """Return each user's items, best first."""
    users = knowledge.history.users.select("user_idx", "market")
    found = source.retrieve(source.fit(knowledge), users, k)
    named = found.join(knowledge.history.users, on="user_idx", maintain_order="left").join(
        knowledge.history.items, on="item_idx", maintain_order="left"
    )
    return {str(user): part["item_id"].to_list() for (user,), part in named.group_by("user_id", maintain_order=True)}


def test_personal_history_prefers_the_recent_and_the_frequent() -> None:
    # h = 30 d: a = 2^-1 = .5; b = 2^-2 + 2^-2 = .5, less by their age of 61 days; c = 2^-(10/30) = .79
    rows = [("u", "a", 30), ("u", "b", 61), ("u", "b", 61), ("u", "c", 10)]
    assert lists(PersonalHistory("own", 30 * DAY, AllTimePopularity()), known(rows)) == {"u": ["c", "a", "b"]}


def test_a_popular_item_rises_among_the_own_ones_with_gamma() -> None:
    rows = [("u", "niche", 9), ("u", "hit", 10), ("v", "hit", 1), ("w", "hit", 1), ("x", "hit", 1)]
    recent = WindowedPopularity(28 * DAY)
    assert lists(PersonalHistory("own", 30 * DAY, recent, 0.0), known(rows))["u"] == ["niche", "hit"]
    assert lists(PersonalHistory("own", 30 * DAY, recent, 0.5), known(rows))["u"] == ["hit", "niche"]


def test_an_item_that_is_due_again_comes_before_one_that_was_just_bought() -> None:
    # Both are bought every 30 days by everybody; u bought "due" 30 days ago and "just" a day ago.
    others = [(user, item, age) for user in "vw" for item in ("due", "just") for age in (65, 35, 5)]
    rows = [
        *others,
        ("u", "due", 90),
        ("u", "due", 60),
        ("u", "due", 30),
        ("u", "just", 61),
        ("u", "just", 31),
        ("u", "just", 1),
    ]
    ranked = lists(Repurchase("again", 180 * DAY), known(rows))["u"]
    plain = lists(PersonalHistory("own", 180 * DAY, AllTimePopularity()), known(rows))["u"]
    assert plain == ["just", "due"]
    assert ranked == ["due", "just"]


def test_repurchase_without_any_repeat_keeps_the_order_of_the_history() -> None:
    assert lists(Repurchase("again", 30 * DAY), known([("u", "a", 5), ("u", "b", 1)])) == {"u": ["b", "a"]}


def test_co_visits_follow_the_direction_in_which_items_were_taken() -> None:
    # Others took "case" an hour after "phone", never the other way round.
    rows = [
        (user, item, age)
        for user, day in (("v", 5), ("w", 6), ("x", 7))
        for item, age in (("phone", day), ("case", day - 0.04))
    ]
    rows += [("u", "phone", 1.0), ("z", "case", 1.0)]
    found = lists(CoVisits("next", 30 * DAY, 7 * DAY), known(rows))
    assert found["u"] == ["case"]
    assert "z" not in found


def test_market_popularity_differs_by_market_and_leaves_strangers_to_the_fallback() -> None:
    rows = [("u", "tea", 1), ("v", "tea", 2), ("v", "milk", 2), ("w", "beer", 1), ("w", "beer", 2)]
    knowledge = known(rows, markets=["uk", "uk", "uk", "de", "de"])
    source = MarketPopularity("market", 7 * DAY)
    assert lists(source, knowledge) == {"u": ["tea", "milk"], "v": ["tea", "milk"], "w": ["beer"]}
    strangers = pl.DataFrame(
        {"user_idx": [90, 91], "market": [None, "fr"]}, schema={"user_idx": pl.UInt32, "market": pl.String}
    )
    assert source.retrieve(source.fit(knowledge), strangers, 5).is_empty()


def test_category_popularity_lists_the_best_of_what_the_user_likes() -> None:
    rows = [
        ("u", "t1", 1),
        ("u", "t1", 2),
        ("u", "s1", 3),
        ("v", "t2", 1),
        ("v", "t2", 1),
        ("w", "s2", 1),
        ("w", "x", 1),
    ]
    kinds = {"t1": "tea", "t2": "tea", "s1": "soap", "s2": "soap"}
    found = lists(CategoryPopularity("category", 7 * DAY, 30 * DAY), known(rows, categories=kinds))
    assert found["u"][:2] == ["t2", "t1"]  # tea is two thirds of u's taste, and t2 sold as often and later
    assert set(found["u"]) == {"t1", "t2", "s1", "s2"}  # x has no category


def test_a_blend_adds_the_scaled_scores_of_its_parts() -> None:
    own = PersonalHistory("own", 30 * DAY, AllTimePopularity())
    popular = ItemList("popular", AllTimePopularity())
    rows = [("u", "mine", 1), ("v", "hit", 1), ("w", "hit", 1), ("x", "hit", 1), ("x", "mid", 1), ("w", "mid", 1)]
    knowledge = known(rows)
    # u: mine = 1 + w / 3, hit = w, mid = 2 w / 3
    assert lists(Blend("blend", (Part(own, 1.0), Part(popular, 0.3))), knowledge)["u"] == ["mine", "hit", "mid"]
    assert lists(Blend("blend", (Part(own, 1.0), Part(popular, 3.0))), knowledge)["u"] == ["hit", "mine", "mid"]


@pytest.mark.parametrize("k", [1, 2])
def test_a_list_is_cut_at_k(k: int) -> None:
    rows = [("u", item, age) for item, age in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    assert lists(PersonalHistory("own", 30 * DAY, AllTimePopularity()), known(rows), k)["u"] == ["a", "b"][:k]
