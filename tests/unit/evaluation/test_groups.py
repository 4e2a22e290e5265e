import polars as pl
import pytest

from recsys.errors import ConfigError, DataError
from recsys.evaluation import UserGroups

USERS = pl.DataFrame({"user_id": ["a", "b", "c"], "user_idx": [2, 1, 0]})


def test_each_user_is_a_group_up_to_the_limit_and_groups_are_even_beyond_it() -> None:
    ids = pl.Series([f"u{i}" for i in range(8)])
    assert sorted(UserGroups.build(ids, seed=0).groups["group"]) == list(range(8))
    assert sorted(UserGroups.build(ids, seed=0, max_groups=4).groups["group"]) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_deal_depends_on_the_seed_and_not_on_the_order_or_repeats_of_users() -> None:
    ids = pl.Series([f"u{i}" for i in range(8)])
    deal = UserGroups.build(ids, seed=0).groups
    assert deal.equals(UserGroups.build(pl.concat([ids.reverse(), ids]), seed=0).groups)
    assert not deal.equals(UserGroups.build(ids, seed=1).groups)


def test_a_user_keeps_the_group_at_every_cutoff_whatever_the_dense_id() -> None:
    groups = UserGroups.build(USERS["user_id"], seed=0)
    first, second = groups.at(USERS), groups.at(pl.DataFrame({"user_id": ["c", "a"], "user_idx": [7, 9]}))
    assert first.group[0] == second.group[0]  # c is 0 and then 7
    assert first.group[2] == second.group[1]  # a is 2 and then 9


def test_scores_are_summed_by_group_and_nulls_are_not_counted() -> None:
    groups = UserGroups.build(USERS["user_id"], seed=0).at(USERS)
    scores = pl.DataFrame({"user_idx": [2, 0, 1], "ndcg": [0.5, 0.25, 0.125], "map": [None, 1.0, None]})
    sums = groups.sum(scores, ["ndcg", "map"])
    assert sums.totals[groups.group].tolist() == [[0.25, 1.0], [0.125, 0.0], [0.5, 0.0]]
    assert sums.counts[groups.group].tolist() == [[1, 1], [1, 0], [1, 0]]


@pytest.mark.parametrize("user_idx", [[0, 0], [0, 8]])
def test_repeated_or_unknown_users_are_refused(user_idx: list[int]) -> None:
    groups = UserGroups.build(USERS["user_id"], seed=0).at(USERS)
    with pytest.raises(DataError, match=f"scores: 1 of 2 rows are of unknown or repeated users; .*={user_idx[1]}"):
        groups.sum(pl.DataFrame({"user_idx": user_idx, "ndcg": [1.0, 1.0]}), ["ndcg"])


def test_a_cutoff_with_a_foreign_user_is_refused() -> None:
    groups = UserGroups.build(USERS["user_id"].head(2), seed=0)
    with pytest.raises(DataError, match="users: 1 of 3 are not of this evaluation; first: user_id=c"):
        groups.at(USERS)


def test_one_group_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_groups is 1; at least 2"):
        UserGroups.build(USERS["user_id"], seed=0, max_groups=1)


def test_no_user_is_an_error() -> None:
    with pytest.raises(DataError, match="0 users have a label"):
        UserGroups.build(USERS["user_id"].clear(), seed=0)
