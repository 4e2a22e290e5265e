"""Everything known at one instant: the events with dense ids, and the decayed state over the same events."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl

from recsys.data.history import History, read_history, with_idx
from recsys.rewards import RewardSettings
from recsys.state import DecayedState, StateSettings, build_state
from recsys.timeline import format_duration, known_before

_IDS = ("user_id", "item_id")
_LABELS = ("market", "category")


@dataclass(frozen=True)
class Knowledge:
    """Everything known at `history.as_of`: the events, and the decayed state over them."""

    history: History
    state: DecayedState
    target: str
    _grains: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def as_of(self) -> datetime:
        """The logical now; only `known_at < as_of` is in here."""
        return self.history.as_of

    @cached_property
    def available(self) -> pl.DataFrame:
        """Items that may be recommended at `as_of`: `item_idx`, `tie`."""
        return self.history.items.filter("is_available").select("item_idx", "tie")

    def grain(self, name: str) -> pl.DataFrame:
        """Read one grain of the state at `as_of` with dense ids: its keys, then every measure of the state."""
        if name not in self._grains:
            frame = self.state.read(name, self.as_of)
            tables = {"user": self.history.users, "item": self.history.items}
            ids = [table for table in tables if f"{table}_id" in frame.columns]
            numbered = with_idx(frame, {table: tables[table] for table in ids})
            keys = [f"{table}_idx" for table in ids]
            self._grains[name] = numbered.select(*keys, pl.exclude(keys))
        return self._grains[name]

    def decayed(self, grain: str, half_life: timedelta, *, measure: str | None = None) -> pl.DataFrame:
        """Read one decayed measure of the state at `as_of`, with dense ids.

        Args:
            grain: a grain of the state, e.g. `item` or `user_item`.
            half_life: one of the state's half-lives.
            measure: `events`, or a reward column; the target reward by default.

        Returns:
            The grain's keys and `mass` > 0.
        """
        column = f"{measure or f'reward_{self.target}'}_{format_duration(half_life)}"
        frame = self.state.read(grain, self.as_of).rename({column: "mass"}).filter(pl.col("mass") > 0)
        ids = [name.removesuffix("_id") for name in _IDS if name in frame.columns]
        labels = [name for name in _LABELS if name in frame.columns]
        tables = {"user": self.history.users, "item": self.history.items}
        numbered = with_idx(frame, {name: tables[name] for name in ids})
        return numbered.select(*(f"{name}_idx" for name in ids), *labels, "mass")


def gather(
    events: pl.LazyFrame,
    *,
    as_of: datetime,
    rewards: RewardSettings,
    state: StateSettings,
    items: pl.LazyFrame | None = None,
) -> Knowledge:
    """Gather what was known before `as_of`.

    Time:
        Reads rows with `known_at < as_of`, of events and of item versions; later rows change nothing.

    Args:
        events: rows of the event contract, in any order.
        as_of: the logical now.
        rewards: the reward definitions.
        state: half-lives and co-visit windows of the decayed state.
        items: item versions, where there is a catalogue.

    Raises:
        DataError: if no interaction is known before `as_of`.
    """
    events = _read_once(events.filter(known_before(as_of)), state.max_build_rows)
    history = read_history(events, as_of=as_of, rewards=rewards, items=items)
    categories = history.items.select("item_id", "category").drop_nulls("category")
    decayed = build_state(events, as_of=as_of, settings=state, rewards=rewards, items=categories)
    return Knowledge(history, decayed, rewards.target)


def _read_once(known_lf: pl.LazyFrame, most: int) -> pl.LazyFrame:
    """Hold a log of at most `most` rows in memory: several passes over it follow, and it may be thousands of files."""
    rows = known_lf.head(most + 1).collect()
    return rows.lazy() if rows.height <= most else known_lf
