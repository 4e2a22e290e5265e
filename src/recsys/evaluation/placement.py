"""Where windows lie: evaluation cutoffs, and the earlier windows on which a plan is chosen.

A label window counts only when its labels are mature: where the target has an attribution window, every window that is
placed here ends that much earlier than what is known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recsys.errors import ConfigError
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.trial import Trials
from recsys.rewards import RewardSettings, fold_is_mature
from recsys.timeline import Fold, format_duration, format_instant, rolling_cutoffs


@dataclass(frozen=True)
class PlacedCutoffs:
    """The instants to evaluate at, and those that were tried and left out for want of history; both ascending."""

    cutoffs: list[datetime]
    left_out: list[datetime]


def place_cutoffs(
    trials: Trials, end: datetime, as_of: datetime, *, rules: EvaluationSettings, rewards: RewardSettings
) -> PlacedCutoffs:
    """Return the settings' cutoffs, or without any the last windows that fit.

    Time:
        Label windows end at `end` at the latest, and their labels are mature at `as_of`.

    Args:
        trials: the log under evaluation.
        end: the instant after the log's last event.
        as_of: when the evaluation happens.
        rules: the cutoffs, or how many; horizon and gap.
        rewards: the reward definitions; the target says how long a label window takes to mature.

    Raises:
        ConfigError: if a cutoff of the settings has less than one horizon of history or a window that is not mature,
            or if no window that was placed has such a history.
    """
    if rules.cutoffs:
        _check_history(trials, rules)
        _check_maturity(as_of, rules, rewards)
        return PlacedCutoffs(list(rules.cutoffs), [])
    last = min(end, as_of - label_wait(rewards))
    placed = rolling_cutoffs(last, rules.horizon, rules.n_cutoffs, rules.gap)
    kept = [cutoff for cutoff in placed if trials.has_history(cutoff)]
    if not kept:
        raise ConfigError(
            f"cutoffs: none of the last {len(placed)} window(s) of {format_duration(rules.horizon)} before "
            f"{format_instant(last)} has one horizon of history; ingest earlier events or shorten evaluation.horizon"
        )
    return PlacedCutoffs(kept, [cutoff for cutoff in placed if cutoff not in kept])


def earlier_cutoffs(
    trials: Trials, as_of: datetime, *, rules: EvaluationSettings, rewards: RewardSettings, n_windows: int
) -> list[datetime]:
    """Return the cutoffs whose label windows tile the time before `as_of`, on which a plan for `as_of` is chosen.

    Time:
        The last label window ends at `as_of`, or the target's attribution window earlier, so its labels are mature.

    Args:
        trials: the log.
        as_of: the instant for which a plan is chosen.
        rules: horizon and gap.
        rewards: the reward definitions.
        n_windows: most windows.

    Returns:
        At most `n_windows` cutoffs that have history, ascending; none where the log is too young. Where a window would
        hold no event at all, all of them start on days with events instead.

    Raises:
        ConfigError: if so many windows reach back beyond all time.
    """
    last = as_of - label_wait(rewards)
    placed = rolling_cutoffs(last, rules.horizon, n_windows, rules.gap)
    days = trials.event_days(last)
    if any(trials.has_history(cutoff) and not _holds_any(cutoff, days, rules) for cutoff in placed):
        placed = _on_event_days(days, last, n_windows, rules)
    return [cutoff for cutoff in placed if trials.has_history(cutoff)]


def _holds_any(cutoff: datetime, days: Sequence[datetime], rules: EvaluationSettings) -> bool:
    """Whether a label window meets a day with events."""
    start = cutoff + rules.gap
    return any(start - timedelta(days=1) < day < start + rules.horizon for day in days)


def _on_event_days(
    days: Sequence[datetime], last: datetime, n_windows: int, rules: EvaluationSettings
) -> list[datetime]:
    """Place label windows so that each starts on a day with events, the latest that leaves room for it.

    Where timestamps sit on month starts or come in bursts, windows that tile the time fall between them.
    """
    placed: list[datetime] = []
    end = last
    for day in sorted(days, reverse=True):
        if len(placed) < n_windows and day + rules.horizon <= end:
            placed.append(day - rules.gap)
            end = day
    return placed[::-1]


def label_wait(rewards: RewardSettings) -> timedelta:
    """Return how long after its end a label window is mature: the target's attribution window, or nothing."""
    return rewards.target_definition.attribution_window or timedelta()


def _check_history(trials: Trials, rules: EvaluationSettings) -> None:
    _refuse(
        rules,
        lambda cutoff: not trials.has_history(cutoff),
        "have less than one horizon of history",
        "choose later cutoffs or a shorter horizon",
    )


def _check_maturity(as_of: datetime, rules: EvaluationSettings, rewards: RewardSettings) -> None:
    wait = label_wait(rewards)
    _refuse(
        rules,
        lambda cutoff: not fold_is_mature(Fold(cutoff, rules.horizon, as_of, rules.gap), rewards),
        f"have a label window that is not mature at {format_instant(as_of)}, when the log ends",
        f"choose {format_instant(as_of - wait - rules.gap - rules.horizon)} or earlier",
    )


def _refuse(rules: EvaluationSettings, is_wrong: Callable[[datetime], bool], what: str, advice: str) -> None:
    wrong = [cutoff for cutoff in rules.cutoffs if is_wrong(cutoff)]
    if wrong:
        raise ConfigError(
            f"cutoffs: {len(wrong)} of {len(rules.cutoffs)} {what}; first: {format_instant(wrong[0])}; {advice}"
        )
