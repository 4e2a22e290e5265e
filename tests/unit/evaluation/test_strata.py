from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys.errors import ConfigError, DataError, LeakageError
from recsys.evaluation import build_strata
from recsys.timeline import INSTANT

CUTOFF = datetime(2024, 6, 1, tzinfo=UTC)


def users(*rows: tuple[int, int, float | None, str | None]) -> pl.DataFrame:
    table = [(user, n, None if age is None else CUTOFF - timedelta(days=age), market) for user, n, age, market in rows]
    schema = {"user_idx": pl.UInt32(), "n_events": pl.Int64(), "last_time": INSTANT, "market": pl.String()}
    return pl.DataFrame(table, schema=schema, orient="row")


def test_strata_are_decided_in_the_order_cold_dormant_heavy_light() -> None:
    # a silence of exactly 90 days is not dormant; a dormant user stays so however many events there were
    rows = [(3, 50, 90.1, "DE"), (2, 20, 90.0, "DE"), (1, 19, 1.0, None), (0, 0, None, "FR")]
    assert build_strata(users(*rows), cutoff=CUTOFF).rows() == [
        (0, "cold", "FR"),
        (1, "light", "(none)"),
        (2, "heavy", "DE"),
        (3, "dormant", "DE"),
    ]


def test_thresholds_are_settings() -> None:
    table = build_strata(
        users((0, 2, 5.0, None), (1, 2, 8.0, None)), cutoff=CUTOFF, heavy_from=2, dormant_after=timedelta(days=7)
    )
    assert table["activity"].to_list() == ["heavy", "dormant"]


@pytest.mark.parametrize(("heavy_from", "days"), [(0, 90), (20, 0)])
def test_a_threshold_that_is_not_positive_is_refused(heavy_from: int, days: int) -> None:
    with pytest.raises(ConfigError, match="both must be positive"):
        build_strata(users(), cutoff=CUTOFF, heavy_from=heavy_from, dormant_after=timedelta(days=days))


def test_a_last_time_at_the_cutoff_is_a_leak() -> None:
    with pytest.raises(LeakageError, match="1 of 1 rows have a last_time at or after it; first: user_idx=0"):
        build_strata(users((0, 1, 0.0, None)), cutoff=CUTOFF)


def test_events_without_a_last_time_are_refused() -> None:
    with pytest.raises(DataError, match="1 of 1 rows have events and no last_time"):
        build_strata(users((0, 1, None, None)), cutoff=CUTOFF)


def test_a_user_twice_is_refused() -> None:
    with pytest.raises(DataError, match="2 of 2 rows have a user_idx that occurs twice"):
        build_strata(users((0, 0, None, None), (0, 0, None, None)), cutoff=CUTOFF)
