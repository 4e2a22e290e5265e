"""Windows lie where there is history before them and where their labels are mature."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from recsys.errors import ConfigError
from recsys.evaluation import EvaluationSettings, Trial, earlier_cutoffs, place_cutoffs
from recsys.recommender import Examples
from recsys.rewards import RewardDefinition, RewardSettings, fold_is_mature
from recsys.timeline import Fold
from tests.unit.evaluation.worlds import DAY, HORIZON, START

AS_OF = START + 53 * DAY
PLAIN = RewardSettings()
SLOW = RewardSettings(definitions={"interaction": RewardDefinition(attribution_window=timedelta(days=5))})
each_reward = pytest.mark.parametrize("rewards", [PLAIN, SLOW], ids=["at once", "after 5 days"])


class FromDay:
    """A log with history from one day on."""

    def __init__(self, day: int, days: Sequence[int] | None = None) -> None:
        self.first = START + day * DAY
        self.days = range(400) if days is None else days

    def event_days(self, as_of: datetime) -> list[datetime]:
        return [START + day * DAY for day in self.days if START + day * DAY < as_of]

    def has_history(self, cutoff: datetime) -> bool:
        return cutoff >= self.first

    def trial(self, cutoff: datetime, as_of: datetime) -> Trial:
        raise NotImplementedError

    def examples(self, cutoff: datetime, as_of: datetime, repeats: str) -> Examples | None:
        raise NotImplementedError


def rules(*days: int, gap: int = 0, n: int = 3) -> EvaluationSettings:
    cutoffs = tuple(START + day * DAY for day in days)
    return EvaluationSettings(cutoffs=cutoffs, n_cutoffs=n, selection_windows=n, horizon=HORIZON, gap=gap * DAY)


def days(cutoffs: list[datetime]) -> list[int]:
    return [(cutoff - START).days for cutoff in cutoffs]


def test_earlier_cutoffs_tile_the_time_before_as_of_and_need_history() -> None:
    found = earlier_cutoffs(FromDay(30), AS_OF, rules=rules(gap=1), rewards=PLAIN, n_windows=4)
    assert days(found) == [31, 38, 45]  # 53 - 1 - 7 i for i = 4 .. 1; day 24 is too early
    assert earlier_cutoffs(FromDay(60), AS_OF, rules=rules(), rewards=PLAIN, n_windows=3) == []


def test_earlier_windows_end_an_attribution_window_before_as_of() -> None:
    found = earlier_cutoffs(FromDay(0), AS_OF, rules=rules(gap=1), rewards=SLOW, n_windows=2)
    assert days(found) == [33, 40]  # 53 - 5 - 1 - 7 i


@pytest.mark.parametrize(("end", "last"), [(53, 48), (50, 48), (46, 46)])
def test_windows_end_where_the_log_does_or_an_attribution_window_before_what_is_known(end: int, last: int) -> None:
    placed = place_cutoffs(FromDay(0), START + end * DAY, AS_OF, rules=rules(n=2), rewards=SLOW)
    assert days(placed.cutoffs) == [last - 14, last - 7]
    assert placed.left_out == []


@each_reward
def test_every_window_that_is_placed_is_mature(rewards: RewardSettings) -> None:
    placed = place_cutoffs(FromDay(-60), AS_OF, AS_OF, rules=rules(gap=2), rewards=rewards).cutoffs
    earlier = earlier_cutoffs(FromDay(-60), placed[0], rules=rules(gap=2), rewards=rewards, n_windows=3)
    for as_of, cutoffs in ((AS_OF, placed), (placed[0], earlier)):
        assert len(cutoffs) == 3
        assert all(fold_is_mature(Fold(cutoff, HORIZON, as_of, 2 * DAY), rewards) for cutoff in cutoffs)
        assert not fold_is_mature(Fold(cutoffs[-1] + DAY, HORIZON, as_of, 2 * DAY), rewards)


def test_placed_cutoffs_without_history_are_left_out_while_one_is_left() -> None:
    placed = place_cutoffs(FromDay(40), AS_OF, AS_OF, rules=rules(), rewards=PLAIN)
    assert (days(placed.cutoffs), days(placed.left_out)) == ([46], [32, 39])
    with pytest.raises(ConfigError, match=r"none of the last 3 window\(s\) of 7d before 2024-02-23T00:00:00Z has one"):
        place_cutoffs(FromDay(47), AS_OF, AS_OF, rules=rules(), rewards=PLAIN)


def test_declared_cutoffs_need_history() -> None:
    with pytest.raises(ConfigError, match=r"cutoffs: 2 of 3 have less than one horizon.*first: 2024-01-02T00:00:00Z"):
        place_cutoffs(FromDay(30), AS_OF, AS_OF, rules=rules(1, 2, 30), rewards=PLAIN)


def test_declared_cutoffs_need_mature_windows() -> None:
    declared = rules(41, 42, 46)
    with pytest.raises(
        ConfigError, match=r"cutoffs: 2 of 3 have a label window that is not mature.*2024-02-12.*; choose 2024-02-11T"
    ):
        place_cutoffs(FromDay(0), AS_OF, AS_OF, rules=declared, rewards=SLOW)
    assert days(place_cutoffs(FromDay(0), AS_OF, AS_OF, rules=declared, rewards=PLAIN).cutoffs) == [41, 42, 46]


def test_cutoffs_are_kept_in_order_and_each_once() -> None:
    given = EvaluationSettings.parse({"cutoffs": ["2024-03-01", "2024-02-01"]}, "here")
    assert [cutoff.month for cutoff in given.cutoffs] == [2, 3]
    with pytest.raises(ConfigError, match=r"1 instant\(s\) repeated; first: 2024-03-01T00:00:00Z; name each once"):
        EvaluationSettings.parse({"cutoffs": ["2024-03-01", "2024-02-01", "2024-03-01T01:00:00+01:00"]}, "here")


@pytest.mark.parametrize("key", ["horizon", "dormant_after"])
def test_a_span_of_nothing_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}: Input should be greater than"):
        EvaluationSettings.parse({key: "0d"}, "here")


def test_windows_that_reach_back_beyond_all_time_are_refused() -> None:
    century = EvaluationSettings(n_cutoffs=1_000, horizon=36_500 * DAY)
    with pytest.raises(ConfigError, match=r"1000 window\(s\) of 36500d .* reach back beyond the year 1"):
        place_cutoffs(FromDay(0), AS_OF, AS_OF, rules=century, rewards=PLAIN)
    with pytest.raises(ConfigError, match="take fewer or shorter ones"):
        earlier_cutoffs(FromDay(0), AS_OF, rules=century, rewards=PLAIN, n_windows=1_000)


def test_windows_that_would_fall_between_bursts_start_on_them_instead() -> None:
    bursts = FromDay(10, days=[0, 31, 59, 90, 120])
    rules = EvaluationSettings(horizon=28 * DAY)
    found = earlier_cutoffs(bursts, START + 151 * DAY, rules=rules, rewards=RewardSettings(), n_windows=3)
    assert found == [START + day * DAY for day in (59, 90, 120)]


def test_windows_that_hold_events_tile_the_time_whatever_the_days() -> None:
    weekly = FromDay(0, days=range(0, 100, 7))
    rules = EvaluationSettings(horizon=14 * DAY)
    found = earlier_cutoffs(weekly, START + 100 * DAY, rules=rules, rewards=RewardSettings(), n_windows=2)
    assert found == [START + 72 * DAY, START + 86 * DAY]
