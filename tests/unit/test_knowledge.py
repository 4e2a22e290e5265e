"""What is gathered does not depend on how often the log is read."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.knowledge import Knowledge, gather
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, conform
from tests.unit.small_logs import AS_OF, DAY


def gathered(most: int, passes: list[int]) -> Knowledge:
    """Gather thirty events of five users, six of them not known yet, and count how often the log is read."""
    times = [AS_OF + (place - 24) * DAY for place in range(30)]
    rows = {"event_id": [str(i) for i in range(30)], "event_type": "view", "event_time": times, "known_at": times}
    ids = {"user_id": [f"u{i % 5}" for i in range(30)], "item_id": [f"i{i % 7}" for i in range(30)]}
    schema = {name: EVENT_DTYPES[name] for name in ("event_time", "known_at")}
    events = conform(pl.DataFrame({**ids, **rows}, schema_overrides=schema), EVENT_DTYPES, "events")

    def counted(frame: pl.DataFrame) -> pl.DataFrame:
        passes.append(frame.height)
        return frame

    events_lf = events.lazy().map_batches(counted)
    return gather(events_lf, as_of=AS_OF, rewards=RewardSettings(), state=StateSettings(max_build_rows=most))


@pytest.mark.parametrize("most", [1, 23, 24])
def test_a_log_is_read_once_where_it_fits_into_memory_and_gives_the_same(most: int) -> None:
    one_pass: list[int] = []
    passes: list[int] = []
    whole = gathered(1_000, one_pass)
    few = gathered(most, passes)
    assert_frame_equal(few.history.events, whole.history.events)
    for grain in ("user", "item", "user_item"):
        assert_frame_equal(few.grain(grain), whole.grain(grain), rel_tol=1e-12)
    assert len(one_pass) == 1
    assert (len(passes) == 1) == (most >= 24)
