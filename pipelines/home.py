"""A home seen through a configuration: what was known at any instant, and what came after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import polars as pl

from pipelines.configuration import Config
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.errors import DataError
from recsys.evaluation import Fits, Trial, build_trial
from recsys.frame_cache import FrameCache, code_digest, frame_digest
from recsys.knowledge import Knowledge, gather
from recsys.recommender import Examples
from recsys.rewards import label_pairs, shown_positions
from recsys.timeline import Fold, format_instant, instant_literal

_TRAINING_ONLY = {
    "windows",
    "validation_windows",
    "rankers",
    "ensemble_gain",
    "n_negatives",
    "window_half_life",
    "objectives",
    "boosting",
    "seed",
}
"""Settings of the ranker that do not change its examples, so that those are kept when they change."""

_LIBRARIES = ("faiss-cpu", "implicit", "numpy", "polars", "scikit-learn", "scipy")
"""Libraries whose next version may compute other candidates and features."""

_LATER: Mapping[str, set[str] | bool] = {
    "ranking": _TRAINING_ONLY,
    "slate": True,
    "tuned": True,
    "tuned_as_of": True,
    "n_warm_iterations": True,
}
"""Settings of the recommender that do not change examples: those, the rules of the final list, tuned variants, and warm
starts, which only the model itself has."""


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

    @cached_property
    def item_version(self) -> int | None:
        """The version of the item table that the whole run reads; None where there is none."""
        return ItemTable(self.path).version

    def has_history(self, cutoff: datetime) -> bool:
        """Whether what was known at a cutoff reaches back at least one horizon."""
        horizon = self.config.evaluation.horizon
        if cutoff - datetime.min.replace(tzinfo=UTC) < horizon:
            return False
        earliest = instant_literal(cutoff - horizon)
        return self.events(cutoff).filter(pl.col("event_time") <= earliest).head(1).collect().height > 0

    def event_days(self, as_of: datetime) -> list[datetime]:
        """Return the midnights of the days with an event known before `as_of`, ascending."""
        midnights = self.events(as_of).select(pl.col("event_time").dt.truncate("1d").unique().sort())
        return midnights.collect().to_series().to_list()

    def ends(self) -> tuple[datetime, datetime]:
        """Return the midnights after the log's last event happened and after its last row became known.

        Label windows are placed before the first; the labels in them are those known before the second.

        Raises:
            DataError: if nothing was ever ingested.
        """
        if self.log_version is None:
            raise DataError(f"{self.path}: there are no events yet; run `recsys ingest` first")
        log_lf = EventLog(self.path).scan_files(self.log_version)
        last = log_lf.select(pl.col("event_time", "known_at").max()).collect().row(0)
        if None in last:
            raise DataError(f"{self.path}: the log has 0 events; run `recsys ingest` first")
        happened, known = (datetime.combine(t.date(), time(), tzinfo=UTC) + timedelta(days=1) for t in last)
        return happened, known

    def events(self, as_of: datetime) -> pl.LazyFrame:
        """Events known before `as_of`, at this run's version of the log."""
        return EventLog(self.path).scan(as_of, version=self.log_version)

    def knowledge(self, as_of: datetime) -> Knowledge:
        """Gather what was known before `as_of`, at this run's versions of the log and of the item table."""
        pinned = self.item_version
        return gather(
            self.events(as_of),
            as_of=as_of,
            rewards=self.config.rewards,
            state=self.config.state,
            items=None if pinned is None else ItemTable(self.path).scan(as_of, version=pinned),
        )

    def labels(self, fold: Fold) -> dict[str, pl.DataFrame]:
        """Return the fold's pairs with a positive reward, per named reward, the target first."""
        rewards = self.config.rewards
        names = sorted(rewards.definitions, key=lambda name: name != rewards.target)
        # The log is read once for all rewards.
        rows_lf = self._since(fold).collect().lazy()
        return {
            name: label_pairs(rows_lf, fold, rewards.model_copy(update={"target": name})).select(
                "user_id", "item_id", "first_event_time", reward=f"reward_{name}"
            )
            for name in names
        }

    def positions(self, fold: Fold) -> pl.DataFrame:
        """Return where the fold's label window showed which item to whom; see `shown_positions`."""
        return shown_positions(self._since(fold), fold)

    def trial(self, cutoff: datetime, as_of: datetime) -> Trial:
        """Put the ladder on trial at a cutoff, with the labels known before `as_of`.

        What was learned at a cutoff is kept while it may still serve as an earlier window of the next ones.
        """
        fold = self._fold(cutoff, as_of)
        return self._trial(fold, self.labels(fold), self.positions(fold))

    def examples(self, cutoff: datetime, as_of: datetime, repeats: str) -> Examples | None:
        """Return what a ranker learns from a window with the labels known before `as_of`, kept by content.

        What the channels cost is kept beside them, as measured when they were made. None if the window has no label of
        the target reward.
        """
        fold = self._fold(cutoff, as_of)
        labels = self.labels(fold)
        if labels[self.config.rewards.target].is_empty():
            return None
        positions = self.positions(fold)
        inputs = self._inputs(cutoff, labels, positions, repeats)
        kept, costs = (FrameCache(self.path / "cache" / name) for name in ("examples", "costs"))

        def make() -> pl.DataFrame:
            made = self._trial(fold, labels, positions).examples(repeats)
            costs.put(inputs, made.costs)
            return made.frame()

        frame = kept.get(inputs, make)
        return Examples.read(cutoff, frame, costs.find(inputs))

    def _inputs(
        self, cutoff: datetime, labels: Mapping[str, pl.DataFrame], positions: pl.DataFrame, repeats: str
    ) -> dict[str, object]:
        """Return everything that the examples of a window depend on."""
        return {
            "cutoff": format_instant(cutoff),
            "log": self.log_version,
            "items": self.item_version,
            "labels": {name: frame_digest(frame) for name, frame in labels.items()},
            "positions": frame_digest(positions),
            "repeats": repeats,
            "code": code_digest(),
            "libraries": {name: version(name) for name in _LIBRARIES},
            **self.config.model_dump(mode="json", include={"rewards": True, "state": True}),
            "recommender": self.config.recommender.model_dump(mode="json", exclude=_LATER),
        }

    def _fold(self, cutoff: datetime, as_of: datetime) -> Fold:
        rules = self.config.evaluation
        return Fold(cutoff=cutoff, horizon=rules.horizon, as_of=as_of, gap=rules.gap)

    def _since(self, fold: Fold) -> pl.LazyFrame:
        """Rows known before the fold's `as_of`, from its label window on: what came in it needs no older row."""
        return EventLog(self.path).scan(fold.as_of, since=fold.label_window.start, version=self.log_version)

    def _trial(self, fold: Fold, labels: Mapping[str, pl.DataFrame], positions: pl.DataFrame) -> Trial:
        if fold.cutoff not in self._fits:
            for oldest in sorted(self._fits)[: -self.config.evaluation.selection_windows]:
                del self._fits[oldest]
            self._fits[fold.cutoff] = Fits(self.knowledge(fold.cutoff), self.config.recommender)
        return build_trial(self._fits[fold.cutoff], fold, labels, positions)
