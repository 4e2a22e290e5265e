"""Choose what serves from an instant on: heuristics first, then whether a learned ranker beats the best of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from recsys.errors import LeakageError
from recsys.evaluation.contest import Window
from recsys.evaluation.placement import earlier_cutoffs
from recsys.evaluation.ranked_choice import RankedChoice, choose_ranked
from recsys.evaluation.selection import Duel, Selection, select
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.trial import Trials
from recsys.recommender import RANKED, RecommenderSettings, TwoStage
from recsys.rewards import RewardSettings
from recsys.timeline import format_instant


def choose(
    trials: Trials,
    as_of: datetime,
    *,
    recommender: RecommenderSettings,
    rules: EvaluationSettings,
    rewards: RewardSettings,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[Selection, list[datetime]]:
    """Choose a plan on windows before `as_of`.

    Time:
        Every label that is read was known and mature before `as_of`.

    Args:
        trials: the log.
        as_of: the instant for which a plan is chosen.
        recommender: the ladder.
        rules: windows, depths and how many users decide.
        rewards: the reward definitions.
        on_step: told in words what comes next.

    Returns:
        What the earlier windows decided, and the cutoffs of those on which heuristics were chosen.

    Raises:
        LeakageError: if the settings were tuned on labels that were not yet known at `as_of`.
    """
    require_not_tuned_later(recommender, as_of)
    ranking = recommender.ranking
    n_windows = max(rules.selection_windows, ranking.windows)
    every = earlier_cutoffs(trials, as_of, rules=rules, rewards=rewards, n_windows=n_windows)
    earlier = every[-rules.selection_windows :]
    on_step("heuristics on earlier windows")
    selection = select(
        [trials.trial(cutoff, as_of) for cutoff in earlier], recommender, k=rules.k, max_users=rules.selection_users
    )
    windows = learning_windows(trials, every, as_of, recommender, selection.plan.repeats, on_step)
    on_step("rankers")
    stage = TwoStage(recommender)
    choice = choose_ranked(windows, selection.plan, stage, target=rewards.target, as_of=as_of, k=rules.k)
    return (_with_ranked(selection, choice) if choice else selection), earlier


def learning_windows(
    trials: Trials,
    earlier: Sequence[datetime],
    as_of: datetime,
    recommender: RecommenderSettings,
    repeats: str,
    on_step: Callable[[str], None],
) -> list[Window]:
    """Return the latest earlier windows with a label, from which rankers learn; the last of them with their trial.

    Args:
        trials: the log.
        earlier: cutoffs, ascending.
        as_of: the instant before which labels must be known.
        recommender: how many windows are learned from, and how many of these validate.
        repeats: may candidates be what the user had.
        on_step: told in words what comes next.
    """
    ranking = recommender.ranking
    learned = earlier[-ranking.windows :] if ranking.windows else []
    windows = []
    for number, cutoff in enumerate(learned, start=1):
        on_step(f"candidates and features of window {number} of {len(learned)}")
        examples = trials.examples(cutoff, as_of, repeats)
        if examples is not None:
            validates = len(learned) - number < ranking.validation_windows
            windows.append(Window(examples, trials.trial(cutoff, as_of) if validates else None))
    return windows


def require_not_tuned_later(recommender: RecommenderSettings, as_of: datetime) -> None:
    """Refuse settings that know the future of an instant.

    Raises:
        LeakageError: if they were tuned on labels that were not yet known at `as_of`.
    """
    tuned = recommender.tuned_as_of
    if tuned is not None and as_of < tuned:
        raise LeakageError(
            f"recommender.tuned_as_of: the configuration was tuned on labels known before {format_instant(tuned)}, and "
            f"{format_instant(as_of)} is earlier; choose that instant or later, or use the configuration before tuning"
        )


def _with_ranked(selection: Selection, choice: RankedChoice) -> Selection:
    """Add the ranked rung, which serves if it beat the best heuristic on the same windows."""
    duel = Duel(selection.winner, choice.score, choice.rival_score, choice.n_windows)
    return replace(
        selection,
        plans={**selection.plans, RANKED: choice.plan},
        scores={**selection.scores, RANKED: choice.score},
        winner=RANKED if duel.is_won else selection.winner,
        rankers=choice.rankers,
        duel=duel,
        channels=choice.channels,
    )
