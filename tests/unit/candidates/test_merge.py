"""Merging worked by hand with c = 20, and against its plain definition."""

import sys
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from recsys.candidates import merge
from recsys.tables import CandidateSet

NAN = float("nan")
SCHEMA = {"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64}


def proposed(*rows: tuple[int, int, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def pairs(candidates: CandidateSet) -> list[tuple[int, int]]:
    return list(zip(candidates.user_idx.tolist(), candidates.item_idx.tolist(), strict=True))


BROAD = proposed((1, 10, 5.0), (1, 11, 4.0), (1, 12, 3.0), (2, 30, 1.0))
NARROW = proposed((1, 12, 0.9), (1, 13, 0.8), (3, 40, 0.1))
PROPOSALS = {"broad": BROAD, "narrow": NARROW}


def test_a_source_adds_no_more_than_its_quota() -> None:
    found = merge(PROPOSALS, quotas={"broad": 2, "narrow": 1}, n_candidates=9)
    assert pairs(found) == [(1, 10), (1, 11), (1, 12), (2, 30), (3, 40)]  # 13 is second of a source that may add one


def test_the_items_on_which_sources_agree_stay() -> None:
    # 10: 1 / 21 = .0476; 11: 1 / 22 = .0455; 12: 1 / 23 + 1 / 21 = .0911
    for n_candidates, kept in ((3, [10, 11, 12]), (2, [10, 12]), (1, [12])):
        found = merge(PROPOSALS, quotas={"broad": 2, "narrow": 1}, n_candidates=n_candidates)
        assert [item for user, item in pairs(found) if user == 1] == kept


def test_scores_and_ranks_are_known_beyond_the_quota_and_nan_where_a_source_is_silent() -> None:
    found = merge(PROPOSALS, quotas={"broad": 2, "narrow": 1}, n_candidates=9)
    expected = {
        "broad": ([5.0, 4.0, 3.0, 1.0, NAN], [1, 2, 3, 1, NAN]),
        "narrow": ([NAN, NAN, 0.9, NAN, 0.1], [NAN, NAN, 1, NAN, 1]),
    }
    for name, (scores, ranks) in expected.items():
        np.testing.assert_array_equal(found.scores[name], np.array(scores, np.float32))
        np.testing.assert_array_equal(found.ranks[name], np.array(ranks, np.float32))
        assert found.scores[name].dtype == found.ranks[name].dtype == np.float32


def test_an_item_of_two_sources_is_one_candidate() -> None:
    found = merge(PROPOSALS, quotas={"broad": 9, "narrow": 9}, n_candidates=9)
    assert len(set(pairs(found))) == len(found) == 6
    assert pairs(found) == sorted(pairs(found))


def test_of_equally_good_items_the_one_with_the_smaller_number_stays() -> None:
    proposals = {"one": proposed((1, 8, 0.5)), "other": proposed((1, 5, 0.5))}
    assert pairs(merge(proposals, quotas={"one": 1, "other": 1}, n_candidates=1)) == [(1, 5)]


def test_no_proposals_are_no_candidates() -> None:
    found = merge({"one": proposed(), "other": proposed()}, quotas={"one": 3, "other": 3}, n_candidates=3)
    assert (len(found), found.sizes.tolist()) == (0, [])
    assert found.user_idx.dtype == found.item_idx.dtype == np.dtype(np.uint32)
    assert set(found.scores) == set(found.ranks) == {"one", "other"}
    assert len(found.scores["one"]) == 0


def drawn(seed: int) -> pl.DataFrame:
    """Each of some users is proposed up to 12 of 20 items, best first."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(0, 40, 1 + seed):
        items = random.permutation(20)[: random.integers(0, 13)]
        rows += [(user, int(item), float(10 - place)) for place, item in enumerate(items)]
    return proposed(*rows)


def plain_merge(
    proposals: Mapping[str, pl.DataFrame], quotas: Mapping[str, int], n_candidates: int
) -> list[tuple[int, int]]:
    ranks: dict[tuple[int, int], dict[str, int]] = {}
    for name, frame in proposals.items():
        for (user,), part in frame.group_by("user_idx", maintain_order=True):
            for rank, item in enumerate(part["item_idx"], start=1):
                ranks.setdefault((int(str(user)), item), {})[name] = rank
    joined = [pair for pair, of in ranks.items() if any(rank <= quotas[name] for name, rank in of.items())]
    fused = {pair: round(sum(1 / (20 + rank) for rank in ranks[pair].values()), 9) for pair in joined}
    kept = []
    for user in {pair[0] for pair in joined}:
        own = [pair for pair in joined if pair[0] == user]
        kept += sorted(own, key=lambda pair: (-fused[pair], pair))[:n_candidates]
    return sorted(kept)


@pytest.mark.parametrize("n_candidates", [1, 4, 7, 50])
@pytest.mark.parametrize("cells", [1, 60, 4_000_000])  # one user at a time, three, all
def test_merging_follows_its_definition(n_candidates: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[merge.__module__], "_CELLS", cells)
    proposals = {name: drawn(seed) for seed, name in enumerate(("one", "two", "three"))}
    quotas = {"one": 4, "two": 12, "three": 2}
    found = merge(proposals, quotas=quotas, n_candidates=n_candidates)
    assert pairs(found) == plain_merge(proposals, quotas, n_candidates)
    assert found.sizes.max() <= n_candidates
