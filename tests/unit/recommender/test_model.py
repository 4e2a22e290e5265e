from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.candidates import Knowledge
from recsys.errors import ArtifactError, ConfigError
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
    (folder / "left over").touch()
    save(model, folder)
    assert load(folder).manifest == model.manifest
    assert not (folder / "left over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # no scratch folder stays


@pytest.mark.parametrize("damage", ["missing folder", "no manifest", "no table", "broken table", "other layout"])
def test_a_damaged_model_is_refused_in_one_line(model: Model, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    if damage != "missing folder":
        save(model, folder)
    if damage == "no manifest":
        (folder / "model.json").unlink()
    if damage == "no table":
        (folder / "seen.parquet").unlink()
    if damage == "broken table":
        (folder / "items.parquet").write_bytes(b"PAR1")
    if damage == "other layout":
        text = (folder / "model.json").read_text()
        (folder / "model.json").write_text(text.replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(ArtifactError, match=r"model: (is no complete model|has layout 99)") as error:
        load(folder)
    assert "\n" not in str(error.value)


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
