"""What a list may hold at all: blocked items, and what the user had lately."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys.errors import ConfigError
from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy import SlatePolicy, SlateSettings, blocked_ids
from tests.unit.ranking.slate_pools import ranking, users_of


def fitted(knowledge: Knowledge, **settings: object) -> SlatePolicy:
    return SlatePolicy.fit(SlateSettings.parse(settings, "test"), knowledge, {})


def resting(knowledge: Knowledge, **settings: object) -> set[tuple[int, int]]:
    return set(fitted(knowledge, **settings).tables["resting"].iter_rows())


def ages(knowledge: Knowledge) -> dict[tuple[int, int], timedelta]:
    """How long ago each user last had each item, row by row."""
    last: dict[tuple[int, int], timedelta] = {}
    for user, item, time, reward in knowledge.history.events.select(
        "user_idx", "item_idx", "event_time", "reward"
    ).iter_rows():
        if user is not None and reward > 0:
            last[user, item] = min(last.get((user, item), timedelta.max), knowledge.as_of - time)
    return last


def test_what_a_user_had_rests_and_a_category_may_have_a_rest_of_its_own(knowledge: Knowledge) -> None:
    had, week = ages(knowledge), timedelta(days=7)
    category = dict(knowledge.history.items.select("item_idx", "category").iter_rows())
    assert resting(knowledge, rest="7d") == {pair for pair, age in had.items() if age < week}
    assert resting(knowledge, rest="7d", rest_of={"c1": "0s", "c2": "28d"}) == {
        pair for pair, age in had.items() if age < {"c1": timedelta(), "c2": 4 * week}.get(category[pair[1]], week)
    }
    assert resting(knowledge, rest_of={"c2": "28d"}) == {
        pair for pair, age in had.items() if age < 4 * week and category[pair[1]] == "c2"
    }


def test_resting_pairs_join_those_that_lists_leave_out_anyway(knowledge: Knowledge) -> None:
    policy = fitted(knowledge, rest="7d")
    users = users_of(5)
    pairs = policy.tables["resting"].join(users, on="user_idx", how="semi")
    other = pl.DataFrame({"user_idx": [0], "item_idx": [44]}, schema_overrides=dict(pairs.schema))
    alone, both = policy.excluded(None, users), policy.excluded(other, users)
    assert alone is not None
    assert both is not None
    assert alone.rows() == pairs.rows()
    assert set(both.rows()) == {*pairs.rows(), (0, 44)}


def test_blocked_items_come_from_the_settings_and_from_a_file(knowledge: Knowledge, tmp_path: Path) -> None:
    (tmp_path / "recalled.txt").write_text("i07\n\n  i09 \nnever heard of\n")
    policy = fitted(knowledge, blocked=["i01", "i07"], blocked_file=str(tmp_path / "recalled.txt"))
    assert policy.tables["blocked"]["item_idx"].to_list() == [1, 7, 9]
    assert policy.shown(ranking(9, 2, 1, 3))["item_idx"].to_list() == [2, 3]
    assert policy.pooled(10) == 10  # nothing is reordered
    assert policy.retrieved(10) == 13


def test_all_blocked_ids_are_read_again(tmp_path: Path) -> None:
    (tmp_path / "recalled.txt").write_text("b\n")
    settings = SlateSettings(blocked=("a",), blocked_file=str(tmp_path / "recalled.txt"))
    assert blocked_ids(settings) == ("a", "b")


@pytest.mark.parametrize("damage", ["missing", "no text"])
def test_a_file_that_cannot_be_read_is_named(knowledge: Knowledge, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "recalled.txt"
    if damage == "no text":
        file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"recalled\.txt: cannot be read \(.+\); write one item id a line"):
        fitted(knowledge, blocked_file=str(file))
