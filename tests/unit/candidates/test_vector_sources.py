"""Sources that compare vectors: on vectors made by hand, and on logs in which who likes what is planted."""

from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from recsys.candidates import Content, Factors, IndexSettings, Tables, nearest_items
from recsys.knowledge import Knowledge
from recsys.tables import matrix_of, vectors_table
from tests.unit import small_logs
from tests.unit.small_logs import AS_OF, DAY, MONTH

IDX = {"user_idx": pl.UInt32, "item_idx": pl.UInt32}
Row = tuple[str, str, float]

FACTORS = Factors("factors", MONTH, n_factors=4)
CONTENT = Content("content", MONTH, n_factors=8)


def known(rows: Sequence[Row], titles: dict[str, str] | None = None, gone: Sequence[str] = ()) -> Knowledge:
    """Each row is (user, item, age in days); each title an item known for 300 days, those gone no longer on offer."""
    ended = {item: AS_OF - DAY for item in gone}
    items = {item: {"title": title, "available_to": ended.get(item)} for item, title in (titles or {}).items()}
    return small_logs.known(rows, items)


def lists(source: Factors | Content, knowledge: Knowledge, k: int = 10) -> dict[str, list[str]]:
    """Return each user's items, best first."""
    users, items = knowledge.history.users, knowledge.history.items
    found = source.retrieve(source.fit(knowledge), users.select("user_idx", "market"), k)
    named = found.join(users, on="user_idx", maintain_order="left").join(items, on="item_idx", maintain_order="left")
    return {str(user): part["item_id"].to_list() for (user,), part in named.group_by("user_id", maintain_order=True)}


def copied(tables: Tables) -> dict[str, bytes]:
    copies = {}
    for name, table in tables.items():
        table.rechunk().write_ipc(buffer := BytesIO())
        copies[name] = buffer.getvalue()
    return copies


# Ten users of each kind take four of the kind's five items, each kind another one not.
TWO_KINDS: list[Row] = [
    (f"{kind}{user}", f"{kind}-{item}", 1.0 + user)
    for kind in "ab"
    for user in range(10)
    for item in range(5)
    if item != user % 5
]
TITLES = {
    "tea-1": "green tea leaves",
    "tea-2": "black tea leaves",
    "tea-3": "green tea bags",
    "pot-1": "steel cooking pot",
    "pot-2": "small cooking pot",
    "pot-3": "steel pot",
}
DRINKERS: list[Row] = [("drinker", "tea-1", 3.0), ("drinker", "tea-2", 2.0), ("cook", "pot-1", 1.0)]


def vectors(n_users: int, n_items: int) -> Tables:
    """Random vectors of users 0, 1, .. and of items 100, 101, .."""
    random = np.random.default_rng(0)
    users, items = (random.normal(size=(n, 3)).astype(np.float32) for n in (n_users, n_items))
    return {
        "users": vectors_table("user_idx", np.arange(n_users, dtype=np.uint32), users),
        "items": vectors_table("item_idx", np.arange(100, 100 + n_items, dtype=np.uint32), items),
    }


def nearest_by_sorting(tables: Tables, user: int, k: int, hidden: set[int]) -> list[int]:
    products = matrix_of(tables["items"]).astype(np.float64) @ matrix_of(tables["users"])[user].astype(np.float64)
    order = tables["items"]["item_idx"].gather(np.argsort(-products)).to_list()
    return [item for item in order if item not in hidden][:k]


@pytest.mark.parametrize("k", [1, 5, 30])
def test_users_get_the_nearest_items_without_what_is_excluded_and_their_lists_are_full(k: int) -> None:
    tables, random = vectors(12, 30), np.random.default_rng(1)
    hidden = {user: {100 + int(item) for item in random.permutation(30)[: user * 2]} for user in range(12)}
    hidden[1] = set(nearest_by_sorting(tables, 1, 1, set()))  # the very nearest
    hidden[2] = set(nearest_by_sorting(tables, 2, 9, set()))
    exclude = pl.DataFrame([(u, item) for u, items in hidden.items() for item in items], schema=IDX, orient="row")
    users = pl.DataFrame({"user_idx": range(12)}, schema_overrides=IDX)
    found = nearest_items(tables, users, k, exclude, IndexSettings())
    for user in range(12):
        own = found.filter(pl.col("user_idx") == user)["item_idx"].to_list()
        assert own == nearest_by_sorting(tables, user, k, hidden[user])
        assert len(own) == min(k, 30 - len(hidden[user]))
    assert found["user_idx"].is_sorted()


@pytest.mark.parametrize("exclude", [None, pl.DataFrame(schema=IDX)], ids=["nothing", "an empty table"])
def test_with_nothing_excluded_lists_are_the_head_of_the_order(exclude: pl.DataFrame | None) -> None:
    tables = vectors(3, 8)
    found = nearest_items(tables, pl.DataFrame({"user_idx": [1]}, schema_overrides=IDX), 4, exclude, IndexSettings())
    assert found["item_idx"].to_list() == nearest_by_sorting(tables, 1, 4, set())
    assert found["score"].is_sorted(descending=True)


def test_users_without_a_vector_get_nothing() -> None:
    tables, exclude = vectors(3, 8), pl.DataFrame({"user_idx": [77], "item_idx": [100]}, schema_overrides=IDX)
    strangers = pl.DataFrame({"user_idx": [77, 78]}, schema_overrides=IDX)
    for hidden in (None, exclude):
        assert nearest_items(tables, strangers, 4, hidden, IndexSettings()).is_empty()
    both = pl.concat([strangers, pl.DataFrame({"user_idx": [2]}, schema_overrides=IDX)])
    assert nearest_items(tables, both, 4, exclude, IndexSettings())["user_idx"].unique().to_list() == [2]


def test_inverted_lists_that_hold_too_few_items_give_shorter_lists() -> None:
    tables = vectors(5, 200)
    settings = IndexSettings(kind="ivf", n_lists=5, n_probe=1, min_recall=0.0)
    found = nearest_items(tables, pl.DataFrame({"user_idx": range(5)}, schema_overrides=IDX), 150, None, settings)
    assert (found.group_by("user_idx").len()["len"] < 150).all()
    assert set(found["item_idx"]) <= set(tables["items"]["item_idx"])


def test_factors_recommend_the_item_that_the_users_of_the_same_kind_took() -> None:
    found = lists(FACTORS, known(TWO_KINDS), 5)
    for user, items in found.items():
        assert sorted(items) == [f"{user[0]}-{i}" for i in range(5)]  # also the one that this user never had
    assert len(found) == 20


def test_content_finds_an_item_without_an_event_by_its_title() -> None:
    found = lists(CONTENT, known(DRINKERS, TITLES), 3)
    assert found["drinker"][2] == "tea-3"
    assert sorted(found["drinker"]) == ["tea-1", "tea-2", "tea-3"]
    assert sorted(found["cook"]) == ["pot-1", "pot-2", "pot-3"]


@pytest.mark.parametrize("source", [FACTORS, CONTENT], ids=lambda source: source.name)
def test_what_is_no_longer_on_offer_is_never_near(source: Factors | Content) -> None:
    titles = TITLES | {f"{kind}-{i}": f"kind {kind} number {i}" for kind in "ab" for i in range(5)}
    knowledge = known([*DRINKERS, *TWO_KINDS], titles, gone=("tea-1", "a-3"))
    for items in lists(source, knowledge, 30).values():
        assert not {"tea-1", "a-3"} & set(items)
        assert len(items) == (14 if source is FACTORS else len(set(items)))


@pytest.mark.parametrize(
    "titles",
    [
        {},
        dict.fromkeys(TITLES, "the same"),
        {f"n{i}": f"word{i}" for i in range(9)},
        {f"n{i}": "?" * i for i in range(9)},
    ],
    ids=["no titles", "one title", "no word of two titles", "no words"],
)
def test_titles_that_tell_nothing_give_nothing(titles: dict[str, str]) -> None:
    knowledge = known(DRINKERS, titles)
    assert lists(CONTENT, knowledge) == {}
    assert {name: table.height for name, table in CONTENT.fit(knowledge).items()} == {"users": 0, "items": 0}


@pytest.mark.parametrize("source", [FACTORS, CONTENT], ids=lambda source: source.name)
@pytest.mark.parametrize("reorder", [list, lambda rows: rows[::-1]], ids=["again", "reversed"])
def test_the_same_log_gives_the_same_bytes_in_any_order(
    source: Factors | Content, reorder: Callable[[list[Row]], list[Row]]
) -> None:
    rows, titles = [*DRINKERS, *TWO_KINDS], list(TITLES.items())
    one = source.fit(known(rows, dict(titles)))
    other = source.fit(known(reorder(rows), dict(titles[::-1])))
    assert copied(one) == copied(other)
    assert one["users"].height > 0


def test_an_old_taste_weighs_less_than_a_new_one() -> None:
    rows: list[Row] = [("u", "tea-1", 120.0), ("u", "tea-2", 121.0), ("u", "pot-1", 1.0)]
    assert lists(CONTENT, known(rows, TITLES), 1)["u"][0].startswith("pot")
    assert lists(CONTENT, known([(u, i, 121.0 - age) for u, i, age in rows], TITLES), 1)["u"][0].startswith("tea")
