"""Between external ids and dense expectations: look ids up, bring blocks into tables."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from recsys.data.simulated.draws import Floats, Ints
from recsys.data.simulated.seasons import DAY
from recsys.data.simulated.settings import ShopSettings
from recsys.data.simulated.truth import Expectation, payoff
from recsys.data.simulated.world import World
from recsys.errors import ConfigError, DataError
from recsys.tables import SLATE_DTYPES
from recsys.timeline import format_instant, require_utc

_BLOCK_PAIRS = 2_000_000
"""User-item pairs per dense block of expectations, 16 MB per array."""


Ids = Sequence[str] | pl.Series
"""External ids."""


def number_ids(letter: str, n: int) -> pl.Series:
    """Return `n` ids that sort like their numbers, such as u000 .. u999."""
    digits = len(str(n - 1))
    return pl.select(pl.lit(letter) + pl.int_range(n).cast(pl.String).str.zfill(digits)).to_series()


def find_ids(ids: Ids | None, known: pl.Series, what: str) -> tuple[pl.Series, Ints]:
    """Return the ids as a series, all if none are named, and the index of each in `known`.

    Raises:
        DataError: if an id is unknown, or stands twice.
    """
    asked = known if ids is None else pl.Series(ids, dtype=pl.String)
    index = pl.DataFrame({"id": known, "index": np.arange(len(known))})
    found = pl.DataFrame({"id": asked}).join(index, on="id", how="left", maintain_order="left")
    for problem, bad in (
        ("unknown", found.filter(pl.col("index").is_null())),
        ("repeated", found.filter(pl.col("id").is_duplicated())),
    ):
        if bad.height:
            raise DataError(
                f"{what}: {bad.height} of {len(asked)} ids are {problem}, first {bad['id'][0]!r}; "
                f"name distinct ids from {known[0]} to {known[-1]}"
            )
    return asked, found["index"].to_numpy()


def span_days(settings: ShopSettings, at: datetime, horizon: timedelta) -> tuple[float, float]:
    """Return [at, at + horizon) in days since the start.

    Raises:
        ConfigError: if the span is empty or reaches outside the run.
    """
    start, end = settings.start, settings.start + settings.n_days * DAY
    span = (require_utc(at), require_utc(at) + horizon)
    if not start <= span[0] < span[1] <= end:
        raise ConfigError(
            f"[{format_instant(span[0])}, {format_instant(span[1])}) is empty or reaches outside the run; "
            f"choose a span in [{format_instant(start)}, {format_instant(end)})"
        )
    return (span[0] - start) / DAY, (span[1] - start) / DAY


def reward_blocks(
    world: World, users: Ints, items: Ints, span: tuple[float, float], weights: Mapping[str, float], history: int
) -> Iterator[tuple[Ints, Floats]]:
    """Yield consecutive users and their expected rewards `(n, n_items)` in blocks of bounded size."""
    per_view = payoff(world, weights)
    expectation = Expectation(world, items, *span)
    size = max(1, _BLOCK_PAIRS // max(1, len(items)))
    for first in range(0, max(1, len(users)), size):
        block = users[first : first + size]
        rewards = expectation.browsed(block) * per_view.browsed[items]
        yield block, rewards + expectation.restocked(block, history) * per_view.restocked[items]


def reward_table(users: pl.Series, items: pl.Series, blocks: Sequence[Floats]) -> pl.DataFrame:
    """Bring dense rewards into one row per pair, users first."""
    return pl.DataFrame(
        {
            "user_id": users.gather(np.repeat(np.arange(len(users)), len(items))),
            "item_id": items.gather(np.tile(np.arange(len(items)), len(users))),
            "expected_reward": np.concatenate([block.ravel() for block in blocks]),
        }
    )


def slate_table(users: pl.Series, items: pl.Series, rewards: Floats, k: int) -> pl.DataFrame:
    """Bring the k best of dense rewards `(n_users, n_items)` into slates; ties go to the first item.

    Raises:
        ConfigError: if `k` is not positive.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; a list holds at least 1 item")
    best = np.argsort(-rewards, axis=1, kind="stable")[:, :k]
    depth = best.shape[1]
    return pl.DataFrame(
        {
            "user_id": users.gather(np.repeat(np.arange(len(users)), depth)),
            "item_id": items.gather(best.ravel()),
            "rank": np.tile(np.arange(1, depth + 1), len(users)),
            "score": np.take_along_axis(rewards, best, axis=1).ravel(),
        }
    ).select(
        pl.col("user_id", "item_id"),
        pl.col("rank").cast(SLATE_DTYPES["rank"]),
        pl.col("score"),
        pl.lit("truth").alias("source"),
        pl.lit("highest expected reward").alias("reason"),
    )
