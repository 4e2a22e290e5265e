"""One user's list and what put each item there: worked cases, and the command."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from recsys.knowledge import Knowledge
from recsys.ranking import FittedLinear
from recsys.recommender import (
    FORMAT,
    Channel,
    Manifest,
    Model,
    Pick,
    Plan,
    RankerSet,
    RankingPlan,
    RecommenderSettings,
    RetrievalSettings,
    TwoStage,
    fit,
    save,
)
from recsys.recommender.why import N_CONTRIBUTIONS, explain, knows
from tests.pipeline.commands import run

SETTINGS = RecommenderSettings(
    n_factors=4,
    retrieval=RetrievalSettings(
        channels=(
            Channel(name="popular", rung="popularity_decayed", quota=8),
            Channel(name="own", rung="personal", place="middle", quota=8),
        ),
        n_candidates=12,
    ),
)
NAMES = [feature.name for feature in TwoStage(SETTINGS).features]
FALLBACK = Pick(rung="popularity_decayed", variant="half_life=7d")
PERSONAL = Pick(rung="personal", variant="half_life=30d gamma=0")
CATEGORY = Pick(rung="category_popularity", variant="half_life=7d", weight=0.5)


def model_of(knowledge: Knowledge, plan: Plan, rankers: RankerSet | None = None) -> Model:
    manifest = Manifest(
        format=FORMAT, as_of=knowledge.as_of, log_version=0, config_digest="0", settings=SETTINGS, plan=plan
    )
    return fit(knowledge, manifest, rankers)


def ranked(knowledge: Knowledge, weights: dict[str, float], cold: Literal["ranked", "fallback"] = "fallback") -> Model:
    """A model whose score is the weighted sum of some features, clipped at 5; a missing value counts as 0."""
    n = len(NAMES)
    weight = np.array([weights.get(name, 0.0) for name in NAMES])
    ranker = FittedLinear(tuple(NAMES), np.zeros(n), np.ones(n), weight)
    plan = RankingPlan(rankers=("linear",), objectives={"interaction": 1.0}, cold=cold, n_rounds={}, windows=1)
    whole = Plan(fallback=FALLBACK, repeats="allow", ranking=plan)
    return model_of(knowledge, whole, RankerSet(plan, {("interaction", "linear"): ranker}))


def test_a_ranked_item_has_the_reason_of_the_feature_that_raised_it_most(knowledge: Knowledge) -> None:
    # n_sources says "many signs agree"; how long a user has been there raises all alike and says nothing of an item.
    model = ranked(knowledge, {"n_sources": 1.0, "user_tenure": 2.0, "item_age": -0.1, "pair_days": 0.3})
    rows = explain(model, "u00", 5)
    assert [row.rank for row in rows] == [1, 2, 3, 4, 5]
    assert {row.reason for row in rows} == {"many signs agree"}
    first = rows[0]
    assert first.source == "ranked"
    assert [one.feature for one in first.contributions[:2]] == ["user_tenure", "n_sources"]
    by_name = {one.feature: one for one in first.contributions}
    assert by_name["user_tenure"].contribution == pytest.approx(10.0)  # 2 x 5, clipped
    assert by_name["user_tenure"].reason == ""
    assert by_name["n_sources"].value == by_name["n_sources"].contribution == 2.0
    assert by_name["n_sources"].unit == "sources"
    assert by_name["n_sources"].meaning == "how many sources proposed it"
    assert by_name["item_age"].contribution == pytest.approx(-0.5)
    assert sum(one.contribution for one in first.contributions) == pytest.approx(first.score, rel=1e-6)
    sizes = [abs(one.contribution) for one in first.contributions]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= N_CONTRIBUTIONS


def test_the_reason_changes_with_what_raised_the_item(knowledge: Knowledge) -> None:
    rows = explain(ranked(knowledge, {"n_sources": 0.1, "pair_days": 1.0}), "u00", 12)
    rows = tuple(row for row in rows if row.source == "ranked")
    had = {row.item_id: any(one.feature == "pair_days" for one in row.contributions) for row in rows}
    assert {row.reason for row in rows if had[row.item_id]} == {"you had it before"}
    assert {row.reason for row in rows if not had[row.item_id]} == {"many signs agree"}
    assert set(had.values()) == {True, False}


def test_an_item_that_nothing_raised_keeps_the_reason_of_its_source(knowledge: Knowledge) -> None:
    rows = explain(ranked(knowledge, {"item_age": -1.0, "user_tenure": 1.0}), "u00", 3)
    assert {row.reason for row in rows} == {"picked for you"}


def test_a_missing_value_is_told_as_none(knowledge: Knowledge) -> None:
    n = len(NAMES)
    means = np.zeros(n)
    weight = np.array([float(name == "pair_days") for name in NAMES])
    plan = ranked(knowledge, {}).manifest.plan
    assert plan.ranking is not None

    class Flat(FittedLinear):
        def contributions(self, features: np.ndarray) -> np.ndarray:
            return np.tile(self.weight, (len(features), 1)).astype(np.float32)

    ranker = Flat(tuple(NAMES), means, np.ones(n), weight)
    rows = explain(model_of(knowledge, plan, RankerSet(plan.ranking, {("interaction", "linear"): ranker})), "u00", 12)
    values = [one.value for row in rows for one in row.contributions]
    assert None in values
    assert any(value is not None and value >= 1 for value in values)


def test_the_channels_that_proposed_an_item_are_named_with_rank_and_score(knowledge: Knowledge) -> None:
    model = ranked(knowledge, {"n_sources": 1.0})
    stage = TwoStage(SETTINGS)
    user = model.users.filter(pl.col("user_id") == "u00").select("user_idx", "market")
    rows = {row.item_id: row for row in explain(model, "u00", 12) if row.source == "ranked"}
    for channel, source in stage.sources.items():
        prefix = f"retrieval.{channel}."
        tables = {name.removeprefix(prefix): t for name, t in model.tables.items() if name.startswith(prefix)}
        proposed = source.retrieve(tables, user, SETTINGS.retrieval.depth)
        named = proposed.join(model.items, on="item_idx", maintain_order="left").with_row_index("place", offset=1)
        expected = {item: (place, score) for item, place, score in named.select("item_id", "place", "score").rows()}
        found = {item: one for item, row in rows.items() for one in row.proposals if one.channel == channel}
        assert set(found) == set(rows) & set(expected)
        assert {item: one.rank for item, one in found.items()} == {item: expected[item][0] for item in found}
        assert [one.score for one in found.values()] == pytest.approx([expected[item][1] for item in found])
    assert all(row.proposals[0].rank == min(one.rank for one in row.proposals) for row in rows.values())


def test_the_parts_of_a_blend_add_up_to_the_score(knowledge: Knowledge) -> None:
    model = model_of(knowledge, Plan(parts=(PERSONAL, CATEGORY), fallback=FALLBACK, repeats="allow"))
    rows = explain(model, "u00", 10)
    own = [row for row in rows if row.source == "blend"]
    assert own
    for row in own:
        assert sum(part.added for part in row.parts) == pytest.approx(row.score, rel=1e-12)
        assert all(part.added == pytest.approx(part.weight * part.score) and part.added > 0 for part in row.parts)
        reasons = {"personal": "you had it before", "category_popularity": "popular in what you like"}
        assert row.reason == reasons[max(row.parts, key=lambda part: part.added).rung]
    assert max(part.score for row in own for part in row.parts if part.rung == "personal") == 1.0


def test_a_single_rung_is_the_whole_score_and_the_fallback_says_so(knowledge: Knowledge) -> None:
    rows = explain(model_of(knowledge, Plan(parts=(PERSONAL,), fallback=FALLBACK, repeats="allow")), "u00", 40)
    own, filled = ([row for row in rows if (row.source == "personal") is is_own] for is_own in (True, False))
    assert own
    assert filled
    assert all(row.parts[0].added == row.score and row.reason == "you had it before" for row in own)
    assert all(row.parts[0].variant == "half_life=30d gamma=0" and len(row.parts) == 1 for row in own)
    assert all(not row.parts and row.source in ("popularity_decayed", "any_item") for row in filled)


@pytest.mark.parametrize("repeats", ["allow", "exclude"])
def test_an_explained_list_is_the_recommended_one(knowledge: Knowledge, repeats: Literal["allow", "exclude"]) -> None:
    base = ranked(knowledge, {"item_reward_7d": 1.0})
    assert base.manifest.plan.ranking is not None
    plan = base.manifest.plan.model_copy(update={"repeats": repeats})
    for model in (
        model_of(knowledge, plan, base.rankers),
        model_of(knowledge, Plan(parts=(PERSONAL, CATEGORY), fallback=FALLBACK, repeats=repeats)),
    ):
        (slates,) = model.recommend(pl.Series(["u07"]), 20)
        rows = explain(model, "u07", 20)
        assert [(r.item_id, r.rank, r.score, r.source) for r in rows] == slates.select(
            "item_id", "rank", "score", "source"
        ).rows()


def test_a_stranger_gets_the_fallback_or_what_the_ranker_has_for_strangers(knowledge: Knowledge) -> None:
    by_fallback, by_ranker = (ranked(knowledge, {"n_sources": 1.0}, cold) for cold in ("fallback", "ranked"))
    assert not knows(by_fallback, "stranger")
    assert knows(by_fallback, "u00")
    assert {row.source for row in explain(by_fallback, "stranger", 5)} == {"popularity_decayed"}
    assert all(not row.proposals and not row.contributions for row in explain(by_fallback, "stranger", 5))
    assert {one.channel for row in explain(by_ranker, "stranger", 5) for one in row.proposals} == {"popular"}


def test_a_user_who_had_everything_has_no_list(knowledge: Knowledge) -> None:
    model = model_of(knowledge, Plan(parts=(PERSONAL, CATEGORY), fallback=FALLBACK, repeats="exclude"))
    user = model.users.filter(pl.col("user_id") == "u00").select("user_idx")
    had = model.items.select("item_idx").join(user, how="cross").select("user_idx", "item_idx")
    assert explain(replace(model, seen=had), "u00", 5) == ()


CONFIG = """
[shop]
n_users = 120
n_items = 60
n_days = 50

[recommender]
ladder = ["popularity_decayed", "category_popularity", "personal"]

[recommender.ranking]
windows = 0

[evaluation]
horizon = "7d"
selection_windows = 1
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, a home with a simulated shop, and a model of it."""
    folder = tmp_path_factory.mktemp("lookup")
    (folder / "c.toml").write_text(CONFIG)
    home: list[str | Path] = ["-c", folder / "c.toml", "--home", folder / "home"]
    assert run("simulate", *home) == 0
    assert run("train", *home, "--as-of", "2024-02-12", "--out", folder / "model") == 0
    return folder


def lookup(place: Path, *words: str, model: str = "model", home: str = "home") -> int:
    return run("lookup", *words, "-c", place / "c.toml", "--home", place / home, "--model", place / model)


def listed(place: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert lookup(place, *words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert isinstance(said, dict)
    return said


def test_a_list_is_shown_with_titles_scores_and_reasons(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(place, "u003", "--k", "4") == 0
    said = capsys.readouterr()
    assert "u003, " in said.out
    assert "as of 2024-02-12T00:00:00Z" in said.out
    assert "brand_" in said.out  # of the titles
    assert "Why" not in said.out
    assert "knows nothing" not in said.err


def test_why_names_what_the_score_is_made_of(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(place, "u003", "--k", "4", "--why") == 0
    assert " of personal (half_life=" in capsys.readouterr().out


def test_a_program_gets_the_same_rows(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, explained = listed(place, capsys, "u003"), listed(place, capsys, "u003", "--why")
    assert {name: plain[name] for name in ("user", "known", "as_of")} == {
        "user": "u003",
        "known": True,
        "as_of": "2024-02-12T00:00:00Z",
    }
    rows, more = plain["items"], explained["items"]
    assert isinstance(rows, list)
    assert isinstance(more, list)
    assert len(rows) == 10
    assert set(rows[0]) == {"item_id", "rank", "score", "source", "reason", "title"}
    assert [{name: row[name] for name in rows[0]} for row in more] == rows
    assert any(row["parts"] for row in more)


def test_a_ranked_list_tells_channels_and_features(
    place: Path, capsys: pytest.CaptureFixture[str], knowledge: Knowledge
) -> None:
    save(ranked(knowledge, {"n_sources": 1.0, "item_age": -0.1, "pair_gap": 0.1}), place / "ranked")
    assert lookup(place, "u00", "--k", "12", "--why", model="ranked") == 0
    said = capsys.readouterr().out
    assert "many signs agree" in said
    assert re.search(r"own \(\d+, \d", said)
    assert "+2.000 n_sources = 2 [sources]: how many sources proposed it" in said


def test_an_unknown_user_gets_the_fallback_and_is_told_so(
    place: Path, capsys: pytest.CaptureFixture[str], knowledge: Knowledge
) -> None:
    save(ranked(knowledge, {"n_sources": 1.0}), place / "ranked")
    assert lookup(place, "nobody", "--k", "3", "--why", model="ranked") == 0
    said = capsys.readouterr()
    assert "nobody: the model knows nothing of this user; this is the list of a user without history" in said.err
    assert said.out.count("popularity_decayed: the same for everyone") == 3
    assert listed(place, capsys, "nobody")["known"] is False


def test_titles_are_left_out_where_the_home_has_none(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(place, "u003", "--json", home="nowhere") == 0
    assert {row["title"] for row in json.loads(capsys.readouterr().out)["items"]} == {None}


def test_without_a_model_there_is_no_list(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lookup", "u003", "-c", place / "c.toml", "--home", place / "home") == 2
    assert "error: lookup: --model is missing; name a folder that `recsys train` wrote" in capsys.readouterr().err
    assert lookup(place, "u003", model="nothing") == 2
    assert "nothing: is no complete model" in capsys.readouterr().err
