"""Small random logs: several users and items, late rows, returns, anonymous baskets, equal instants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import CovisitKind, CovisitSettings, DecayedState, StateSettings
from recsys.tables import EVENT_DTYPES, conform
from recsys.timeline import INSTANT

START = datetime(2024, 1, 1, tzinfo=UTC)
N_DAYS = 12

SETTINGS = StateSettings(
    half_lives=(timedelta(hours=6), timedelta(days=30)),
    covisits=CovisitSettings(
        half_lives=(timedelta(days=1), timedelta(days=30)),
        window=timedelta(days=2),
        max_visits_back=2,
        max_visit_items=2,
    ),
)
REWARDS = RewardSettings(
    target="sold",
    definitions={
        "sold": RewardDefinition(
            weights={"purchase": 2.0, "like": 0.5},
            transform="revenue",
            returns={"return": "purchase"},
            return_window=timedelta(days=3),
        ),
        "seen": RewardDefinition(weights={"*": 1.0}),
    },
)
PLAIN = RewardSettings()
KINDS: tuple[CovisitKind, ...] = ("covisit", "forward", "typed", "bought")


def rows_of(n_days: int) -> st.SearchStrategy[dict[str, object]]:
    """Draw one row of the first days."""
    return st.fixed_dictionaries(
        {
            "user_id": st.sampled_from([None, "u", "v", "w"]),
            "item_id": st.sampled_from("abcd"),
            "event_type": st.sampled_from(["view", "like", "purchase", "purchase", "return", "exposure"]),
            "hour": st.integers(0, 24 * n_days - 1).map(lambda hour: hour // 6 * 6),
            "delay": st.sampled_from([0, 0, 0, 1, 30, 100]),
            "quantity": st.sampled_from([None, 1.0, 2.0, 3.0]),
            "price": st.sampled_from([None, 1.0, 2.5]),
            "basket_id": st.sampled_from([None, None, "p", "q"]),
            "market": st.sampled_from([None, "n", "s"]),
        }
    )


logs = st.lists(rows_of(N_DAYS), max_size=40).map(lambda rows: to_events(rows))
dense_logs = st.lists(rows_of(2), min_size=20, max_size=40).map(lambda rows: to_events(rows))
"""Logs of two days, in which almost everything meets."""


def day(number: int) -> datetime:
    """Return midnight of a day of the logs."""
    return START + timedelta(days=number)


def to_events(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Turn drawn rows into the event contract."""
    schema = {"user_id": pl.String, "item_id": pl.String, "event_type": pl.String, "hour": pl.Int64, "delay": pl.Int64}
    more = {"quantity": pl.Float64, "price": pl.Float64, "basket_id": pl.String, "market": pl.String}
    frame = pl.DataFrame(rows, schema={**schema, **more}).with_row_index("event_id")
    happened = pl.lit(START, dtype=INSTANT) + pl.duration(hours=pl.col("hour"))
    frame = frame.with_columns(
        pl.col("event_id").cast(pl.String), event_time=happened, known_at=happened + pl.duration(hours=pl.col("delay"))
    )
    return conform(frame, EVENT_DTYPES, "events")


def tables(state: DecayedState, as_of: datetime) -> dict[str, pl.DataFrame]:
    """Read everything that a state holds."""
    grains = ("user", "item", "user_item", "user_category", "market_item")
    covisits = {f"{kind} pairs": state.covisits(as_of, kind) for kind in KINDS}
    return {**{grain: state.read(grain, as_of) for grain in grains}, **covisits}
