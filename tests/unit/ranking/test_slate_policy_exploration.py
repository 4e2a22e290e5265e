"""Exploration: what is drawn, for whom, and that the propensities on the rows are the frequencies of the draws."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.errors import SchemaError
from tests.unit.ranking.slate_pools import AS_OF, items_of, lists_of, policy_of, pool_of, ranked, ranking, users_of

N_USERS, N_SEEDS = 500, 40
SCORES = [(0, 1.0), (1, 0.8), (2, 0.5), (3, 0.0)]
"""Scores from 1 to 0, so that they are the relevances."""


def draws(settings: Mapping[str, Any], items: pl.DataFrame, k: int, **tables: pl.DataFrame) -> pl.DataFrame:
    """Many users with one pool, under many seeds: one row per list, its items and their propensities."""
    pool, users = pool_of(*[SCORES] * N_USERS), users_of(N_USERS)
    parts = []
    for seed in range(N_SEEDS):
        explored = {"share": 1.0, "temperature": 0.4, **settings.get("exploration", {}), "seed": seed}
        policy = policy_of({**settings, "exploration": explored}, items, AS_OF, **tables)
        slates = policy.place(pool, users, k)
        parts.append(slates.group_by("user_idx", maintain_order=True).agg("item_idx", "propensity"))
    return pl.concat(parts)


def assert_frequencies_match(lists: pl.DataFrame) -> None:
    """Compare, for every beginning of a list, how often it goes on in each way with the propensity of that way."""
    items, propensities = lists["item_idx"].to_list(), lists["propensity"].to_list()
    for position in range(len(items[0])):
        beginnings = Counter(tuple(row[:position]) for row in items)
        ways = Counter(tuple(row[: position + 1]) for row in items)
        told = {tuple(row[: position + 1]): p[position] for row, p in zip(items, propensities, strict=True)}
        for way, n in ways.items():
            of, p = beginnings[way[:-1]], told[way]
            assert abs(n - of * p) <= 4.5 * np.sqrt(of * p * (1 - p)) + 1e-9, (way, n / of, p)
        for beginning, n in beginnings.items():  # ways that were never drawn are rare
            seen = sum(p for way, p in told.items() if way[:-1] == beginning)
            assert seen <= 1 + 1e-9
            assert n * (1 - seen) < 25


def test_propensities_are_those_of_plackett_luce_and_the_frequencies_of_the_draws() -> None:
    lists = draws({}, items_of([0] * 4), 3)
    weight = np.exp(np.array([score for _, score in SCORES]) / 0.4)
    for items, propensity in lists.select("item_idx", "propensity").head(200).iter_rows():
        left = 1.0 - np.cumsum([0.0, *weight[items[:-1]]]) / weight.sum()
        assert propensity == pytest.approx(weight[items] / weight.sum() / left)
    assert lists["item_idx"].n_unique() == 24
    assert_frequencies_match(lists)


@pytest.mark.parametrize(
    "settings",
    [
        {"caps": [{"most": 1, "first": 2}]},
        {"diversity": {"relevance_weight": 0.6}},
        {"fresh": {"position": 2}},
        {"exploration": {"start": 2}},
        {"caps": [{"most": 1, "first": 2}], "diversity": {"relevance_weight": 0.6}, "fresh": {"position": 3}},
    ],
    ids=str,
)
def test_propensities_hold_whichever_rules_narrow_and_weigh_the_draw(settings: dict[str, Any]) -> None:
    items = items_of([1, 1, 2, 2, 3, 3], age={1: 2.0, 2: 2.0, 5: 1.0})
    lists = draws(settings, items, 4, arrivals=ranking(5))
    assert lists["item_idx"].n_unique() > 1
    assert_frequencies_match(lists)


def test_weighing_by_propensity_undoes_the_policy() -> None:
    lists = draws({}, items_of([0] * 4), 1)
    first = lists.select(item=pl.col("item_idx").list.first(), weight=1 / pl.col("propensity").list.first())
    assert first["weight"].mean() == pytest.approx(4, rel=0.05)  # the items that may stand there
    shares = first.group_by("item").agg(share=pl.col("weight").sum() / lists.height)
    assert shares["share"].to_list() == pytest.approx([1.0] * 4, rel=0.15)


EXPLORING = {"exploration": {"share": 0.2, "temperature": 0.3, "start": 3}}
ITEMS = items_of([0] * 8)


def explored(settings: Mapping[str, Any] = EXPLORING, *, n: int = 2_000, days: int = 0) -> pl.DataFrame:
    policy = policy_of(settings, ITEMS, as_of=AS_OF + timedelta(days=days))
    return policy.place(pool_of(*[ranked(8)] * n), users_of(n), 5)


def exploring_users(slates: pl.DataFrame) -> set[int]:
    return set(slates.filter(pl.col("propensity") < 1)["user_idx"])


def test_a_share_of_users_explores_from_a_position_on_and_all_others_have_propensity_1() -> None:
    slates = explored()
    who = exploring_users(slates)
    assert len(who) / 2_000 == pytest.approx(0.2, abs=0.03)
    assert slates.filter(pl.col("rank") < 3)["propensity"].unique().to_list() == [1.0]
    assert all(lists[:2] == [0, 1] for lists in lists_of(slates))
    others = lists_of(slates.filter(~pl.col("user_idx").is_in(sorted(who))))
    assert set(map(tuple, others)) == {(0, 1, 2, 3, 4)}


def test_who_explores_stays_and_what_is_drawn_changes_from_day_to_day_and_not_within_one() -> None:
    today, tomorrow = explored(), explored(days=1)
    assert_frame_equal(today, explored(), check_exact=True)
    assert exploring_users(today) == exploring_users(tomorrow)
    assert lists_of(today) != lists_of(tomorrow)
    later = policy_of(EXPLORING, ITEMS, as_of=AS_OF + timedelta(hours=23))
    pool, users = pool_of(*[ranked(8)] * 2_000), users_of(2_000)
    assert_frame_equal(later.place(pool, users, 5), today, check_exact=True)


def test_another_seed_draws_other_lists_for_other_users() -> None:
    again = explored({"exploration": {**EXPLORING["exploration"], "seed": 1}})
    assert exploring_users(again) != exploring_users(explored())


def test_a_cold_draw_takes_the_best() -> None:
    slates = explored({"exploration": {"share": 1.0, "temperature": 0.01}}, n=50)
    assert set(map(tuple, lists_of(slates))) == {(0, 1, 2, 3, 4)}
    assert slates.filter(pl.col("propensity") < 0.999).is_empty()


def test_users_without_ids_cannot_explore() -> None:
    with pytest.raises(SchemaError, match="exploration needs the column user_id"):
        policy_of(EXPLORING, ITEMS).place(pool_of(ranked(8)), users_of(1).drop("user_id"), 5)
