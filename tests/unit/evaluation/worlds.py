"""A small log with its trials: one view per user and day, of an item that each test chooses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from recsys.evaluation import Fits, Trial, build_trial
from recsys.knowledge import gather
from recsys.ranking import RankingSettings
from recsys.recommender import Examples, RecommenderSettings
from recsys.rewards import RewardSettings, label_pairs, shown_positions
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, conform
from recsys.timeline import Fold

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HORIZON = 7 * DAY

NO_RANKER = RankingSettings(windows=0)
"""For tests of heuristics, which need not wait for rankers."""


def world(
    item_of: Callable[[int, int], str],
    n_days: int = 60,
    *,
    n_users: int = 12,
    type_of: Callable[[int, int], str] = lambda user, day: "view",
    market_of: Callable[[int], str | None] = lambda user: None,
) -> pl.DataFrame:
    """One event per user and day; the functions name its item and type, and the user's market."""
    rows = [(user, day) for day in range(n_days) for user in range(n_users)]
    times = [START + day * DAY for _, day in rows]
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "user_id": [f"u{user}" for user, _ in rows],
            "item_id": [item_of(user, day) for user, day in rows],
            "event_type": [type_of(user, day) for user, day in rows],
            "event_time": times,
            "known_at": times,
            "market": [market_of(user) for user, _ in rows],
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("event_time", "known_at", "market")},
    )
    return conform(frame, EVENT_DTYPES, "world")


@dataclass
class Log:
    """A log under evaluation, as pipelines see one, with cutoffs given in days after `START`."""

    events: pl.DataFrame
    settings: RecommenderSettings = field(default_factory=RecommenderSettings)
    rewards: RewardSettings = field(default_factory=RewardSettings)
    horizon: timedelta = HORIZON

    def event_days(self, as_of: datetime) -> list[datetime]:
        days = self.events.filter(pl.col("known_at") < as_of)["event_time"].dt.truncate("1d")
        return days.unique().sort().to_list()

    def has_history(self, cutoff: datetime) -> bool:
        """Whether the log reaches back one horizon."""
        return cutoff - START >= self.horizon

    def trial(self, cutoff: datetime, as_of: datetime) -> Trial:
        """Put the ladder on trial."""
        known = gather(self.events.lazy(), as_of=cutoff, rewards=self.rewards, state=StateSettings())
        fold = Fold(cutoff=cutoff, horizon=self.horizon, as_of=as_of)
        pairs = label_pairs(self.events.lazy(), fold, self.rewards)
        target = self.rewards.target
        labels = pairs.select("user_id", "item_id", "first_event_time", reward=f"reward_{target}")
        positions = shown_positions(self.events.lazy(), fold)
        return build_trial(Fits(known, self.settings), fold, {target: labels}, positions)

    def examples(self, cutoff: datetime, as_of: datetime, repeats: str) -> Examples | None:
        """Return what a ranker learns from a window."""
        trial = self.trial(cutoff, as_of)
        return None if trial.truth.is_empty() else trial.examples(repeats)

    def trials(self, days: list[int], as_of: int) -> list[Trial]:
        """Put the ladder on trial at several days."""
        return [self.trial(START + day * DAY, START + as_of * DAY) for day in days]
