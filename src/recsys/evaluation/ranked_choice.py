"""Does a learned ranker pay here? The best of those that compete is compared with the best heuristic.

The winner learns again from all windows, with the rounds that it took.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recsys.evaluation.channels import ChannelFacts, channel_facts
from recsys.evaluation.contest import Contest, Window, mean
from recsys.recommender import Plan, RankerSet, RankingPlan, TwoStage


@dataclass(frozen=True)
class RankedChoice:
    """What the validation windows say.

    Attributes:
        plan: the plan that ranks.
        rankers: its rankers, fitted on all windows.
        score: mean NDCG over the validation windows.
        rival_score: that of the best heuristic on the same users.
        n_windows: how many validation windows there were.
        channels: what each retrieval channel brought there.
    """

    plan: Plan
    rankers: RankerSet
    score: float
    rival_score: float
    n_windows: int
    channels: tuple[ChannelFacts, ...]


def choose_ranked(
    windows: Sequence[Window], rival: Plan, stage: TwoStage, *, target: str, as_of: datetime, k: int
) -> RankedChoice | None:
    """Let the rankers compete.

    Time:
        The windows are the only input; their labels were known before `as_of`.

    Args:
        windows: earlier windows with labels, ascending; those that validate come last and have a trial.
        rival: the best heuristic's plan, which also names the fallback and the repeats policy.
        stage: retrieval and features.
        target: the target reward.
        as_of: the instant for which the ranker is chosen.
        k: list depth of NDCG.

    Returns:
        The choice, or None with fewer than two windows with a positive: nothing could be learned and validated.
    """
    contest = Contest.hold(windows, rival, stage, target=target, as_of=as_of, k=k)
    if contest is None:
        return None
    found = contest.judge(stage.settings.ranking)
    plan = RankingPlan(
        rankers=found.names,
        objectives=contest.learner.objectives,
        cold=found.cold,
        n_rounds=found.n_rounds,
        windows=len(contest.windows),
    )
    rounds = {name: found.n_rounds[name] for name in found.names}
    fitted = contest.learner.refit([window.examples for window in contest.windows], rounds)
    return RankedChoice(
        plan=Plan(fallback=rival.fallback, repeats=rival.repeats, ranking=plan),
        rankers=RankerSet(plan, fitted),
        score=found.score,
        rival_score=mean(court.rival_ndcg() for court in contest.courts),
        n_windows=len(contest.courts),
        channels=tuple(_channels(contest, stage, target)),
    )


def _channels(contest: Contest, stage: TwoStage, target: str) -> list[ChannelFacts]:
    """Measure the channels on the windows that validate."""
    n_labels = [court.trial.truth.join(court.users, on="user_idx", how="semi").height for court in contest.courts]
    return channel_facts([court.examples for court in contest.courts], n_labels, stage, target=target)
