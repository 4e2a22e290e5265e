"""How long the work of some name took."""

from collections.abc import Iterator

import pytest

from recsys.recommender import COST_DTYPES, Stopwatch, costs
from recsys.recommender.costs import retrieval_costs


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each look at the clock come 1, 2, 4, 8, ... seconds after the one before."""

    def told() -> Iterator[float]:
        now, step = 100.0, 1.0
        while True:
            yield now
            now, step = now + step, step * 2

    instants = told()
    monkeypatch.setattr(costs, "perf_counter", lambda: next(instants))


@pytest.mark.usefixtures("ticks")
def test_times_of_one_name_add_up_and_those_of_others_do_not_count() -> None:
    watch = Stopwatch()
    for name in ("own", "popular", "own"):
        with watch.measure(name):
            pass
    assert watch.seconds == {"own": 1 + 16, "popular": 4}  # 2 and 8 passed between the blocks


@pytest.mark.usefixtures("ticks")
def test_work_that_fails_is_not_counted() -> None:
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.measure("own"):
        raise KeyError
    assert watch.seconds == {}


def test_seconds_are_of_a_thousand_users_and_learning_is_not_known() -> None:
    found = retrieval_costs({"own": 3.0, "popular": 0.5}, n_users=2_000)
    assert found.rows() == [("own", 1.5, None), ("popular", 0.25, None)]
    assert dict(found.schema) == COST_DTYPES
