from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.errors import DataError
from recsys.evaluation import list_age_days

CUTOFF = datetime(2024, 3, 1, tzinfo=UTC)


def test_list_age_counts_to_the_first_label_of_each_user() -> None:
    times = [CUTOFF + timedelta(hours=hours) for hours in (36, 12, 0)]
    truth = pl.DataFrame({"user_idx": [4, 4, 1], "first_event_time": times})
    assert list_age_days(truth, cutoff=CUTOFF).rows() == [(1, 0.0), (4, 0.5)]


def test_a_label_before_the_cutoff_is_refused() -> None:
    truth = pl.DataFrame({"user_idx": [4], "first_event_time": [CUTOFF - timedelta(microseconds=1)]})
    with pytest.raises(DataError, match="1 of 1 labels lie before the cutoff 2024-03-01T00:00:00Z; first: user_idx=4"):
        list_age_days(truth, cutoff=CUTOFF)
