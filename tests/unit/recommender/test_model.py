from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.errors import ArtifactError, ConfigError
from recsys.knowledge import Knowledge
from recsys.recommender import FORMAT, Manifest, Model, Pick, Plan, RecommenderSettings, fit, load, save, source_of

POPULAR = Pick(rung="popularity_decayed", variant="half_life=7d")
PLAN = Plan(parts=(Pick(rung="personal", variant="half_life=30d gamma=0.3"),), fallback=POPULAR, repeats="allow")


@pytest.fixture
def model(knowledge: Knowledge) -> Model:
    settings = RecommenderSettings()
    return fit(
        knowledge,
        Manifest(format=FORMAT, as_of=knowledge.as_of, log_version=3, config_digest="d", settings=settings, plan=PLAN),
    )


def lists(model: Model, users: list[str | None]) -> pl.DataFrame:
    return pl.concat(model.recommend(pl.Series(users, dtype=pl.String), 10))


def test_the_list_of_a_user_does_not_depend_on_who_else_is_asked_for(model: Model) -> None:
    together = lists(model, ["u00", "u01", "stranger", None])
    alone = pl.concat([lists(model, [user]) for user in ("stranger", "u00", "u01")])
    assert_frame_equal(together, alone, check_exact=True)


def test_a_stranger_gets_the_fallback_and_the_row_says_so(model: Model) -> None:
    rows = lists(model, ["stranger"])
    assert rows["source"].unique().to_list() == ["popularity_decayed"]
    assert rows["reason"].unique().to_list() == ["popular these days"]


def test_a_known_user_gets_their_own_items_first(model: Model) -> None:
    assert lists(model, ["u00"])["source"][0] == "personal"


def test_saving_replaces_a_model_that_is_there(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.json", "left over"):
        (folder / name).touch()
    save(model, folder)
    assert load(folder).manifest == model.manifest
    assert not (folder / "left over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # no scratch folder stays


@pytest.mark.parametrize(
    "damage",
    ["missing folder", "no manifest", "no text", "no JSON", "no object", "no table", "broken table", "other layout"],
)
def test_a_damaged_model_is_refused_in_one_line(model: Model, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    if damage != "missing folder":
        save(model, folder)
    if damage == "no manifest":
        (folder / "model.json").unlink()
    if damage == "no text":
        (folder / "model.json").write_bytes(b"\xff\xfe{}")
    if damage == "no JSON":
        (folder / "model.json").write_text('{"format": ')
    if damage == "no object":
        (folder / "model.json").write_text("[]")
    if damage == "no table":
        (folder / "seen.parquet").unlink()
    if damage == "broken table":
        (folder / "items.parquet").write_bytes(b"PAR1")
    if damage == "other layout":
        text = (folder / "model.json").read_text()
        (folder / "model.json").write_text(text.replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(ArtifactError, match=r"model: (is no complete model|has layout (99|None))") as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_another_layout_is_named_whatever_else_it_holds(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    (tmp_path / "model/model.json").write_text('{"format": 99, "what came later": {}}')
    with pytest.raises(ArtifactError, match=f"has layout 99, not {FORMAT}; train it again"):
        load(tmp_path / "model")


def test_the_manifest_names_the_tables(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    files = sorted(path.stem for path in (tmp_path / "model").glob("*.parquet"))
    assert list(model.manifest.tables) == files
    assert {"seen", "fallback", "source.pairs"} <= set(files)


@pytest.mark.parametrize(
    ("damage", "message"),
    [("lost", r"it lacks 1 table\(s\); first: source.pairs.parquet"), ("more", r"first: source.extra.parquet")],
)
def test_a_model_has_exactly_the_tables_that_it_names(model: Model, tmp_path: Path, damage: str, message: str) -> None:
    save(model, tmp_path / "model")
    if damage == "lost":
        (tmp_path / "model/source.pairs.parquet").unlink()
    else:
        model.seen.write_parquet(tmp_path / "model/source.extra.parquet")
    with pytest.raises(ArtifactError, match=message):
        load(tmp_path / "model")


def test_a_plan_chosen_under_another_policy_still_gives_full_lists_without_repeats(model: Model) -> None:
    rows = pl.concat(model.recommend(pl.Series(["u00"]), 10, repeats="exclude"))
    had = model.seen.join(model.users, on="user_idx").join(model.items, on="item_idx")
    assert rows.height == 10
    assert rows.join(had, on=["user_id", "item_id"], how="semi").is_empty()


def test_an_unknown_rung_or_variant_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="rung 'magic' is unknown; known are popularity_all_time"):
        source_of(Pick(rung="magic", variant="x"), RecommenderSettings())
    with pytest.raises(ConfigError, match="has no variant 'x'; it has window=7d, window=28d"):
        source_of(Pick(rung="popularity_window", variant="x"), RecommenderSettings())


def test_a_ladder_with_an_unknown_or_a_repeated_rung_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"rung 'magic' is unknown; .*ladder names a rung twice"):
        RecommenderSettings.parse({"ladder": ["magic", "magic"]}, "here")


@pytest.mark.parametrize("key", ["windows", "gammas", "blend_weights", "ladder"])
def test_an_empty_list_of_what_to_try_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        RecommenderSettings.parse({key: []}, "here")
