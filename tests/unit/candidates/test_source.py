"""The two operations that all sources share, against their plain definition."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.candidates import add_weighted, best_for_all, side_by_side, source

IDX = {"user_idx": pl.UInt32, "item_idx": pl.UInt32}
RANKING = pl.DataFrame({"item_idx": range(100, 0, -1), "score": np.linspace(9.0, 1.0, 100)}).cast(
    {"item_idx": pl.UInt32}
)


def pairs(rows: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=IDX, orient="row")


def scored(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={**IDX, "score": pl.Float64}, orient="row")


def drawn_exclusions() -> pl.DataFrame:
    """Users 0 to 39 hide from none to all of the ranking's items, and items outside it."""
    random = np.random.default_rng(0)
    hidden = [(user, int(item)) for user in range(40) for item in random.permutation(130)[: user * 4]]
    return pairs([*hidden, *((40, item) for item in range(1, 101))])


@pytest.mark.parametrize("k", [1, 7, 100, 150])
def test_every_user_gets_the_head_of_the_ranking_without_what_is_excluded(k: int) -> None:
    users = pl.DataFrame({"user_idx": [*range(40, -1, -1), 99]}, schema_overrides=IDX)  # 99 hides nothing
    exclude = drawn_exclusions()
    found = best_for_all(RANKING, users, k, exclude)
    everything = users.join(RANKING, how="cross", maintain_order="left_right")
    left = everything.join(exclude, on=["user_idx", "item_idx"], how="anti", maintain_order="left")
    expected = left.filter(pl.int_range(pl.len()).over("user_idx") < k)
    assert_frame_equal(found, expected, check_exact=True)


def test_a_user_with_a_long_past_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paired: list[int] = []
    heads = source._heads

    def counted(users: pl.DataFrame, ranking: pl.DataFrame, n: int) -> pl.DataFrame:
        found = heads(users, ranking, n)
        paired.append(found.height)
        return found

    monkeypatch.setattr(source, "_heads", counted)
    users = pl.DataFrame({"user_idx": range(1_000)}, schema_overrides=IDX)
    exclude = pairs([(0, item) for item in range(100, 10, -1)] + [(user, 100) for user in range(1, 500)])
    assert best_for_all(RANKING, users, 5, exclude).height == 5_000
    assert sum(paired) == 100 + 499 * 6 + 500 * 5  # all of the ranking, k + 1, and k


def test_without_exclusions_users_and_ranks_keep_their_order() -> None:
    users = pl.DataFrame({"user_idx": [3, 1, 2]}, schema_overrides=IDX)
    found = best_for_all(RANKING, users, 2, None)
    assert found.select("user_idx", "item_idx").rows() == [(3, 100), (3, 99), (1, 100), (1, 99), (2, 100), (2, 99)]


def test_no_users_get_no_lists() -> None:
    users = pl.DataFrame(schema={"user_idx": pl.UInt32})
    for exclude in (None, drawn_exclusions()):
        assert best_for_all(RANKING, users, 3, exclude).is_empty()


def test_a_part_whose_best_score_is_not_positive_adds_nothing() -> None:
    own = scored([(0, 1, 2.0), (0, 2, 1.0), (1, 1, 4.0)])
    other = scored([(0, 2, 0.0), (0, 3, 0.0), (1, 2, -1.0), (1, 3, -2.0)])
    wide = side_by_side([own, other])
    assert wide.rows() == [
        (0, 1, 1.0, 0.0),
        (0, 2, 0.5, 0.0),
        (1, 1, 1.0, 0.0),
        (0, 3, 0.0, 0.0),
        (1, 2, 0.0, 0.0),
        (1, 3, 0.0, 0.0),
    ]
    assert add_weighted(wide, [1.0, 0.3]).rows() == [(0, 1, 1.0), (0, 2, 0.5), (1, 1, 1.0)]
