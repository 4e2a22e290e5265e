"""What is known at one instant, with dense ids: the input of everything that learns.

A `History` holds only rows with `known_at < as_of`, so whatever is computed from it cannot have peeked.
Its ids are positions in the sorted external ids, which makes it independent of the order of the input rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import polars_hash as plh

from recsys.errors import DataError
from recsys.rewards import RewardSettings, add_rewards
from recsys.tables import ITEM_DTYPES
from recsys.timeline import format_instant, instant_literal, known_before

ITEM_COLUMNS = ["item_id", "title", "category", "available_from", "available_to"]


@dataclass(frozen=True)
class History:
    """Interactions, users and items as known at `as_of`.

    Attributes:
        as_of: only rows with `known_at` before it are here.
        events: one row per interaction: `user_idx` (u32, null for anonymous), `item_idx` (u32), `event_type`,
            `event_time`, `reward` (the target reward, net of returns); sorted.
        users: `user_idx`, `user_id`, `market` (of the latest event), `n_events`, `last_time`.
        items: `item_idx`, `item_id`, `title`, `category`, `first_time` (of the first event, else `available_from`),
            `is_available`, `tie` (u64, a hash of the id that orders equal scores).
    """

    as_of: datetime
    events: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame


def read_history(
    events: pl.LazyFrame, *, as_of: datetime, rewards: RewardSettings, items: pl.LazyFrame | None = None
) -> History:
    """Collect what was known before `as_of` and give users and items dense ids.

    Time:
        Reads rows with `known_at < as_of`, of events and of item versions.

    Args:
        events: rows of the event contract, in any order.
        as_of: the logical now.
        rewards: the reward definitions; their target becomes the column `reward`.
        items: item versions; an item without one is known from its events alone.

    Returns:
        The history; users and items are numbered in the order of their external ids.

    Raises:
        DataError: if no interaction is known before `as_of`.
    """
    visible = add_rewards(events.filter(known_before(as_of)), rewards).lazy().collect()
    if visible.is_empty():
        raise DataError(f"events: none is known before {format_instant(as_of)}; ingest earlier events or move --as-of")
    users = _users(visible)
    catalogue = _catalogue(visible, items, as_of)
    reward = pl.col(f"reward_{rewards.target}").alias("reward")
    numbered = (
        visible.lazy()
        .select("user_id", "item_id", "event_type", "event_time", reward)
        .join(users.lazy().select("user_id", "user_idx"), on="user_id", how="left")
        .join(catalogue.lazy().select("item_id", "item_idx"), on="item_id", how="left")
        .select("user_idx", "item_idx", "event_type", "event_time", "reward")
        .sort("user_idx", "event_time", "item_idx", "event_type", "reward")
        .collect()
    )
    return History(as_of=as_of, events=numbered, users=users, items=catalogue)


def number(ids: pl.Series, name: str) -> pl.DataFrame:
    """Number distinct ids in their sorted order: columns `<name>_idx` (u32) and `<name>_id`."""
    distinct = ids.drop_nulls().unique().sort().alias(f"{name}_id").to_frame()
    return distinct.with_row_index(f"{name}_idx").cast({f"{name}_idx": pl.UInt32})


def with_idx(frame: pl.DataFrame, maps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Replace `<name>_id` by `<name>_idx` for each map, dropping rows whose id is not in it.

    Args:
        frame: a table with external ids.
        maps: name -> table with `<name>_id` and `<name>_idx`.
    """
    for name, table in maps.items():
        key = f"{name}_id"
        frame = frame.join(table.select(key, f"{name}_idx"), on=key, how="inner").drop(key)
    return frame


def _users(visible: pl.DataFrame) -> pl.DataFrame:
    facts = (
        visible.lazy()
        .filter(pl.col("user_id").is_not_null())
        .sort("user_id", "event_time", "market", nulls_last=False)
        .group_by("user_id", maintain_order=True)
        .agg(
            market=pl.col("market").drop_nulls().last(),
            n_events=pl.len(),
            last_time=pl.col("event_time").last(),
        )
        .collect()
    )
    return number(facts["user_id"], "user").join(facts, on="user_id", how="left", maintain_order="left")


def _catalogue(visible: pl.DataFrame, items: pl.LazyFrame | None, as_of: datetime) -> pl.DataFrame:
    versions = (pl.LazyFrame(schema=ITEM_DTYPES) if items is None else items).filter(known_before(as_of))
    latest = (
        versions.sort("item_id", "known_at")
        .group_by("item_id", maintain_order=True)
        .last()
        .select(ITEM_COLUMNS)
        .collect()
    )
    first_times = visible.group_by("item_id").agg(first_time=pl.col("event_time").min())
    now = instant_literal(as_of)
    return (
        number(pl.concat([first_times["item_id"], latest["item_id"]]), "item")
        .join(latest, on="item_id", how="left", maintain_order="left")
        .join(first_times, on="item_id", how="left", maintain_order="left")
        .select(
            "item_idx",
            "item_id",
            "title",
            "category",
            first_time=pl.coalesce("first_time", "available_from"),
            is_available=(pl.col("available_from").is_null() | (pl.col("available_from") <= now))
            & (pl.col("available_to").is_null() | (pl.col("available_to") > now)),
            tie=plh.col("item_id").nchash.xxh3_64(),
        )
    )
