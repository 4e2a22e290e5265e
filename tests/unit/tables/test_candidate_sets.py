import numpy as np

from recsys.tables import CandidateSet


def made(users: list[int], items: list[int]) -> CandidateSet:
    values = np.arange(len(users), dtype=np.float32)
    return CandidateSet(
        np.array(users, np.uint32), np.array(items, np.uint32), {"own": values}, {"own": values + np.float32(1)}
    )


def test_users_begin_where_they_change() -> None:
    candidates = made([3, 3, 5, 9, 9, 9], [1, 4, 0, 2, 3, 7])
    assert candidates.starts.tolist() == [0, 2, 3]
    assert candidates.sizes.tolist() == [2, 1, 3]
    assert len(candidates) == 6
    assert candidates.keys.tolist() == sorted(candidates.keys.tolist())


def test_no_candidates_have_no_users() -> None:
    candidates = made([], [])
    assert (len(candidates), candidates.starts.tolist(), candidates.sizes.tolist()) == (0, [], [])


def test_some_rows_keep_what_the_sources_said_of_them() -> None:
    candidates = made([3, 3, 5, 9], [1, 4, 0, 2])
    some = candidates.rows(np.array([False, True, False, True]))
    assert (some.user_idx.tolist(), some.item_idx.tolist()) == ([3, 9], [4, 2])
    assert (some.scores["own"].tolist(), some.ranks["own"].tolist()) == ([1.0, 3.0], [2.0, 4.0])
    assert some.sizes.tolist() == [1, 1]
    assert candidates.rows(np.array([1, 3])).keys.tolist() == some.keys.tolist()
