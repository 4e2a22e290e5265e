"""Rankers compete on the latest earlier windows against the best heuristic; what they can know is planted here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from recsys.evaluation import per_user_metrics
from recsys.evaluation.contest import Hearing, Window, best_names
from recsys.evaluation.ranked_choice import RankedChoice, choose_ranked
from recsys.evaluation.trial import Trial
from recsys.ranking import RANKERS, RankerName, RankingSettings, Rows
from recsys.ranking.ranker import Learned
from recsys.recommender import (
    Channel,
    Examples,
    Pick,
    Plan,
    RankerSet,
    RecommenderSettings,
    RetrievalSettings,
    TwoStage,
)
from recsys.tables import Floats
from tests.unit.evaluation.worlds import DAY, START, Log, world

POPULAR = Pick(rung="popularity_decayed", variant="half_life=7d")
RIVAL = Plan(parts=(POPULAR,), fallback=POPULAR, repeats="allow")
TARGET = "interaction"
AS_OF = START + 59 * DAY
DAYS = (38, 45, 52)


def settings(*rankers: str, **more: object) -> RecommenderSettings:
    rules = RankingSettings.parse({"rankers": rankers, "validation_windows": 1, **more}, "here")
    return RecommenderSettings(ranking=rules)


@dataclass(frozen=True)
class ByColumn:
    """A ranker that has nothing to learn: its score is one feature. It notes from how many queries it was to learn."""

    column: int
    asked: list[tuple[int, bool, int | None]]

    def fit(
        self, rows: Rows, names: Sequence[str], *, valid: Rows | None = None, n_rounds: int | None = None
    ) -> Learned:
        self.asked.append((len(rows.sizes), valid is not None, n_rounds))
        return Learned(self, 7)

    def score(self, features: Floats) -> Floats:
        return features[:, self.column]

    def contributions(self, features: Floats) -> Floats:
        raise NotImplementedError

    def importance(self) -> Floats:
        raise NotImplementedError

    def save(self, path: Path) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    """Three windows of 12 users who take one of 40 items a day; users 9 to 11 come in the last window only."""
    events = world(lambda user, day: f"item-{(user * 7 + day * day * 3) % 40}")
    late = pl.col("user_id").is_in(["u9", "u10", "u11"]) & (pl.col("event_time") < START + DAYS[-1] * DAY)
    log = Log(events.filter(~late), settings("linear"))
    trials = log.trials(list(DAYS), 59)
    return [Window(trial.examples("allow"), trial if trial is trials[-1] else None) for trial in trials]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool, int | None]]:
    """Let the rankers score by the first and the second feature, and note what they are asked to learn."""
    calls: list[tuple[int, bool, int | None]] = []
    for column, name in enumerate(("linear", "pointwise")):
        monkeypatch.setitem(RANKERS, name, ByColumn(column, calls))  # type: ignore[misc]
    return calls


def planted(window: Window, *columns: Callable[[pl.DataFrame], np.ndarray]) -> Window:
    """Replace the first features by functions of the pairs with their grades."""
    features = window.examples.features.copy()
    for number, column in enumerate(columns):
        features[:, number] = column(window.examples.pairs.rename({f"grade.{TARGET}": "grade"}))
    return replace(window, examples=replace(window.examples, features=features))


def choose(windows: Sequence[Window], rules: RecommenderSettings) -> RankedChoice:
    choice = choose_ranked(windows, RIVAL, TwoStage(rules), target=TARGET, as_of=AS_OF, k=10)
    assert choice is not None
    return choice


def knows(pairs: pl.DataFrame) -> np.ndarray:
    return pairs["grade"].to_numpy()


def errs(pairs: pl.DataFrame) -> np.ndarray:
    return -pairs["grade"].to_numpy()


def noise(pairs: pl.DataFrame) -> np.ndarray:
    return np.random.default_rng(0).random(pairs.height)


def trial_of(window: Window) -> Trial:
    assert window.trial is not None
    return window.trial


@pytest.mark.usefixtures("asked")
def test_a_ranker_is_judged_beside_the_best_heuristic_on_the_same_users(windows: list[Window]) -> None:
    good = choose([planted(window, knows) for window in windows], settings("linear"))
    bad = choose([planted(window, errs) for window in windows], settings("linear"))
    trial = trial_of(windows[-1])
    lists = trial.slates(RIVAL, trial.users, 10)
    expected = per_user_metrics(lists, trial.truth, k=10)["ndcg"].mean()
    assert good.rival_score == bad.rival_score == pytest.approx(expected)
    assert bad.score < good.rival_score < good.score
    assert (good.n_windows, good.plan.fallback, good.plan.repeats, good.plan.rung) == (1, POPULAR, "allow", "ranked")


def test_rankers_learn_from_the_windows_before_and_at_the_end_from_all(
    windows: list[Window], asked: list[tuple[int, bool, int | None]]
) -> None:
    choice = choose([planted(window, knows) for window in windows], settings("linear"))
    assert asked == [(9 + 9, True, None), (9 + 9 + 12, False, 7)]  # queries; held-out rows; rounds
    assert choice.plan.ranking is not None
    assert (choice.plan.ranking.windows, choice.plan.ranking.n_rounds) == (3, {"linear": 7})
    assert set(choice.rankers.fitted) == {(TARGET, "linear")}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("on_strangers", "cold"), [(knows, "ranked"), (errs, "fallback")], ids=["knows strangers", "errs on strangers"]
)
def test_users_without_history_get_the_rankers_list_only_where_it_beats_the_fallback_on_them(
    windows: list[Window], on_strangers: Callable[[pl.DataFrame], np.ndarray], cold: str
) -> None:
    def feature(pairs: pl.DataFrame) -> np.ndarray:
        return np.where(pairs["user_idx"].to_numpy() >= 9, on_strangers(pairs), knows(pairs))

    choice = choose([planted(window, feature) for window in windows], settings("linear"))
    assert choice.plan.ranking is not None
    assert choice.plan.ranking.cold == cold
    assert choice.score > choice.rival_score


@pytest.mark.usefixtures("asked")
def test_the_better_of_two_rankers_serves_alone_unless_their_mean_is_better_by_enough(windows: list[Window]) -> None:
    def even(pairs: pl.DataFrame) -> np.ndarray:
        return np.where(pairs["user_idx"].to_numpy() % 2 == 0, knows(pairs), noise(pairs))

    def odd(pairs: pl.DataFrame) -> np.ndarray:
        return np.where(pairs["user_idx"].to_numpy() % 2 == 1, knows(pairs), noise(pairs))

    def names(*columns: Callable[[pl.DataFrame], np.ndarray], gain: float = 0.0) -> tuple[str, ...]:
        rules = settings("linear", "pointwise", ensemble_gain=gain)
        plan = choose([planted(window, *columns) for window in windows], rules).plan.ranking
        assert plan is not None
        return plan.rankers

    assert names(knows, errs) == ("linear",)
    assert names(errs, knows) == ("pointwise",)
    assert names(even, odd) == ("linear", "pointwise")
    assert len(names(even, odd, gain=9.0)) == 1


@pytest.mark.parametrize(
    ("single", "together", "pays"),
    [
        ([[0.30, 0.10], [0.60, 0.20]], [0.30, 0.59], False),  # the first is best everywhere
        ([[0.30, 0.10], [0.60, 0.20]], [0.31, 0.60], True),
        ([[0.30, 0.28], [0.28, 0.31]], [0.28, 0.29], False),  # each window has another best: taking any is .2925
        ([[0.30, 0.28], [0.28, 0.31]], [0.29, 0.296], True),
        ([[0.30, 0.40]], [0.39], False),
        ([[0.30, 0.40]], [0.41], True),
    ],
)
def test_all_rankers_serve_where_their_mean_beats_the_best_of_other_windows_and_taking_any(
    single: list[list[float]], together: list[float], pays: bool
) -> None:
    class Heard:
        def __init__(self, one: list[float], both: float) -> None:
            self.found = {("linear",): one[0], ("pointwise",): one[1], ("linear", "pointwise"): both}

        def ndcg(self, names: Sequence[str], cold: str) -> float:
            assert cold == "ranked"
            return self.found[tuple(names)]

    hearings = cast("list[Hearing]", [Heard(one, both) for one, both in zip(single, together, strict=True)])
    rules = settings("linear", "pointwise").ranking
    assert len(best_names(hearings, rules)) == (2 if pays else 1)


def blind(window: Window) -> Window:
    pairs = window.examples.pairs.with_columns(pl.lit(0, pl.Int32).alias(f"grade.{TARGET}"))
    return replace(window, examples=replace(window.examples, pairs=pairs))


@pytest.mark.parametrize("n", [0, 1])
def test_with_fewer_than_two_windows_with_a_positive_nothing_is_learned(windows: list[Window], n: int) -> None:
    few = [blind(window) for window in windows[: 3 - n]] + windows[3 - n :]
    assert choose_ranked(few, RIVAL, TwoStage(settings("linear")), target=TARGET, as_of=AS_OF, k=10) is None


def test_without_a_window_that_validates_nothing_is_chosen(windows: list[Window]) -> None:
    assert choose_ranked(windows[:2], RIVAL, TwoStage(settings("linear")), target=TARGET, as_of=AS_OF, k=10) is None


@pytest.mark.parametrize("name", ["linear", "lambdarank"])
def test_the_score_is_that_of_the_lists_that_the_competing_ranker_makes(windows: list[Window], name: str) -> None:
    rules = settings(name)
    stage, trial = TwoStage(rules), trial_of(windows[-1])
    choice = choose(windows, rules)
    before: list[Examples] = [window.examples for window in windows[:-1]]
    rows = Rows.join([one.training_rows(TARGET, AS_OF, rules.ranking) for one in before])
    held = windows[-1].examples.training_rows(TARGET, AS_OF, rules.ranking)
    learned = RANKERS[name].fit(rows, [feature.name for feature in stage.features], valid=held)  # type: ignore[index]
    assert choice.plan.ranking is not None
    competing = RankerSet(choice.plan.ranking, {(TARGET, name): learned.ranker})  # type: ignore[dict-item]
    lists = trial.slates(choice.plan, trial.users, 10, competing)
    assert choice.score == pytest.approx(per_user_metrics(lists, trial.truth, k=10)["ndcg"].mean())


@pytest.mark.usefixtures("asked")
def test_a_window_that_should_validate_but_has_no_positive_is_left_out(windows: list[Window]) -> None:
    # Two windows validate, the last one is blind: the one before is judged alone, the earliest has no trial.
    three = [planted(window, knows) for window in windows]
    tried = replace(three[1], trial=windows[-1].trial)
    choice = choose([three[0], tried, blind(three[2])], settings("linear", validation_windows=2))
    assert choice.n_windows == 1
    assert choice.plan.ranking is not None
    assert choice.plan.ranking.windows == 2


def valued(window: Window) -> Window:
    """Add another reward, which falls to every candidate that the target does not."""
    other = (1 - pl.col(f"grade.{TARGET}").clip(upper_bound=1)).cast(pl.Int32).alias("grade.other")
    never = pl.lit(0, pl.Int32).alias("grade.never")
    return replace(window, examples=replace(window.examples, pairs=window.examples.pairs.with_columns(other, never)))


@dataclass(frozen=True)
class ByGrade(ByColumn):
    """A ranker that takes the sign of its column from the grades."""

    def fit(
        self, rows: Rows, names: Sequence[str], *, valid: Rows | None = None, n_rounds: int | None = None
    ) -> Learned:
        self.asked.append((len(rows.sizes), valid is not None, n_rounds))
        likes = rows.features[rows.grade > 0, 0].mean() > rows.features[rows.grade == 0, 0].mean()
        return Learned(ByColumn(0, self.asked) if likes else Against(0, self.asked), 1)


class Against(ByColumn):
    """The opposite of a column."""

    def score(self, features: Floats) -> Floats:
        return -features[:, self.column]


@pytest.mark.parametrize(("weight", "is_better"), [(0.25, True), (4.0, False)])
def test_objectives_count_by_their_weights(
    windows: list[Window], weight: float, is_better: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RANKERS, "linear", ByGrade(0, []))
    rules = settings("linear", objectives={TARGET: 1.0, "other": weight})
    choice = choose([valued(planted(window, knows)) for window in windows], rules)
    assert (choice.score > choice.rival_score) == is_better
    assert set(choice.rankers.fitted) == {(TARGET, "linear"), ("other", "linear")}
    assert choice.plan.ranking is not None
    assert choice.plan.ranking.objectives == {TARGET: 1.0, "other": weight}


def test_an_objective_of_which_there_is_nothing_to_learn_is_left_out(
    windows: list[Window], asked: list[tuple[int, bool, int | None]]
) -> None:
    rules = settings("linear", objectives={TARGET: 1.0, "never": 2.0})
    choice = choose([valued(planted(window, knows)) for window in windows], rules)
    assert choice.plan.ranking is not None
    assert choice.plan.ranking.objectives == {TARGET: 1.0}
    assert len(asked) == 2


def due(user: int, day: int) -> str:
    """Every user takes six items of their own in turn, one a week: what comes next is what is longest ago."""
    return f"own-{user}-{(day // 7 + user) % 6}"


CHANNELS = (
    Channel(name="own", rung="personal", place="last", quota=20),
    Channel(name="popular", rung="popularity_decayed", quota=20),
)


OWN = Pick(rung="personal", variant="half_life=30d gamma=0")
HISTORY = Plan(parts=(OWN,), fallback=POPULAR, repeats="allow")
each_pair = pytest.mark.parametrize("rankers", [("linear",), ("lambdarank", "pointwise")], ids=["linear", "trees"])


def tried(item_of: Callable[[int, int], str], rankers: tuple[RankerName, ...]) -> tuple[TwoStage, list[Window]]:
    """Five windows of a world of 30 users, the last two with their trials."""
    rules = RecommenderSettings(
        retrieval=RetrievalSettings(channels=CHANNELS, depth=20, n_candidates=20),
        ranking=RankingSettings(rankers=rankers, ranked_within=()),
    )
    trials = Log(world(item_of, 133, n_users=30), rules).trials([91, 98, 105, 112, 119], 126)
    return TwoStage(rules), [
        Window(trial.examples("allow"), trial if trial in trials[-2:] else None) for trial in trials
    ]


@each_pair
def test_a_ranker_serves_where_it_learns_what_no_heuristic_knows(rankers: tuple[RankerName, ...]) -> None:
    stage, windows = tried(due, rankers)
    choice = choose_ranked(windows, HISTORY, stage, target=TARGET, as_of=START + 126 * DAY, k=10)
    assert choice is not None
    assert choice.score > 0.95 > 0.6 > choice.rival_score
    assert choice.n_windows == 2


def permuted(window: Window, seed: int) -> Window:
    """Give each user's grades to other candidates of the same user."""
    pairs, random = window.examples.pairs, np.random.default_rng(seed)
    drawn = pairs.with_columns(at=pl.Series(random.random(pairs.height)))
    grades = drawn.sort("user_idx", "at")[f"grade.{TARGET}"]
    return replace(window, examples=replace(window.examples, pairs=pairs.with_columns(grades)))


@each_pair
def test_the_heuristic_serves_where_labels_teach_nothing(rankers: tuple[RankerName, ...]) -> None:
    stage, windows = tried(lambda user, day: f"own-{user}-{day % 3}", rankers)
    blurred = [permuted(window, seed) for seed, window in enumerate(windows)]
    choice = choose_ranked(blurred, HISTORY, stage, target=TARGET, as_of=START + 126 * DAY, k=10)
    assert choice is not None
    assert choice.rival_score == pytest.approx(1.0)  # three items each, all of them own
    assert choice.score < 0.9
