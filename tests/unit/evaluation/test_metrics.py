from math import log2

import polars as pl
import pytest

from recsys.errors import ConfigError, DataError
from recsys.evaluation import per_user_metrics


def slates(*lists: tuple[int, list[int]]) -> pl.DataFrame:
    rows = [(user, item, rank) for user, items in lists for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema=["user_idx", "item_idx", "rank"], orient="row")


def truth(*rows: tuple[int, int, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_idx", "item_idx", "reward"], orient="row")


def pairs(*rows: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["user_idx", "item_idx"], orient="row")


def test_every_metric_equals_its_value_worked_by_hand() -> None:
    # hits at ranks 1 (reward 1) and 3 (reward 4) of k = 3; the truth has 3 items
    scores = per_user_metrics(slates((0, [10, 11, 12])), truth((0, 10, 1.0), (0, 12, 4.0), (0, 99, 2.0)), k=3)
    row = scores.row(0, named=True)
    ideal = 1 + 1 / log2(3) + 1 / 2
    assert row == pytest.approx(
        {
            "user_idx": 0,
            "ndcg": (1 + 1 / 2) / ideal,
            "recall": 2 / 3,
            "precision": 2 / 3,
            "mrr": 1.0,
            "map": (1 / 1 + 2 / 3) / 3,
            "hit_rate": 1.0,
            "reward_ndcg": (1 * 1 + 4 / 2) / (4 + 2 / log2(3) + 1 / 2),
        }
    )


def test_the_ideal_is_truncated_at_the_depth() -> None:
    # five true items, k = 2, both places hit: nothing better is possible
    five = truth(*((0, item, 1.0) for item in range(5)))
    row = per_user_metrics(slates((0, [3, 1])), five, k=2, k_recall=2).row(0, named=True)
    assert row == {"user_idx": 0} | dict.fromkeys(row.keys() - {"user_idx"}, 1.0)


def test_recall_has_its_own_depth() -> None:
    scores = per_user_metrics(slates((0, [1, 2, 3])), truth((0, 3, 1.0)), k=2, k_recall=3)
    assert scores.select("recall", "hit_rate").row(0) == (1.0, 0.0)


def test_a_user_without_slate_scores_zero_and_one_without_truth_is_left_out() -> None:
    scores = per_user_metrics(slates((5, [1])), truth((3, 1, 1.0), (1, 2, 1.0)))
    assert scores["user_idx"].to_list() == [1, 3]
    assert scores.drop("user_idx").sum_horizontal().to_list() == [0.0, 0.0]


def test_no_slates_at_all_score_zero() -> None:
    scores = per_user_metrics(slates((0, [1])).clear(), truth((0, 1, 1.0)))
    assert scores["ndcg"].to_list() == [0.0]


def test_recall_is_split_into_repeats_and_new_items() -> None:
    # user 0 had item 1 (hit) before, and meets 2 (hit) and 3 (missed); user 1 has new items only
    scores = per_user_metrics(
        slates((0, [1, 2]), (1, [7])),
        truth((0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0), (1, 8, 1.0)),
        seen=pairs((0, 1), (0, 1), (1, 7)),
    )
    assert scores["recall_repeat"].to_list() == [1.0, None]
    assert scores["recall_explore"].to_list() == [0.5, 0.0]


def test_with_nothing_seen_all_items_are_new() -> None:
    scores = per_user_metrics(slates((0, [1])), truth((0, 1, 1.0)), seen=pairs((0, 1)).clear())
    assert scores.select("recall_repeat", "recall_explore").row(0) == (None, 1.0)


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="k=0, k_recall=20: a list depth is at least 1"):
        per_user_metrics(slates((0, [1])), truth((0, 1, 1.0)), k=0)


def test_an_empty_truth_is_refused() -> None:
    with pytest.raises(DataError, match="truth: 0 rows"):
        per_user_metrics(slates((0, [1])), truth((0, 1, 1.0)).clear())


@pytest.mark.parametrize("reward", [0.0, -1.0, float("nan"), float("inf"), None])
def test_a_reward_that_is_not_positive_is_refused(reward: float | None) -> None:
    bad = truth((0, 1, 1.0), (0, 2, 1.0)).with_columns(
        reward=pl.when(pl.col("item_idx") == 2).then(reward).otherwise("reward")
    )
    with pytest.raises(DataError, match=r"truth: 1 of 2 rows have a reward that is not positive .*item_idx=2"):
        per_user_metrics(slates((0, [1])), bad)


def test_a_pair_that_occurs_twice_in_the_truth_is_refused() -> None:
    with pytest.raises(
        DataError, match="truth: 2 of 3 rows have a pair that occurs twice; first: user_idx=0, item_idx=1"
    ):
        per_user_metrics(slates((0, [1])), truth((0, 1, 1.0), (0, 2, 1.0), (0, 1, 2.0)))
