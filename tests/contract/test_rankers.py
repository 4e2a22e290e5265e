"""What every ranker must keep, whatever it learns: parametrised over the registry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ArtifactError
from recsys.ranking import (
    RANKERS,
    BoostedTrees,
    BoostingSettings,
    FittedRanker,
    RankerName,
    RankingSettings,
    Rows,
    has_trees,
    load_ranker,
    ranker_of,
)
from recsys.tables import Floats

NAMES = ["signal", "noise", "gaps", "same", "user"]
N_QUERIES, SIZE = 120, 12
each_ranker = pytest.mark.parametrize("name", list(RANKERS))


def drawn(seed: int, n_queries: int = N_QUERIES) -> Rows:
    """Queries in which the signal alone decides what is relevant: the three largest get 3, 2 and 1."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=(n_queries, SIZE))
    order = np.argsort(np.argsort(-signal, axis=1), axis=1)
    gaps = np.where(random.random((n_queries, SIZE)) < 0.5, np.nan, random.normal(size=(n_queries, SIZE)))
    user = np.repeat(random.normal(size=n_queries), SIZE)
    columns = [signal.ravel(), random.normal(size=n_queries * SIZE), gaps.ravel(), np.ones(n_queries * SIZE), user]
    return Rows(
        np.stack(columns, axis=1).astype(np.float32),
        np.maximum(3 - order, 0).ravel().astype(np.int32),
        np.full(n_queries, SIZE),
        np.ones(n_queries * SIZE, np.float32),
    )


TRAIN, TEST = drawn(0), drawn(1)


@pytest.fixture(scope="module")
def fitted() -> dict[RankerName, FittedRanker]:
    """Every ranker, fitted on the training rows."""
    return {name: ranker.fit(TRAIN, NAMES).ranker for name, ranker in RANKERS.items()}


def ndcg(scores: Floats, rows: Rows) -> float:
    """Return the mean NDCG of all queries, which are of one size, with linear gains."""
    discount = 1 / np.log2(np.arange(2, SIZE + 2))
    order = np.argsort(-scores.reshape(-1, SIZE), axis=1, kind="stable")
    grades = rows.grade.reshape(-1, SIZE)
    found = np.take_along_axis(grades, order, axis=1) @ discount
    return float(np.mean(found / (-np.sort(-grades, axis=1) @ discount)))


def saved(ranker: FittedRanker, folder: Path) -> tuple[Path, bytes]:
    folder.mkdir(exist_ok=True)
    ranker.save(folder / "ranker.target.name")
    (file,) = folder.iterdir()
    return folder / "ranker.target.name", file.read_bytes()


@each_ranker
def test_an_obvious_order_is_learned(name: RankerName, fitted: dict[RankerName, FittedRanker]) -> None:
    score = fitted[name].score(TEST.features)
    assert score.shape == (len(TEST),)
    assert score.dtype == np.float32
    assert ndcg(score, TEST) > 0.95
    assert int(np.argmax(fitted[name].importance())) == NAMES.index("signal")


@each_ranker
def test_from_labels_that_mean_nothing_nothing_is_learned(name: RankerName) -> None:
    random = np.random.default_rng(3)
    grades = random.permuted(TRAIN.grade.reshape(-1, SIZE), axis=1).ravel()
    ranker = RANKERS[name].fit(replace(TRAIN, grade=grades), NAMES).ranker
    chance = [ndcg(random.random(len(TEST)).astype(np.float32), TEST) for _ in range(30)]
    assert abs(ndcg(ranker.score(TEST.features), TEST) - np.mean(chance)) < 0.1
    assert ndcg(TEST.features[:, 0], TEST) - np.mean(chance) > 0.3  # what there was to gain


@each_ranker
def test_the_same_rows_give_the_same_bytes(name: RankerName, tmp_path: Path) -> None:
    one, again = (RANKERS[name].fit(TRAIN, NAMES).ranker for _ in range(2))
    assert saved(one, tmp_path / "one")[1] == saved(again, tmp_path / "again")[1]


def test_another_seed_gives_another_model(tmp_path: Path) -> None:
    one, other = (BoostedTrees(seed=seed).fit(TRAIN, NAMES).ranker for seed in (0, 1))
    assert saved(one, tmp_path / "one")[1] != saved(other, tmp_path / "other")[1]


@pytest.mark.parametrize(
    "growth",
    [{"learning_rate": 0.2}, {"leaf_factor": 0.3}, {"min_rows": 200}, {"feature_share": 0.2}, {"lambda_l2": 90.0}],
    ids=lambda growth: next(iter(growth)),
)
def test_every_setting_of_trees_reaches_them(growth: dict[str, float], tmp_path: Path) -> None:
    rules = RankingSettings.parse({"boosting": growth}, "here")
    one, other = (ranker_of("lambdarank", rules).fit(TRAIN, NAMES).ranker for rules in (RankingSettings(), rules))
    assert saved(one, tmp_path / "one")[1] != saved(other, tmp_path / "other")[1]


@each_ranker
def test_without_settings_of_its_own_a_ranker_is_that_of_the_registry(name: RankerName) -> None:
    assert ranker_of(name, RankingSettings()) == RANKERS[name]


def test_trees_grow_by_the_settings_in_every_ranker_that_has_them() -> None:
    rules = RankingSettings(boosting=BoostingSettings(learning_rate=0.2))
    others = [name for name in RANKERS if ranker_of(name, rules) != RANKERS[name]]
    assert others == ["lambdarank", "xendcg", "pointwise"]
    assert [has_trees(RankingSettings(rankers=names)) for names in (("linear",), ("linear", "xendcg"))] == [False, True]


@each_ranker
def test_a_saved_ranker_gives_the_same_scores(
    name: RankerName, fitted: dict[RankerName, FittedRanker], tmp_path: Path
) -> None:
    path, content = saved(fitted[name], tmp_path)
    loaded = load_ranker(name, path)
    np.testing.assert_array_equal(loaded.score(TEST.features), fitted[name].score(TEST.features))
    np.testing.assert_array_equal(loaded.contributions(TEST.features), fitted[name].contributions(TEST.features))
    np.testing.assert_allclose(loaded.importance(), fitted[name].importance(), rtol=1e-4)
    assert saved(loaded, tmp_path)[1] == content
    content.decode("utf-8")  # text, nothing executable


@each_ranker
@pytest.mark.parametrize("damage", ["lost", "empty", "cut", "cut at the end", "other", "no text", "a byte", "more"])
def test_a_damaged_file_is_refused_in_one_line(
    name: RankerName, fitted: dict[RankerName, FittedRanker], tmp_path: Path, damage: str
) -> None:
    path, content = saved(fitted[name], tmp_path)
    (file,) = tmp_path.iterdir()
    if damage == "lost":
        file.unlink()
    else:
        half = len(content) // 2
        contents = {
            "empty": b"",
            "cut": content[:half],
            "cut at the end": content[:-2],
            "other": b'{"names": 3}',
            "no text": b"\xff\xfe" + content,
            "a byte": content[:half] + b"\x00" + content[half + 1 :],
            "more": content + b"and more",
        }
        file.write_bytes(contents[damage])
    with pytest.raises(ArtifactError, match=r"is no ranker \(.+\); train the model again") as error:
        load_ranker(name, path)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@each_ranker
def test_contributions_add_up_to_the_score_but_for_a_constant(
    name: RankerName, fitted: dict[RankerName, FittedRanker]
) -> None:
    split = fitted[name].contributions(TEST.features)
    assert split.shape == TEST.features.shape
    rest = fitted[name].score(TEST.features).astype(np.float64) - split.astype(np.float64).sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)
    by_feature = np.abs(split).mean(axis=0)
    assert int(np.argmax(by_feature)) == NAMES.index("signal")
    assert by_feature[NAMES.index("same")] == 0


@each_ranker
def test_no_rows_have_no_scores(name: RankerName, fitted: dict[RankerName, FittedRanker]) -> None:
    nothing = np.zeros((0, len(NAMES)), np.float32)
    assert fitted[name].score(nothing).shape == (0,)
    assert fitted[name].contributions(nothing).shape == (0, len(NAMES))


@each_ranker
def test_a_row_is_scored_the_same_whatever_stands_beside_it(
    name: RankerName, fitted: dict[RankerName, FittedRanker]
) -> None:
    together = fitted[name].score(TEST.features)
    alone = np.concatenate([fitted[name].score(TEST.features[i : i + 7]) for i in range(0, len(TEST), 7)])
    np.testing.assert_array_equal(together, alone)


@each_ranker
def test_a_row_without_any_value_is_scored(name: RankerName, fitted: dict[RankerName, FittedRanker]) -> None:
    unknown = np.full((1, len(NAMES)), np.nan, np.float32)
    extreme = np.full((1, len(NAMES)), np.inf, np.float32)
    assert np.isfinite(fitted[name].score(np.concatenate([unknown, extreme, -extreme]))).all()


@each_ranker
def test_positions_are_accepted(name: RankerName) -> None:
    shown = np.tile(np.arange(1, SIZE + 1, dtype=np.int32), N_QUERIES)
    ranker = RANKERS[name].fit(replace(TRAIN, position=shown), NAMES).ranker
    assert ndcg(ranker.score(TEST.features), TEST) > 0.95


@each_ranker
def test_lambdarank_alone_learns_from_positions(name: RankerName, tmp_path: Path) -> None:
    slot = np.tile(np.arange(1, SIZE + 1, dtype=np.int32), N_QUERIES)
    plain, placed = (RANKERS[name].fit(replace(TRAIN, position=p), NAMES).ranker for p in (None, slot))
    same = saved(plain, tmp_path / "plain")[1] == saved(placed, tmp_path / "placed")[1]
    assert same == (name != "lambdarank")


def test_a_slot_that_is_seen_more_does_not_make_its_items_better() -> None:
    # Relevance is drawn from the signal, but only the upper slots are looked at, and those were filled by "noise".
    random = np.random.default_rng(5)
    n, size = 800, 10
    signal, noise = random.normal(size=(2, n, size))
    slot = np.argsort(np.argsort(-noise, axis=1), axis=1) + 1
    is_seen = random.random((n, size)) < 1 / slot
    grade = ((signal > 0.5) & is_seen).ravel().astype(np.int32)
    features = np.stack([signal.ravel(), noise.ravel()], axis=1).astype(np.float32)
    rows = Rows(features, grade, np.full(n, size), np.ones(n * size, np.float32))
    shares = []
    for position in (None, slot.ravel().astype(np.int32)):
        gain = BoostedTrees().fit(replace(rows, position=position), ["signal", "noise"]).ranker.importance()
        shares.append(gain[1] / gain.sum())
    assert shares[1] < shares[0] / 2


@each_ranker
def test_heavy_rows_count_more_than_light_ones(name: RankerName) -> None:
    # In half of the queries what is relevant is turned around; the weights say which half to believe.
    grades = TRAIN.grade.reshape(-1, SIZE).copy()
    signal = TRAIN.features[:, 0].reshape(-1, SIZE)
    turned = np.arange(N_QUERIES) % 2 == 1
    lowest = np.argsort(np.argsort(signal, axis=1), axis=1)
    grades[turned] = np.maximum(3 - lowest, 0)[turned]
    for believed, sign in ((turned, -1), (~turned, 1)):
        weight = np.repeat(np.where(believed, 1.0, 0.001), SIZE).astype(np.float32)
        ranker = RANKERS[name].fit(replace(TRAIN, grade=grades.ravel(), weight=weight), NAMES).ranker
        assert np.sign(np.corrcoef(ranker.score(TEST.features), TEST.features[:, 0])[0, 1]) == sign


@each_ranker
def test_validation_rows_stop_early_and_the_rounds_can_be_taken_again(name: RankerName, tmp_path: Path) -> None:
    ranker = RANKERS[name]
    stopped = ranker.fit(TRAIN, NAMES, valid=TEST)
    most = ranker.fit(TRAIN, NAMES).n_rounds
    assert 1 <= stopped.n_rounds <= most
    again = ranker.fit(TRAIN, NAMES, n_rounds=stopped.n_rounds)
    assert again.n_rounds in (stopped.n_rounds, 1)
    np.testing.assert_array_equal(again.ranker.score(TEST.features), stopped.ranker.score(TEST.features))
    path, _ = saved(stopped.ranker, tmp_path)
    np.testing.assert_array_equal(load_ranker(name, path).score(TEST.features), stopped.ranker.score(TEST.features))


def test_trees_stop_when_validation_says_that_nothing_is_left_to_learn() -> None:
    random = np.random.default_rng(4)
    noise = replace(TRAIN, grade=random.permuted(TRAIN.grade.reshape(-1, SIZE), axis=1).ravel())
    settings = BoostedTrees(patience=5, min_rounds=8)
    assert settings.fit(noise, NAMES, valid=TEST).n_rounds <= 30
    assert settings.fit(noise, NAMES, valid=TEST).n_rounds >= 8
    assert settings.fit(TRAIN, NAMES).n_rounds == settings.n_rounds


@each_ranker
@pytest.mark.parametrize("valid", [None, drawn(7, n_queries=1)], ids=["all rounds", "early"])
def test_a_handful_of_rows_is_enough_to_fit_and_fit_again(name: RankerName, valid: Rows | None) -> None:
    few = drawn(6, n_queries=2)
    learned = RANKERS[name].fit(few, NAMES, valid=valid)
    again = RANKERS[name].fit(few, NAMES, n_rounds=learned.n_rounds)
    assert np.isfinite(again.ranker.score(TEST.features)).all()


def test_learning_writes_nothing_to_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    for ranker in RANKERS.values():
        ranker.fit(drawn(6, n_queries=2), NAMES, valid=drawn(7, n_queries=2))
    assert capfd.readouterr() == ("", "")
