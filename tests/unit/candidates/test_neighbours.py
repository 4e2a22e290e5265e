"""Worked by hand on three users and four items: all events are 30 days old, so at that half-life each weighs .5."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from recsys.candidates import CandidateSource, ItemNeighbours, UserNeighbours, neighbours
from recsys.knowledge import Knowledge
from tests.unit import small_logs
from tests.unit.small_logs import AS_OF, MONTH

Pair = tuple[str, str]


def known(pairs: Sequence[Pair], gone: Sequence[str] = ()) -> Knowledge:
    """Each pair is an event 30 days ago; items that are gone are no longer on offer."""
    return small_logs.known([(*pair, 30.0) for pair in pairs], {item: {"available_to": AS_OF} for item in gone})


def scores(source: CandidateSource, knowledge: Knowledge, k: int = 10) -> dict[str, dict[str, float]]:
    """Return each user's items with their scores, best first; a stranger is asked for as well."""
    users, items = knowledge.history.users, knowledge.history.items
    strangers = users.head(1).with_columns(user_idx=pl.lit(50, pl.UInt32))
    asked = pl.concat([users, strangers]).select("user_idx", "market")
    found = source.retrieve(source.fit(knowledge), asked, k)
    assert set(found["user_idx"]) <= set(users["user_idx"])
    named = found.join(users, on="user_idx", maintain_order="left").join(items, on="item_idx", maintain_order="left")
    lists: dict[str, dict[str, float]] = {}
    for row in named.iter_rows(named=True):
        lists.setdefault(row["user_id"], {})[row["item_id"]] = row["score"]
    return lists


# Profiles: u = (a .5, b .5), v = (a .5, c .5), w = (b 1, d .5).
TASTES = [("u", "a"), ("u", "b"), ("v", "a"), ("v", "c"), ("w", "b"), ("w", "b"), ("w", "d")]
LIKE_V, LIKE_W = 1 / 2, 2 / math.sqrt(2 * 5)  # cosines of u with v and with w; v and w share nothing
V, W = LIKE_V / (LIKE_V + LIKE_W), LIKE_W / (LIKE_V + LIKE_W)


def test_similar_users_lend_their_profiles_by_how_similar_they_are() -> None:
    found = scores(UserNeighbours("near", MONTH), known(TASTES))
    assert found["u"] == pytest.approx({"b": W * 1.0, "d": W * 0.5, "a": V * 0.5, "c": V * 0.5})
    assert list(found["u"])[:2] == ["b", "d"]
    assert found["v"] == pytest.approx({"a": 0.5, "b": 0.5})  # u alone is like v
    assert found["w"] == pytest.approx({"a": 0.5, "b": 0.5})


def test_only_the_nearest_users_count() -> None:
    found = scores(UserNeighbours("near", MONTH, n_neighbours=1), known(TASTES))
    assert found["u"] == pytest.approx({"b": 1.0, "d": 0.5})


def test_neighbours_come_from_the_pool_of_the_most_active() -> None:
    found = scores(UserNeighbours("near", MONTH, n_pool=1), known(TASTES))
    assert found == {"u": pytest.approx({"b": 1.0, "d": 0.5})}  # the pool is w, who is no neighbour of their own


def test_what_is_no_longer_on_offer_makes_users_alike_but_is_not_proposed() -> None:
    found = scores(UserNeighbours("near", MONTH), known(TASTES, gone=["b"]))
    assert found["u"] == pytest.approx({"d": W * 0.5, "a": V * 0.5, "c": V * 0.5})


def test_a_user_like_nobody_gets_nothing() -> None:
    assert set(scores(UserNeighbours("near", MONTH), known([*TASTES, ("x", "only")]))) == {"u", "v", "w"}


@pytest.mark.parametrize("n_users", [1, 2, 5])
def test_neighbours_do_not_depend_on_how_many_users_are_asked_for_at_once(
    n_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, knowledge = UserNeighbours("near", MONTH), known(TASTES)
    together = scores(source, knowledge)
    monkeypatch.setattr(neighbours, "_USERS_PER_BLOCK", n_users)
    assert scores(source, knowledge) == together


# Two events each, so every mass is 1 and every level 1 / (1 + 1). u: x, y; v: x, y; w: x, z.
BASKETS = [(user, item) for user, items in (("u", "xy"), ("v", "xy"), ("w", "xz")) for item in items] * 2
SHARED = 0.25 / math.log(4)  # what a user of two items adds to each product
TOGETHER = ItemNeighbours("together", MONTH, MONTH)


def similarity(n_both: int, n_one: int, n_other: int, shrink: float = 1.0) -> float:
    return n_both * SHARED / math.sqrt((n_one * SHARED + shrink) * (n_other * SHARED + shrink))


def test_items_of_the_same_users_are_neighbours() -> None:
    x_y, x_z = similarity(2, 3, 2), similarity(1, 3, 1)
    found = scores(TOGETHER, known(BASKETS))
    # Each user has two seeds of share 1 / 2; nobody has y and z.
    assert found["u"] == pytest.approx({"x": x_y / 2, "y": x_y / 2, "z": x_z / 2})
    assert found["w"] == pytest.approx({"x": x_z / 2, "y": x_y / 2, "z": x_z / 2})
    assert next(iter(found["w"])) == "y"
    assert list(found["u"])[2] == "z"


def test_only_the_best_neighbours_of_an_item_count() -> None:
    found = scores(ItemNeighbours("together", MONTH, MONTH, n_neighbours=1), known(BASKETS))
    assert found["u"] == pytest.approx({"x": similarity(2, 3, 2) / 2, "y": similarity(2, 3, 2) / 2})


def test_only_the_heaviest_items_of_a_user_pair_up() -> None:
    heavy = [*BASKETS, *[("w", "x")] * 8]
    found = scores(ItemNeighbours("together", MONTH, MONTH, max_items=1), known(heavy))
    assert "z" not in found.get("u", {})


def test_heavy_users_count_less_for_each_pair() -> None:
    # p and q are in two baskets of two, r and s in two baskets of twelve.
    rows = [(f"p{i}", item) for i in range(2) for item in ("p", "q")]
    rows += [(f"r{i}", item) for i in range(2) for item in ("r", "s", *(f"other-{i}-{n}" for n in range(10)))]
    rows += [("asks", "p"), ("asks", "r")]
    found = scores(TOGETHER, known(rows))["asks"]
    assert found["q"] > found["s"] > 0


def test_an_item_that_is_gone_is_no_neighbour() -> None:
    assert "x" not in scores(TOGETHER, known(BASKETS, gone=["x"]))["u"]


def test_excluded_pairs_are_never_proposed() -> None:
    for source, pairs in ((UserNeighbours("near", MONTH), TASTES), (TOGETHER, BASKETS)):
        knowledge = known(pairs)
        had = knowledge.history.events.select("user_idx", "item_idx").unique()
        users = knowledge.history.users.select("user_idx", "market")
        found = source.retrieve(source.fit(knowledge), users, 10, had)
        assert found.join(had, on=["user_idx", "item_idx"], how="semi").is_empty()
        assert not found.is_empty()


@pytest.mark.parametrize("n_neighbours", [1, 3, 10, 39, 60])
def test_lists_do_not_depend_on_how_the_users_are_cut(n_neighbours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Forty users of one, two or three of six items: many are exactly as near as others.
    random = np.random.default_rng(0)
    rows = [(f"u{user}", f"i{item}") for user in range(40) for item in random.choice(6, random.integers(1, 4), False)]
    source, knowledge = UserNeighbours("near", MONTH, n_neighbours=n_neighbours), known(rows)
    found = []
    for at_once in (2_000, 7, 1):
        monkeypatch.setattr(neighbours, "_USERS_PER_BLOCK", at_once)
        found.append(scores(source, knowledge))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 40
