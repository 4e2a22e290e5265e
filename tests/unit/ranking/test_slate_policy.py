"""Rules that reorder: caps, diversity and the slot for a new item, on pools made by hand."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.errors import ConfigError
from recsys.ranking.slate_policy import SlatePolicy, SlateSettings
from recsys.ranking.slate_policy.pool import Pool
from recsys.tables import vectors_table
from tests.unit.ranking.slate_pools import AS_OF, IDX, items_of, lists_of, policy_of, pool_of, ranked, ranking, users_of

ONE_EACH = {"caps": [{"most": 1, "first": 3}]}


def placed(policy: SlatePolicy, pool: pl.DataFrame, k: int, hidden: pl.DataFrame | None = None) -> list[list[int]]:
    users = users_of(pool["user_idx"].n_unique())
    return lists_of(policy.place(pool, users, k, hidden=hidden))


def test_every_rule_is_off_until_a_setting_turns_it_on() -> None:
    policy = SlatePolicy.of(SlateSettings(), {}, AS_OF)
    pool = pool_of(ranked(5))
    assert policy.names == ()
    assert policy.pooled(5) == policy.retrieved(5) == 5
    assert policy.place(pool, users_of(1), 5) is pool
    assert policy.excluded(None, users_of(1)) is None


def test_a_cap_lifts_what_stands_below_and_ends_where_it_says() -> None:
    policy = policy_of(ONE_EACH, items_of([1, 1, 1, 2, 2, 3]))
    assert placed(policy, pool_of(ranked(6)), 5) == [[0, 3, 5, 1, 2]]


def test_a_cap_gives_way_where_a_list_would_be_short() -> None:
    policy = policy_of(ONE_EACH, items_of([1, 1, 1, 2]))
    assert placed(policy, pool_of(ranked(4)), 3) == [[0, 3, 1]]


def test_items_without_a_category_are_not_capped() -> None:
    policy = policy_of(ONE_EACH, items_of([0, 0, 0, 1]))
    assert placed(policy, pool_of(ranked(4)), 3) == [[0, 1, 2]]


def test_several_caps_hold_together() -> None:
    items = items_of([1, 2, 3, 4, 5]).with_columns(brand=pl.Series([7, 7, 7, 7, 8], dtype=pl.UInt32))
    caps = {"caps": [{"most": 1, "first": 9}, {"by": "brand", "most": 2, "first": 3}]}
    assert placed(policy_of(caps, items), pool_of(ranked(5)), 4) == [[0, 1, 4, 2]]


def test_a_reordered_row_keeps_its_score_and_source_and_ranks_are_dense() -> None:
    pool = pool_of(ranked(6), ranked(2))
    slates = policy_of(ONE_EACH, items_of([1, 1, 1, 2, 2, 3])).place(pool, users_of(2), 4)
    assert slates.columns == pool.columns
    assert slates["rank"].to_list() == [1, 2, 3, 4, 1, 2]  # the second user has no more candidates
    told = ["user_idx", "item_idx", "score", "source"]
    assert slates.join(pool, on=told, how="semi").height == slates.height


def marginal_relevance(relevance: list[float], kinds: list[int], weight: float, k: int) -> list[int]:
    """The definition, item by item."""
    left, chosen = list(range(len(kinds))), list[int]()
    while len(chosen) < k:
        worth = [
            weight * relevance[i] - (1 - weight) * max((float(kinds[i] == kinds[j] > 0) for j in chosen), default=0.0)
            for i in left
        ]
        chosen.append(left.pop(int(np.argmax(worth))))
    return chosen


@pytest.mark.parametrize("weight", [0.0, 0.4, 0.8, 0.95])
def test_diversity_is_maximal_marginal_relevance(weight: float) -> None:
    random = np.random.default_rng(3)
    kinds = random.integers(0, 4, 30).tolist()
    scores = [sorted(random.random(12).tolist(), reverse=True) for _ in range(20)]
    items = [random.permutation(30)[:12].tolist() for _ in range(20)]
    policy = policy_of({"diversity": {"relevance_weight": weight}}, items_of(kinds))
    pool = pool_of(*(list(zip(i, s, strict=True)) for i, s in zip(items, scores, strict=True)))
    expected = []
    for mine, score in zip(items, scores, strict=True):
        relevance = [(s - score[-1]) / (score[0] - score[-1]) for s in score]
        order = marginal_relevance(relevance, [kinds[i] for i in mine], weight, 6)
        expected.append([mine[place] for place in order])
    assert placed(policy, pool, 6) == expected


def test_items_with_near_vectors_stand_apart_and_one_without_a_vector_is_like_none() -> None:
    vectors = np.array([[1, 0], [0.99, 0.1], [0, 1], [-1, 0]], np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    table = vectors_table("item_idx", np.arange(4, dtype=np.uint32), unit)
    settings = {"diversity": {"relevance_weight": 0.5, "by": "content"}}
    policy = policy_of(settings, items_of([1] * 5), vectors=table)
    pool = pool_of([(0, 5.0), (1, 4.9), (4, 4.8), (2, 4.7), (3, 1.0)])
    assert placed(policy, pool, 5) == [[0, 4, 2, 3, 1]]


def test_relevance_is_on_one_scale_and_rows_that_fill_up_go_on_below() -> None:
    own, filled = pool_of([(0, 900.0), (1, 300.0), (2, 100.0)]), pool_of([(3, 99.0), (4, 98.0)], source="popular")
    pool = Pool.build(pl.concat([own, filled]), users_of(1), items_of([1] * 5))
    assert pool.relevance.tolist() == [[1.0, 0.25, 0.0, -0.2, -0.4]]
    equal = Pool.build(pool_of([(0, 7.0), (1, 7.0)]), users_of(1), items_of([1] * 2))
    assert equal.relevance.tolist() == [[1.0, 1.0]]


SLOT = {"fresh": {"position": 2, "younger_than": "30d"}}


def test_the_slot_takes_the_best_new_candidate() -> None:
    policy = policy_of(SLOT, items_of([1] * 9, age={4: 3.0, 5: 1.0, 8: 2.0}), arrivals=ranking(8, 5, 4))
    assert placed(policy, pool_of(ranked(6)), 3) == [[0, 4, 1]]


def test_the_slot_takes_the_best_arrival_that_the_user_may_see_where_no_candidate_is_new() -> None:
    policy = policy_of(SLOT, items_of([1] * 9, age={6: 3.0, 7: 1.0, 8: 2.0}), arrivals=ranking(8, 7, 6))
    hidden = pl.DataFrame({"user_idx": [1, 1], "item_idx": [8, 7]}, schema_overrides=IDX)
    pool = pool_of(ranked(4), ranked(4))
    slates = policy.place(pool, users_of(2), 3, hidden=hidden)
    assert lists_of(slates) == [[0, 8, 1], [0, 6, 1]]
    assert slates.filter(pl.col("rank") == 2)["source"].to_list() == ["new_arrivals"] * 2
    assert slates.filter(pl.col("rank") == 2)["score"].to_list() == [0.0, 0.0]  # one below the lowest candidate


def test_the_slot_shows_nothing_blocked() -> None:
    blocked = pl.DataFrame({"item_idx": [8]}, schema_overrides=IDX)
    settings = {**SLOT, "blocked": ["i8"]}
    items = items_of([1] * 9, age={7: 1.0, 8: 2.0})
    policy = policy_of(settings, items, arrivals=ranking(8, 7), blocked=blocked)
    assert placed(policy, pool_of(ranked(4)), 3) == [[0, 7, 1]]


def test_without_a_new_item_the_position_goes_to_the_next_candidate() -> None:
    policy = policy_of(SLOT, items_of([1] * 6), arrivals=ranking())
    assert placed(policy, pool_of(ranked(6)), 3) == [[0, 1, 2]]


def test_an_arrival_never_leaves_a_gap_in_a_short_list() -> None:
    policy = policy_of({"fresh": {"position": 4}}, items_of([1] * 9, age={8: 2.0}), arrivals=ranking(8))
    assert placed(policy, pool_of(ranked(2), ranked(3)), 6) == [[0, 1], [0, 1, 2, 8]]


def test_the_slot_goes_before_a_cap() -> None:
    items = items_of([1, 2, 1, 2, 2], age={2: 1.0})
    policy = policy_of({**SLOT, **ONE_EACH}, items, arrivals=ranking())
    assert placed(policy, pool_of(ranked(5)), 3) == [[0, 2, 1]]


def test_the_list_of_a_user_does_not_depend_on_who_else_is_asked_for() -> None:
    settings = {
        **SLOT,
        **ONE_EACH,
        "diversity": {"relevance_weight": 0.7},
        "exploration": {"share": 0.5},
    }
    random = np.random.default_rng(5)
    policy = policy_of(settings, items_of(random.integers(0, 5, 60).tolist(), age={7: 1.0}), arrivals=ranking(7))
    n = 1_500  # more than one block
    lists = [[(int(i), 9.0 - place) for place, i in enumerate(random.permutation(60)[:9])] for _ in range(n)]
    pool, users = pool_of(*lists), users_of(n)
    together = policy.place(pool, users, 5)
    for user in (0, 1_023, 1_024, 1_499):
        mine = pl.col("user_idx") == user
        assert_frame_equal(policy.place(pool.filter(mine), users.filter(mine), 5), together.filter(mine))


def test_nobody_has_no_list() -> None:
    policy = policy_of(ONE_EACH, items_of([1]))
    empty = pool_of(ranked(1)).clear()
    assert_frame_equal(policy.place(empty, users_of(3), 5), empty)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"caps": [{"most": 1}]}, ("caps",)),
        ({"blocked": ["x"], "rest": "7d"}, ("blocked", "resting")),
        ({"exploration": {"share": 0.1}, "diversity": {"relevance_weight": 0.9}}, ("diversity", "exploration")),
        ({"fresh": {"position": 1}, "rest_of": {"milk": "1d"}}, ("resting", "fresh")),
    ],
)
def test_rules_are_named_and_can_be_left_out(settings: dict[str, object], names: tuple[str, ...]) -> None:
    policy = policy_of(settings, items_of([1]))
    assert policy.names == names
    assert policy.without(names[0]).names == names[1:]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"caps": [{"most": 0}]}, "caps.0.most"),
        ({"diversity": {"by": "colour"}}, "diversity.by"),
        ({"fresh": {"position": 0}}, "fresh.position"),
        ({"exploration": {"temperature": 0.0}}, "exploration.temperature"),
        ({"exploration": {"share": 1.1}}, "exploration.share"),
        ({"rest": "0s"}, "rest"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        SlateSettings.parse(settings, "here")
