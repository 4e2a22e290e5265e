"""Logs of a few events, each written as (user, item, age in days), and what a feature group makes of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from recsys.features import FeatureGroup
from recsys.knowledge import Knowledge, gather
from recsys.rewards import RewardDefinition, RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, CandidateSet, conform

AS_OF = datetime(2024, 4, 10, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
WEEK, MONTH = 7 * DAY, 30 * DAY
HALF_LIVES = (WEEK, MONTH)
SOLD = RewardSettings(target="sold", definitions={"sold": RewardDefinition(weights={"purchase": 1.0})})
Row = tuple[str | None, str, float]


def known(
    rows: Sequence[Row],
    items: Mapping[str, Mapping[str, object]] | None = None,
    *,
    types: Sequence[str] | None = None,
    rewards: RewardSettings | None = None,
) -> Knowledge:
    """Gather what is known of the rows, and of items by id: their columns, known for 300 days."""
    times = [AS_OF - age * DAY for _, _, age in rows]
    frame = pl.DataFrame(
        {
            "event_id": [str(i) for i in range(len(rows))],
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "event_type": list(types or ["purchase"] * len(rows)),
            "event_time": times,
            "known_at": times,
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("user_id", "event_time", "known_at")},
    )
    versions = [{"item_id": name, "known_at": AS_OF - 300 * DAY, **facts} for name, facts in (items or {}).items()]
    return gather(
        conform(frame, EVENT_DTYPES, "events").lazy(),
        as_of=AS_OF,
        rewards=rewards or RewardSettings(),
        state=StateSettings(),
        items=pl.DataFrame(versions, schema=ITEM_DTYPES).lazy(),
    )


def pairs_of(knowledge: Knowledge, pairs: Sequence[tuple[str, str]]) -> CandidateSet:
    """Return pairs of ids as candidates, which are sorted by both; ids that are not known get numbers above all."""
    history = knowledge.history
    users = dict(history.users.select("user_id", "user_idx").iter_rows())
    items = dict(history.items.select("item_id", "item_idx").iter_rows())
    numbered = [(users.get(user, 1_000), items.get(item, 2_000)) for user, item in pairs]
    assert numbered == sorted(numbered)
    return CandidateSet(
        np.array([user for user, _ in numbered], np.uint32), np.array([item for _, item in numbered], np.uint32), {}, {}
    )


def values(group: FeatureGroup, knowledge: Knowledge, pairs: Sequence[tuple[str, str]]) -> dict[str, list[float]]:
    """Fit a group and return each of its features over pairs of ids."""
    found = group.compute(group.fit(knowledge), pairs_of(knowledge, pairs))
    return {feature.name: array.tolist() for feature, array in zip(group.features, found, strict=True)}
