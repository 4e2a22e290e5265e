"""A home seen through a configuration: what was known at any instant, and what came after it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from pipelines.configuration import Config
from recsys.candidates import Knowledge, gather
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.evaluation import Fits, Trial, build_trial
from recsys.rewards import label_pairs
from recsys.timeline import Fold


@dataclass(frozen=True)
class Home:
    """The log and the items of one home.

    Attributes:
        path: folder of the log.
        config: the run's configuration.
    """

    path: Path
    config: Config
    _fits: dict[datetime, Fits] = field(default_factory=dict)

    @cached_property
    def log_version(self) -> int | None:
        """The version of the log that the whole run reads."""
        return EventLog(self.path).version

    def has_history(self, cutoff: datetime) -> bool:
        """Whether what was known at a cutoff reaches back at least one horizon."""
        first = self.events(cutoff).select(pl.col("event_time").min()).collect().item()
        return first is not None and cutoff - first >= self.config.evaluation.horizon

    def ends(self) -> tuple[datetime, datetime]:
        """Return the midnights after the log's last event happened and after its last row became known.

        Label windows are placed before the first; the labels in them are those known before the second.
        """
        log_lf = EventLog(self.path).scan_files(self.log_version)
        last = log_lf.select(pl.col("event_time", "known_at").max()).collect().row(0)
        happened, known = (datetime.combine(t.date(), time(), tzinfo=UTC) + timedelta(days=1) for t in last)
        return happened, known

    def events(self, as_of: datetime) -> pl.LazyFrame:
        """Events known before `as_of`, at this run's version of the log."""
        return EventLog(self.path).scan(as_of, version=self.log_version)

    def knowledge(self, as_of: datetime) -> Knowledge:
        """Gather what was known before `as_of`."""
        return gather(
            self.events(as_of),
            as_of=as_of,
            rewards=self.config.rewards,
            state=self.config.state,
            items=ItemTable(self.path).scan(as_of),
        )

    def labels(self, fold: Fold) -> dict[str, pl.DataFrame]:
        """Return the fold's pairs with a positive reward, per named reward, the target first."""
        rewards = self.config.rewards
        names = sorted(rewards.definitions, key=lambda name: name != rewards.target)
        events = self.events(fold.as_of)
        return {
            name: label_pairs(events, fold, rewards.model_copy(update={"target": name})).select(
                "user_id", "item_id", "first_event_time", reward=f"reward_{name}"
            )
            for name in names
        }

    def trial(self, cutoff: datetime, as_of: datetime) -> Trial:
        """Put the ladder on trial at a cutoff, with the labels known before `as_of`.

        What was learned at a cutoff is kept while it may still serve as an earlier window of the next ones.
        """
        rules = self.config.evaluation
        if cutoff not in self._fits:
            for oldest in sorted(self._fits)[: -rules.selection_windows]:
                del self._fits[oldest]
            self._fits[cutoff] = Fits(self.knowledge(cutoff), self.config.recommender)
        fold = Fold(cutoff=cutoff, horizon=rules.horizon, as_of=as_of, gap=rules.gap)
        return build_trial(self._fits[cutoff], fold, self.labels(fold))
