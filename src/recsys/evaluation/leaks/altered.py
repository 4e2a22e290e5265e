"""Logs whose future is another one: every row known at or after an instant is changed, none before it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

import numpy as np
import polars as pl

from recsys.evaluation.leaks.subject import Log
from recsys.tables import EVENT_DTYPES, EXPOSURE
from recsys.timeline import INSTANT, instant_literal, known_before

_LOOSE = ["user_id", "item_id", "value", "quantity", "price", "basket_id", "market"]
"""Columns that are shuffled, each by itself."""

_LATE_ROWS = 2_000
"""Most old events that become known late."""

_ADDED = "altered-"
"""Start of the ids of added events."""


@dataclass(frozen=True)
class Swap:
    """Other labels for some users: each of their candidates stands for another one of the same user.

    Attributes:
        pairs: `user_id`, `item_id`, `other_id`; within a user a permutation of the candidates.
    """

    pairs: pl.DataFrame

    @classmethod
    def draw(cls, pairs: pl.DataFrame, seed: int) -> "Swap":
        """Permute each user's candidates; `pairs` has `user_id` and `item_id`.

        Example:
            >>> pairs = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"]})
            >>> sorted(Swap.draw(pairs, seed=1).pairs["other_id"])
            ['x', 'x', 'y']
        """
        ordered = pairs.select("user_id", "item_id").sort("user_id", "item_id")
        draw = pl.Series("draw", np.random.default_rng(seed).random(ordered.height))
        others = ordered.with_columns(draw).sort("user_id", "draw")["item_id"].alias("other_id")
        return cls(ordered.with_columns(others))


def alter_after(log: Log, as_of: datetime, swap: Swap, *, since: datetime, seed: int) -> Log:
    """Change everything that is known at or after an instant.

    The users of the swap keep their events with other items, so that their labels are permuted within their
    candidates. Of all others one row in ten is gone, and users, items, baskets, markets, values, quantities and prices
    are shuffled, each column by itself. All get other amounts; types are replaced, but for the users of the swap. Added
    are: events of the past that become known at the instant itself and later, exposures, and for every item a version
    with another content.

    Time:
        Rows with `known_at < as_of` stay as they are.

    Args:
        log: the log.
        as_of: the instant.
        swap: other labels of some users.
        since: from when on old events may become known late.
        seed: of everything random.
    """
    future = log.events.filter(~known_before(as_of)).collect().sort("event_id")
    past_lf = log.events.filter(known_before(as_of) & (pl.col("event_time") >= instant_literal(since)))
    past = past_lf.select(pl.col("event_id").sort().head(_LATE_ROWS)).collect()
    late = log.events.join(past.lazy(), on="event_id", how="semi").collect().sort("event_id")
    theirs = pl.col("user_id").is_in(swap.pairs["user_id"].unique().implode()).fill_null(False)
    random = np.random.default_rng(seed)
    altered = pl.concat(
        [
            _swapped(future.filter(theirs), swap),
            _shuffled(future.filter(~theirs), random),
            _late(late, as_of, random),
            _exposures(late, as_of),
        ]
    )
    events = pl.concat([log.events.filter(known_before(as_of)), _with_other_amounts(altered).lazy()])
    return Log(events.select(EVENT_DTYPES.keys()), _other_versions(log.items, as_of, random))


def _swapped(rows: pl.DataFrame, swap: Swap) -> pl.DataFrame:
    both = rows.join(swap.pairs, on=["user_id", "item_id"], how="left", maintain_order="left")
    return both.with_columns(item_id=pl.coalesce("other_id", "item_id")).select(EVENT_DTYPES.keys())


def _shuffled(rows: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    kept = rows.filter(pl.Series(random.random(rows.height) >= 0.1))
    loose = {name: kept[name].gather(random.permutation(kept.height)) for name in _LOOSE}
    return kept.with_columns(**loose, event_type=_other_type(kept["event_type"])).select(EVENT_DTYPES.keys())


def _other_type(types: pl.Series) -> pl.Series:
    """Replace each type by the next of those that occur; one that is alone by a new one."""
    found = types.unique().sort().to_list()
    following = cycle([*found[1:], *found[:1]] if len(found) > 1 else ["altered"])
    return types.replace_strict(dict(zip(found, following, strict=False)), default=None, return_dtype=pl.String)


def _late(rows: pl.DataFrame, as_of: datetime, random: np.random.Generator) -> pl.DataFrame:
    """Let old events, of the same users with others' items, become known now: the first of them at the instant."""
    items = rows["item_id"].gather(random.permutation(rows.height))
    return _known_now(rows.with_columns(items), as_of, "late")


def _exposures(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    shown = rows.with_columns(
        event_type=pl.lit(EXPOSURE), position=pl.lit(1, pl.Int32), propensity=pl.lit(0.5), event_time=_now(as_of)
    )
    return _known_now(shown, as_of, "shown")


def _known_now(rows: pl.DataFrame, as_of: datetime, kind: str) -> pl.DataFrame:
    event_id = pl.concat_str(pl.lit(f"{_ADDED}{kind}-"), "event_id").str.head(250)
    return rows.with_columns(event_id=event_id, known_at=_now(as_of)).select(EVENT_DTYPES.keys())


def _now(as_of: datetime) -> pl.Expr:
    """Return the instant in the first row, and a second later in each further one."""
    return (instant_literal(as_of) + pl.duration(seconds=pl.int_range(pl.len()))).cast(INSTANT)


def _with_other_amounts(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("value", "quantity", "price") * 3.0)


def _other_versions(items: pl.LazyFrame | None, as_of: datetime, random: np.random.Generator) -> pl.LazyFrame | None:
    """Give every item another version from the instant on, in place of those that become known later."""
    if items is None:
        return None
    latest = items.sort("item_id", "known_at").unique("item_id", keep="last", maintain_order=True).collect()
    texts = {name: latest[name].gather(random.permutation(latest.height)) for name in ("title", "category", "brand")}
    withdrawn = pl.when(pl.int_range(pl.len()) % 2 == 0).then(instant_literal(as_of - timedelta(days=1)))
    other = latest.with_columns(
        **texts,
        price=pl.col("price") * 3.0,
        known_at=instant_literal(as_of),
        available_from=pl.lit(None, INSTANT),
        available_to=withdrawn,
    )
    return pl.concat([items.filter(known_before(as_of)), other.lazy()], how="diagonal")
