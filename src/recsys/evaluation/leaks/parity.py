"""A probe of the state: brought up to date night by night, it is the one that is built at once."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import polars as pl

from recsys.evaluation.leaks.finding import Finding
from recsys.evaluation.leaks.subject import Log, Subject
from recsys.knowledge import Knowledge
from recsys.state import DecayedState, build_state, update_state
from recsys.tables import CandidateSet, Floats

STATE_PARITY = "state_parity"

RELATIVE = 1e-9
"""Largest difference between two sums, relative to the larger one."""

_DUST = 1e-12
"""What rounding leaves where sums cancel, relative to the largest of the column."""

_GRAINS = ("user", "item", "user_item", "user_category", "market_item")
_STEP = float(np.finfo(np.float32).eps)


class Update(Protocol):
    """Brings a state up to date, as `update_state` does."""

    def __call__(
        self, state: DecayedState, events: pl.LazyFrame, *, as_of: datetime, items: pl.DataFrame | None = None
    ) -> DecayedState:
        """Add what became known since."""
        ...


def state_parity(
    subject: Subject,
    log: Log,
    candidates: CandidateSet,
    matrix: Floats,
    *,
    nights: int = 3,
    update: Update = update_state,
) -> Finding:
    """Demand that a state updated over some nights holds what a rebuild holds, and gives the same features.

    Sums agree to 1e-9 relative, counts and times exactly, features to 1e-9 of the feature's largest value beyond the
    one step of Float32 in which they are stored.

    Args:
        subject: has learned from a rebuilt state.
        log: what it learned from.
        candidates: some of its candidates.
        matrix: their features.
        nights: how many nights before the subject's instant the update starts.
        update: what brings a state up to date.
    """
    knowledge = subject.knowledge
    updated = _updated(knowledge.state, log, knowledge.history.items, nights, update)
    showed = f"{len(_GRAINS) + 1} tables of sums and {matrix.shape[1]} features after {nights} nightly updates"
    tables = _tables(knowledge.state, knowledge.as_of), _tables(updated, knowledge.as_of)
    features = subject.features_from(Knowledge(knowledge.history, updated, knowledge.target), candidates)
    names = [feature.name for feature in subject.features]
    problem = next(_different_sums(*tables), "") or next(_different_features(matrix, features, names), "")
    return Finding(STATE_PARITY, not problem, showed, problem)


def _updated(rebuilt: DecayedState, log: Log, items: pl.DataFrame, nights: int, update: Update) -> DecayedState:
    """Build the state of some nights ago and update it each night since."""
    instants = [rebuilt.as_of - timedelta(days=night) for night in range(nights, -1, -1)]
    state = build_state(log.events, as_of=instants[0], settings=rebuilt.settings, rewards=rebuilt.rewards)
    categories = items.select("item_id", "category").drop_nulls("category")
    for instant in instants[1:]:
        state = update(state, log.events, as_of=instant, items=categories if instant == instants[-1] else None)
    return state


def _tables(state: DecayedState, as_of: datetime) -> dict[str, pl.DataFrame]:
    return {**{grain: state.read(grain, as_of) for grain in _GRAINS}, "covisits": state.covisits(as_of)}


def _different_sums(rebuilt: Mapping[str, pl.DataFrame], updated: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """Name what differs, table by table."""
    for name, table in rebuilt.items():
        other = updated[name]
        keys = [key for key in table.columns if table.schema[key] == pl.String]
        if not table.select(keys).equals(other.select(keys)):
            yield f"{name}: {other.height:,} rows instead of {table.height:,}, or of other keys"
            continue
        for column in table.columns:
            wrong = np.flatnonzero(_differs(table[column], other[column]))
            if len(wrong):
                row = int(wrong[0])
                what = ", ".join(f"{key}={table[key][row]!s:.60}" for key in keys)
                text = f"{column} is {other[column][row]} instead of {table[column][row]}"
                yield f"{name}: {len(wrong):,} of {table.height:,} rows differ; first: {what}, {text}"


def _differs(one: pl.Series, other: pl.Series) -> np.ndarray:
    if not one.dtype.is_float():
        return one.ne_missing(other).to_numpy()
    a, b = one.to_numpy(), other.to_numpy()
    dust = _DUST * float(np.abs(a).max(initial=0.0))
    return np.asarray(~(np.abs(a - b) <= RELATIVE * np.maximum(np.abs(a), np.abs(b)) + dust))


def _different_features(rebuilt: Floats, updated: Floats, names: list[str]) -> Iterator[str]:
    """Name the features that differ."""
    for place, name in enumerate(names):
        a, b = (matrix[:, place].astype(np.float64) for matrix in (rebuilt, updated))
        largest = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
        is_same = np.abs(a - b) <= RELATIVE * largest + _STEP * np.maximum(np.abs(a), np.abs(b))
        wrong = np.flatnonzero(~(is_same | (np.isnan(a) & np.isnan(b)) | (a == b)))
        if len(wrong):
            row = int(wrong[0])
            yield f"feature {name}: {len(wrong):,} of {len(a):,} rows differ; first: {b[row]} instead of {a[row]}"
