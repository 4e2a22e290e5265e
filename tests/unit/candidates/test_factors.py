"""Matrix factors that go on from earlier ones: learned on from them, or kept while users are folded in."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.candidates import Factors, Tables
from recsys.errors import ArtifactError
from recsys.knowledge import Knowledge
from recsys.tables import Floats, matrix_of
from tests.unit import small_logs
from tests.unit.small_logs import AS_OF, DAY

FACTORS = Factors("factors", 30 * DAY, n_factors=4)
UNDECAYED = replace(FACTORS, half_life=None)
COARSE = replace(FACTORS, n_factors=2)  # as many as there are kinds
Row = tuple[str, str, float]

# Ten users of each kind take four of the kind's five items, each kind another one not.
TWO_KINDS: list[Row] = [
    (f"{kind}{user}", f"{kind}-{item}", 1.0 + user)
    for kind in "ab"
    for user in range(10)
    for item in range(5)
    if item != user % 5
]


def known(rows: list[Row], gone: tuple[str, ...] = ()) -> Knowledge:
    """Each row is (user, item, age in days); those gone are no longer on offer."""
    return small_logs.known(rows, {item: {"available_to": AS_OF - DAY} for item in gone})


def vectors(tables: Tables, knowledge: Knowledge) -> dict[str, Floats]:
    """Return every vector by the external id of its user or item."""
    items = pl.concat([tables["items"], tables["withdrawn"]]).join(knowledge.history.items, on="item_idx")
    users = tables["users"].join(knowledge.history.users, on="user_idx")
    named = [(users["user_id"], matrix_of(users)), (items["item_id"], matrix_of(items))]
    return {str(key): row for ids, rows in named for key, row in zip(ids, rows, strict=True)}


def solved(user: str, counts: dict[str, float], tables: dict[str, Floats], source: Factors) -> Floats:
    """Solve for one user in float64: x = (Y'Y + sum of (c - 1) y y' + regularization I)^-1 (sum of c y)."""
    items = {name: row.astype(np.float64) for name, row in tables.items() if "-" in name}
    left = sum(np.outer(y, y) for y in items.values()) + source.regularization * np.eye(source.n_factors)
    right = np.zeros(source.n_factors)
    for name, count in counts.items():
        confidence = source.alpha * count
        left = left + (confidence - 1) * np.outer(items[name], items[name])
        right += confidence * items[name]
    return np.asarray(np.linalg.solve(left, right), np.float64)


def listed(source: Factors, tables: Tables, knowledge: Knowledge, user: str, k: int = 5) -> list[str]:
    users = knowledge.history.users.filter(user_id=user).select("user_idx", "market")
    found = source.retrieve(tables, users, k).join(knowledge.history.items, on="item_idx", maintain_order="left")
    return found["item_id"].to_list()


def test_folding_in_solves_for_every_user_exactly_with_the_items_fixed() -> None:
    knowledge = known([*TWO_KINDS, ("a0", "a-1", 3.0)], gone=("b-2",))
    learned = UNDECAYED.fit(knowledge)
    before = vectors(learned, knowledge)
    after = vectors(UNDECAYED.refresh(knowledge, learned), knowledge)
    taken: dict[str, dict[str, float]] = {}
    for user, item, _ in [*TWO_KINDS, ("a0", "a-1", 3.0)]:
        taken.setdefault(user, {})[item] = taken.get(user, {}).get(item, 0.0) + 1.0
    assert taken["a0"]["a-1"] == 2.0
    for user, counts in taken.items():
        assert after[user] == pytest.approx(solved(user, counts, before, UNDECAYED), rel=1e-3, abs=1e-4)
    for name in before.keys() - taken.keys():
        assert (after[name] == before[name]).all()


def test_folding_in_at_the_same_instant_hardly_moves_what_was_learned() -> None:
    knowledge = known(TWO_KINDS)
    learned = FACTORS.fit(knowledge)
    again = FACTORS.refresh(knowledge, learned)
    for user in knowledge.history.users["user_id"]:
        assert listed(FACTORS, again, knowledge, user)[:4] == listed(FACTORS, learned, knowledge, user)[:4]


def test_a_new_user_is_folded_in_among_those_of_the_same_kind() -> None:
    learned = COARSE.fit(known(TWO_KINDS))
    later = known([*TWO_KINDS, ("z", "b-0", 0.5), ("z", "b-1", 0.5)])  # the last user, so all numbers stay
    found = listed(COARSE, COARSE.refresh(later, learned), later, "z")
    assert sorted(found) == [f"b-{item}" for item in range(5)]  # also the three that the user never had


def test_an_item_without_an_earlier_vector_has_none_and_a_user_of_such_items_alone_neither() -> None:
    learned = FACTORS.fit(known(TWO_KINDS))
    later = known([*TWO_KINDS, ("y", "new", 0.5), ("z", "new", 0.5), ("z", "b-0", 0.5)])
    after = vectors(FACTORS.refresh(later, learned), later)
    assert "new" not in after
    assert "y" not in after
    assert after.keys() >= {"z", "a0", "b-4"}


def test_nobody_can_be_folded_in_where_no_earlier_item_was_taken() -> None:
    learned = FACTORS.fit(known(TWO_KINDS))
    none = {name: table.head(0) for name, table in learned.items()}
    tables = FACTORS.refresh(known(TWO_KINDS), none)
    assert {name: table.height for name, table in tables.items()} == {"users": 0, "items": 0, "withdrawn": 0}


def test_an_item_that_is_withdrawn_keeps_its_vector_and_may_come_back() -> None:
    offered, gone = known(TWO_KINDS), known(TWO_KINDS, gone=("a-3",))
    learned = FACTORS.fit(gone)
    assert learned["withdrawn"].height == 1
    back = FACTORS.refresh(offered, learned)
    assert back["withdrawn"].is_empty()
    assert "a-3" in listed(FACTORS, back, offered, "a0")
    assert "a-3" not in listed(FACTORS, FACTORS.refresh(gone, back), gone, "a0", 10)
    assert_frame_equal(FACTORS.refresh(gone, back)["withdrawn"], learned["withdrawn"])


def test_a_warm_start_goes_on_where_the_earlier_vectors_were() -> None:
    knowledge = known(TWO_KINDS)
    source = replace(FACTORS, n_iterations=30, n_warm_iterations=1)
    learned = source.fit(knowledge)
    before, after = vectors(learned, knowledge), vectors(source.refit(knowledge, learned), knowledge)
    seeded = vectors(replace(source, n_iterations=1).fit(knowledge), knowledge)
    for name, vector in before.items():
        assert np.linalg.norm(after[name] - vector) < 0.02 * np.linalg.norm(vector)  # all but converged before
        assert np.linalg.norm(seeded[name] - vector) > 0.2 * np.linalg.norm(vector)


def test_a_warm_start_learns_vectors_for_new_users_and_items() -> None:
    learned = COARSE.fit(known(TWO_KINDS))
    rows = [*TWO_KINDS, *((f"b{user}", "c-new", 0.5) for user in range(10)), ("z", "c-new", 0.5), ("z", "b-1", 0.5)]
    later = known(rows)
    tables = COARSE.refit(later, learned)
    assert tables["items"].height == 11
    assert sorted(listed(COARSE, tables, later, "z", 6)) == [*(f"b-{item}" for item in range(5)), "c-new"]


def test_the_same_warm_start_gives_the_same_bytes() -> None:
    learned = FACTORS.fit(known(TWO_KINDS))
    later = known([*TWO_KINDS, ("z", "new", 0.5)])
    one, other = (FACTORS.refit(later, learned) for _ in range(2))
    for name, table in one.items():
        assert table["vector"].to_numpy().tobytes() == other[name]["vector"].to_numpy().tobytes()


@pytest.mark.parametrize("source", [FACTORS, UNDECAYED], ids=["half_life=30d", "no decay"])
def test_earlier_vectors_of_another_length_are_refused(source: Factors, request: pytest.FixtureRequest) -> None:
    knowledge = known(TWO_KINDS)
    earlier = replace(source, n_factors=3).fit(knowledge)
    variant = request.node.callspec.id
    for go_on in (source.refit, source.refresh):
        with pytest.raises(
            ArtifactError, match=rf"factors \({variant}\): the earlier vectors have 3 factors, these 4;"
        ):
            go_on(knowledge, earlier)
