"""What is known at one instant, with dense ids: the input of everything that learns.

A `History` holds only rows with `known_at < as_of`, so whatever is computed from it cannot have peeked.
Its ids are positions in the sorted external ids, which makes it independent of the order of the input rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import polars_hash as plh

from recsys.data.items import LAUNCHED_AT, is_undated, latest_versions
from recsys.errors import DataError
from recsys.rewards import RewardSettings, add_rewards
from recsys.tables import ITEM_DTYPES
from recsys.timeline import format_instant, instant_literal, known_before

ITEM_COLUMNS = ["title", "category", "brand", "price", "available_from", "available_to"]
"""What the history takes over from the latest version of an item."""


@dataclass(frozen=True)
class History:
    """Interactions, users and items as known at `as_of`.

    Attributes:
        as_of: only rows with `known_at` before it are here.
        events: one row per interaction: `user_idx` (u32, null for anonymous), `item_idx` (u32), `event_type`,
            `event_time`, `reward` (the target reward, net of returns); sorted.
        users: `user_idx`, `user_id`, `market` (of the latest event), `n_events`, `last_time`.
        items: `item_idx`, `item_id`; of the latest version `title`, `category`, `brand`, `price`, `available_from` and
            `available_to`; `first_time`, the earliest sign that it is on offer (first interaction, `available_from`,
            launch of the first version); `is_available`; `tie` (u64, a hash of the id that orders equal scores).
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
        Reads rows with `known_at < as_of`, of events and of item versions. A version that has no time of its own
        (neither `known_at` nor `available_from`) counts only if an event of its item, or an exposure, is known before
        `as_of`: otherwise the items of the future would stand in every past catalogue.

    Args:
        events: rows of the event contract, in any order.
        as_of: the logical now.
        rewards: the reward definitions; their target becomes the column `reward`.
        items: item versions, or what `ItemTable.scan(as_of)` made of them; an item without one is known from its
            events alone.

    Returns:
        The history; users and items are numbered in the order of their external ids.

    Raises:
        DataError: if no interaction is known before `as_of`.
    """
    visible = add_rewards(events.filter(known_before(as_of)), rewards).lazy().collect()
    if visible.is_empty():
        raise DataError(f"events: none is known before {format_instant(as_of)}; ingest earlier events or move --as-of")
    users = _users(visible)
    versions = pl.LazyFrame(schema=ITEM_DTYPES) if items is None else items
    catalogue = _catalogue(visible, _versions(versions, events, as_of), as_of)
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


def _versions(items: pl.LazyFrame, events: pl.LazyFrame, as_of: datetime) -> pl.DataFrame:
    """Return the latest version of each item that is in the catalogue."""
    columns = ["item_id", "known_at", LAUNCHED_AT, *ITEM_COLUMNS]
    latest = latest_versions(items, as_of).select(columns).collect()
    undated = latest.filter(is_undated())
    if undated.is_empty():
        return latest
    seen_lf = events.filter(known_before(as_of)).select("item_id").unique()
    unseen = undated.lazy().join(seen_lf, on="item_id", how="anti").collect()
    return latest.join(unseen, on="item_id", how="anti", maintain_order="left")


def _catalogue(visible: pl.DataFrame, versions: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    first_events = visible.group_by("item_id").agg(first_event=pl.col("event_time").min())
    now = instant_literal(as_of)
    return (
        number(pl.concat([first_events["item_id"], versions["item_id"]]), "item")
        .join(versions.select("item_id", LAUNCHED_AT, *ITEM_COLUMNS), on="item_id", how="left", maintain_order="left")
        .join(first_events, on="item_id", how="left", maintain_order="left")
        .select(
            "item_idx",
            "item_id",
            *ITEM_COLUMNS,
            first_time=pl.min_horizontal("first_event", "available_from", LAUNCHED_AT),
            is_available=(pl.col("available_from").is_null() | (pl.col("available_from") <= now))
            & (pl.col("available_to").is_null() | (pl.col("available_to") > now)),
            tie=plh.col("item_id").nchash.xxh3_64(),
        )
    )
