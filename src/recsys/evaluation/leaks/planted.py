"""Canaries: users and items that first appear at an instant, so that whatever shows them earlier has peeked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

import polars as pl

from recsys.data.items import ALWAYS_KNOWN
from recsys.errors import DataError
from recsys.evaluation.leaks.subject import Log
from recsys.rewards import RewardSettings, add_rewards
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, conform
from recsys.timeline import INSTANT, format_instant, instant_literal, known_before

_USER, _ITEM, _UNDATED = "canary user", "canary item", "canary item without a date"
_STRANGER = "stranger of the canary"


@dataclass(frozen=True)
class Canaries:
    """Who and what is planted.

    Attributes:
        user: a user.
        stranger: a user who has no event at all, with whom the canary is compared.
        items: items; where there is an item table, the last one has a version that tells no time.
        start: from when on they are known.
        end: when all of it is known.
    """

    user: str
    stranger: str
    items: tuple[str, ...]
    start: datetime
    end: datetime


def plant(
    log: Log, start: datetime, users: Sequence[str], rewards: RewardSettings, *, since: datetime
) -> tuple[Canaries, Log]:
    """Add canaries to a log: every other user takes each canary item, and the canary user takes what they took before.

    Time:
        What is added is known at or after `start`; only the item version without a time counts as always known.

    Args:
        log: the log.
        start: from when on the canaries are known.
        users: who takes the canary items.
        rewards: the reward definitions; events that earned the target reward are the models of those added.
        since: from when on events may be models.

    Returns:
        The canaries and the log with them.

    Raises:
        DataError: if no event is a model.
    """
    items = (_ITEM,) if log.items is None else (_ITEM, _UNDATED)
    models = _models(log, start, since, rewards)
    takers = pl.DataFrame({"user_id": sorted(users)[::2]})
    taken = [_repeated(models, takers.height).with_columns(takers["user_id"], item_id=pl.lit(i)) for i in items]
    own = models.head(20).with_columns(user_id=pl.lit(_USER))
    added = pl.concat([own, *taken]).with_columns(
        event_id=pl.format("canary-{}", pl.int_range(pl.len())),
        basket_id=pl.lit(None, pl.String),
        event_time=_at(start),
    )
    added = added.with_columns(known_at=pl.col("event_time")).select(EVENT_DTYPES.keys())
    events = pl.concat([log.events.select(EVENT_DTYPES.keys()), added.lazy()])
    end = start + timedelta(seconds=added.height)
    return Canaries(_USER, _STRANGER, items, start, end), Log(events, _with_undated(log.items))


def _models(log: Log, start: datetime, since: datetime, rewards: RewardSettings) -> pl.DataFrame:
    """Return rewarded events of known users, the latest first."""
    recent = log.events.filter(known_before(start) & (pl.col("event_time") >= instant_literal(since)))
    rewarded = add_rewards(recent, rewards).filter(
        (pl.col(f"reward_{rewards.target}") > 0) & pl.col("user_id").is_not_null()
    )
    ordered = rewarded.select(EVENT_DTYPES.keys()).collect().sort("event_time", "event_id", descending=True)
    if ordered.is_empty():
        raise DataError(
            f"events: none of [{format_instant(since)}, {format_instant(start)}) earned {rewards.target!r}; "
            "choose another --as-of"
        )
    return ordered.unique("item_id", keep="first", maintain_order=True).head(1_000)


def _repeated(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """Return n rows, going round."""
    places = [place for place, _ in zip(cycle(range(rows.height)), range(n), strict=False)]
    return rows[places]


def _at(start: datetime) -> pl.Expr:
    """Return the instant in the first row, and a second later in each further one."""
    return (instant_literal(start) + pl.duration(seconds=pl.int_range(pl.len()))).cast(INSTANT)


def _with_undated(items: pl.LazyFrame | None) -> pl.LazyFrame | None:
    if items is None:
        return None
    row = pl.DataFrame({"item_id": [_UNDATED], "known_at": [ALWAYS_KNOWN]}, schema_overrides={"known_at": INSTANT})
    return pl.concat([items, conform(row, ITEM_DTYPES, "canary").lazy()], how="diagonal")
