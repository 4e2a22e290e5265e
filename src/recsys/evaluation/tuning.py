"""Tune every rung on earlier windows, each with the same budget, the same users and the same metric.

What is tuned becomes one more variant of its rung (or the way trees grow), so that earlier windows still decide what
serves. The best of many settings on some windows looks better there than it is: a test belongs to later windows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recsys.errors import DataError
from recsys.evaluation.choosing import learning_windows, require_not_tuned_later
from recsys.evaluation.contest import Contest, mean
from recsys.evaluation.deciding_window import DecidingWindow
from recsys.evaluation.placement import earlier_cutoffs
from recsys.evaluation.search import Search, Setting, search
from recsys.evaluation.selection import Selection, select
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.trial import Trial, Trials
from recsys.ranking import BOOSTING_SPACE, BoostingSettings, has_trees
from recsys.recommender import RANKED, RUNGS, RecommenderSettings, TwoStage, parameters_of, source_of, with_parameters
from recsys.rewards import RewardSettings
from recsys.search_space import Grid, Space, choices
from recsys.state import StateSettings
from recsys.timeline import format_duration, format_instant


@dataclass(frozen=True)
class TunedRung:
    """What became of one rung.

    Attributes:
        rung: its name.
        found: the search; None where the rung could not be tried.
        n_windows: windows on which it was judged.
        note: what is to be said of it, if anything.
    """

    rung: str
    found: Search | None
    n_windows: int
    note: str = ""

    @property
    def is_better(self) -> bool:
        """Whether a setting was found that is better than what the configuration has."""
        return self.found is not None and self.found.after > self.found.before


@dataclass(frozen=True)
class Tuning:
    """What became of all rungs.

    Attributes:
        rungs: in the order in which they were asked for.
        cutoffs: of the windows that decided.
        n_users: users of these windows, each counted once a window.
        repeats: the policy under which lists were judged.
    """

    rungs: tuple[TunedRung, ...]
    cutoffs: tuple[datetime, ...]
    n_users: int
    repeats: str


def comparable(
    recommender: RecommenderSettings, rules: EvaluationSettings
) -> tuple[RecommenderSettings, EvaluationSettings]:
    """Return settings under which rankers are judged on the same windows and users as heuristics are."""
    n_users = min(rules.selection_users, recommender.ranking.max_users)
    same = {"max_users": n_users, "validation_windows": rules.selection_windows}
    ranking = recommender.ranking.model_copy(update=same)
    return (
        recommender.model_copy(update={"ranking": ranking}),
        rules.model_copy(update={"selection_users": n_users}),
    )


@dataclass(frozen=True)
class Tuner:
    """Tunes rungs on windows before an instant.

    Attributes:
        trials: the log, seen through the same settings.
        as_of: every label that is read was known and mature before it.
        recommender: the ladder; see `comparable`.
        rules: windows, depth and users; see `comparable`.
        rewards: the reward definitions.
        state: its half-lives are those that can be tried.
        n_trials: settings that every rung may try, the one it has included.
        seed: of the sampler, the same for every rung.
        on_step: told what is at work, and how many more trials are done or left.
    """

    trials: Trials
    as_of: datetime
    recommender: RecommenderSettings
    rules: EvaluationSettings
    rewards: RewardSettings
    state: StateSettings
    n_trials: int
    seed: int = 0
    on_step: Callable[[str, int], None] = lambda what, n: None

    def run(self, rungs: Sequence[str]) -> Tuning:
        """Tune some rungs of the ladder, or the ranker.

        Raises:
            DataError: if no earlier window has a label.
            LeakageError: if the settings were tuned on labels that were not yet known at `as_of`.
        """
        require_not_tuned_later(self.recommender, self.as_of)
        rules = self.rules
        most = max(rules.selection_windows, self.recommender.ranking.windows)
        every = earlier_cutoffs(self.trials, self.as_of, rules=rules, rewards=self.rewards, n_windows=most)
        self.on_step("what the configuration has", 0)
        tried = self._tried(every[-rules.selection_windows :])
        selection = select(tried, self.recommender, k=rules.k, max_users=rules.selection_users)
        repeats = selection.plan.repeats
        windows = [DecidingWindow(trial, trial.sample(rules.selection_users), repeats, rules.k) for trial in tried]
        tuned = []
        for rung in rungs:
            self.on_step(rung, 0)
            is_ranked = rung == RANKED
            tuned.append(self._ranked(every, selection) if is_ranked else self._heuristic(rung, selection, windows))
            n_tried = tuned[-1].found.n_tried if tuned[-1].found else 0
            self.on_step(rung, self.n_trials - n_tried)
        cutoffs = tuple(trial.fold.cutoff for trial in tried)
        return Tuning(tuple(tuned), cutoffs, sum(window.users.height for window in windows), repeats)

    def _tried(self, cutoffs: Sequence[datetime]) -> list[Trial]:
        """Put the ladder on trial on every window with a label."""
        trials = [self.trials.trial(cutoff, self.as_of) for cutoff in cutoffs]
        tried = [trial for trial in trials if trial.truth.height]
        if not tried:
            n, length = self.rules.selection_windows, format_duration(self.rules.horizon)
            raise DataError(
                f"as_of {format_instant(self.as_of)}: 0 of {n} earlier window(s) of {length} have a horizon of history "
                "and a label; choose a later instant or a shorter horizon"
            )
        return tried

    def _heuristic(self, rung: str, selection: Selection, windows: Sequence[DecidingWindow]) -> TunedRung:
        plan, space = selection.plans[rung], RUNGS[rung].space
        source = source_of(plan.parts[0], self.recommender)

        def score(setting: Setting) -> float:
            tuned = with_parameters(source, space, setting)
            return mean(window.source_ndcg(tuned, plan.fallback) for window in windows)

        found = self._search(rung, space, parameters_of(source, space), score)
        note = "" if rung in selection.scores else "had no candidates of its own"
        return TunedRung(rung, found, len(windows), note)

    def _ranked(self, every: Sequence[datetime], selection: Selection) -> TunedRung:
        ranking = self.recommender.ranking
        if not ranking.windows:
            return TunedRung(RANKED, None, 0, "rankers are left out: recommender.ranking.windows is 0")
        repeats = selection.plan.repeats
        windows = learning_windows(
            self.trials, every, self.as_of, self.recommender, repeats, lambda what: self.on_step(what, 0)
        )
        stage, target = TwoStage(self.recommender), self.rewards.target
        contest = Contest.hold(windows, selection.plan, stage, target=target, as_of=self.as_of, k=self.rules.k)
        if contest is None:
            return TunedRung(RANKED, None, 0, "fewer than two earlier windows to learn from")

        def score(setting: Setting) -> float:
            boosting = BoostingSettings.parse(setting, "recommender.ranking.boosting")
            return contest.judge(ranking.model_copy(update={"boosting": boosting})).score

        space = BOOSTING_SPACE if has_trees(ranking) else {}
        found = self._search(RANKED, space, ranking.boosting.model_dump(include=set(space)), score)
        return TunedRung(RANKED, found, len(contest.courts))

    def _search(self, rung: str, space: Space, first: Setting, score: Callable[[Setting], float]) -> Search:
        half_lives: Mapping[Grid, Sequence[timedelta]] = {
            "counters": self.state.half_lives,
            "covisits": self.state.covisits.half_lives,
        }
        grid = {name: choices(parameter, half_lives, first[name]) for name, parameter in space.items()}

        def counted(setting: Setting) -> float:
            value = score(setting)
            self.on_step(rung, 1)
            return value

        return search(grid, first, counted, n_trials=self.n_trials, seed=self.seed)
