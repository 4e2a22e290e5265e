"""The one class through which a simulated shop is used: its tables, its events and its truth."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np
import polars as pl

from recsys.data.simulated.answers import Ids, find_ids, number_ids, reward_blocks, reward_table, slate_table, span_days
from recsys.data.simulated.day_events import Labels, day_events
from recsys.data.simulated.item_versions import item_versions
from recsys.data.simulated.seasons import DAY
from recsys.data.simulated.settings import ShopSettings
from recsys.data.simulated.truth import exposure_views, payoff
from recsys.data.simulated.world import World
from recsys.errors import ConfigError
from recsys.timeline import INSTANT

PURCHASES: Mapping[str, float] = MappingProxyType({"purchase": 1.0})
"""The default reward: one per purchase."""

FORTNIGHT = timedelta(days=14)
"""The default horizon."""


class SimulatedShop:
    """A world and one of its endlessly many histories; equal settings and history make equal bytes.

    The truth is conditioned on the world and on this history up to the instant asked for.
    """

    def __init__(self, settings: ShopSettings, history: int = 0) -> None:
        self._settings = settings
        self._history = history
        self._world = World.build(settings)
        self._labels = Labels(
            users=number_ids("u", settings.n_users),
            items=number_ids("i", settings.n_items),
            markets=pl.Series([market.name for market in settings.markets]),
            prefix=f"{settings.digest()[:8]}.{history}",
        )

    @property
    def end(self) -> datetime:
        """The first instant after the run."""
        return self._settings.start + self._settings.n_days * DAY

    def events(self, days: range | None = None, days_per_frame: int = 7) -> Iterator[pl.DataFrame]:
        """Draw the events, block of days by block of days.

        Days are drawn independently of each other, so memory is bounded by one block and any day can be drawn alone.

        Time:
            A block holds the sessions of its days, and the returns that follow from them later, up to `end`.

        Args:
            days: which days since `start`; all by default.
            days_per_frame: length of a block; it does not change the rows.

        Yields:
            `EVENT_DTYPES` frames, one row per event, in the order of the days and within a day of `event_time`.

        Raises:
            ConfigError: if a day lies outside the run.
        """
        chosen = range(self._settings.n_days) if days is None else days
        if chosen and not 0 <= min(chosen) <= max(chosen) < self._settings.n_days:
            raise ConfigError(f"{chosen} reaches outside the run; choose days from 0 to {self._settings.n_days - 1}")
        for first in range(0, len(chosen), days_per_frame):
            block = chosen[first : first + days_per_frame]
            yield pl.concat(day_events(self._world, self._labels, day, self._history) for day in block)

    def items(self) -> pl.DataFrame:
        """Return all item versions: `ITEM_DTYPES`, one row per item and change, sorted by `item_id`, `known_at`."""
        return item_versions(self._settings, self._world.catalogue, self._labels.items)

    def users(self) -> pl.DataFrame:
        """Return `user_id`, `market`, `joined_at`, `sessions_per_day`: one row per user, sorted by `user_id`."""
        customers = self._world.customers
        days = pl.duration(days=pl.lit(pl.Series(customers.joined)))
        return pl.select(
            self._labels.users.alias("user_id"),
            self._labels.markets.gather(customers.market).alias("market"),
            (pl.lit(self._settings.start, dtype=INSTANT) + days).alias("joined_at"),
            pl.Series("sessions_per_day", customers.rate),
        )

    def expected_reward(
        self,
        user_ids: Ids,
        at: datetime,
        item_ids: Ids | None = None,
        weights: Mapping[str, float] = PURCHASES,
        horizon: timedelta = FORTNIGHT,
    ) -> pl.DataFrame:
        """Return the expected reward of each user for each item over the horizon, exactly.

        The sum over the steps of the funnel of weight x E[number of events]. A return counts for the purchase that
        it undoes, whenever it comes back.

        Time:
            Of sessions that start in [at, at + horizon), given the world and all that happened before `at`.

        Args:
            user_ids: distinct users of the shop.
            at: an instant from `start` on.
            item_ids: distinct items of the shop; all by default.
            weights: reward per view, cart, purchase and return.
            horizon: positive; at + horizon is at most `end`.

        Returns:
            `user_id`, `item_id`, `expected_reward`: one row per pair, users in the order given, then items likewise.

        Raises:
            ConfigError: if the span reaches outside the run, or a weight is of an unknown event type.
            DataError: if an id is not of this shop, or stands twice.

        Example:
            >>> shop = SimulatedShop(ShopSettings(n_users=3, n_items=20, n_days=10))
            >>> shop.expected_reward(["u0", "u2"], shop.end - DAY, horizon=DAY).shape
            (40, 3)
        """
        users, user_idx = find_ids(user_ids, self._labels.users, "users")
        items, item_idx = find_ids(item_ids, self._labels.items, "items")
        span = span_days(self._settings, at, horizon)
        blocks = reward_blocks(self._world, user_idx, item_idx, span, weights, self._history)
        return reward_table(users, items, [rewards for _, rewards in blocks])

    def exposure_reward(
        self,
        user_ids: Ids,
        at: datetime,
        item_ids: Ids | None = None,
        weights: Mapping[str, float] = PURCHASES,
        position: int = 1,
    ) -> pl.DataFrame:
        """Return the expected reward that one exposure at a position brings, whoever logged it.

        position^-bias x P(view | examined) x expected reward per view: what another policy would earn per item shown,
        against which off-policy estimates can be checked.

        Time:
            Tastes and season of the day of `at`, in the session that the exposure begins.

        Args and Returns: as `expected_reward`; `position` is where the item is shown, from 1.

        Raises:
            ConfigError: if `at` lies outside the run, the position below 1, or a weight is of an unknown event type.
            DataError: if an id is not of this shop, or stands twice.

        Example:
            >>> shop = SimulatedShop(ShopSettings(n_users=3, n_items=20, n_days=10))
            >>> shop.exposure_reward(["u0"], shop.end - DAY, ["i07"], position=2).columns
            ['user_id', 'item_id', 'expected_reward']
        """
        users, user_idx = find_ids(user_ids, self._labels.users, "users")
        items, item_idx = find_ids(item_ids, self._labels.items, "items")
        if position < 1:
            raise ConfigError(f"position is {position}; positions start at 1")
        day = int(span_days(self._settings, at, timedelta(microseconds=1))[0])
        views = exposure_views(self._world, user_idx, item_idx, day) * position**-self._settings.position_bias
        return reward_table(users, items, [views * payoff(self._world, weights).browsed[item_idx]])

    def best_slates(
        self,
        user_ids: Ids,
        at: datetime,
        k: int,
        weights: Mapping[str, float] = PURCHASES,
        horizon: timedelta = FORTNIGHT,
    ) -> pl.DataFrame:
        """Return the ceiling: the k items available at `at` of highest expected reward, for each user.

        Time and Args: as `expected_reward`; `k` is the list depth, lists are shorter where fewer items are available.

        Returns:
            `SLATE_DTYPES` frame, one row per user and rank, users in the order given, ties in the order of `item_id`.

        Raises:
            ConfigError: if the span reaches outside the run, or a weight is of an unknown event type.
            DataError: if an id is not of this shop, or stands twice.

        Example:
            >>> shop = SimulatedShop(ShopSettings(n_users=3, n_items=20, n_days=10))
            >>> shop.best_slates(["u0", "u1"], shop.end - DAY, k=3, horizon=DAY)["rank"].to_list()
            [1, 2, 3, 1, 2, 3]
        """
        span = span_days(self._settings, at, horizon)
        _, user_idx = find_ids(user_ids, self._labels.users, "users")
        items = np.flatnonzero(self._world.catalogue.is_available(int(span[0])))
        available = self._labels.items.gather(items)
        blocks = reward_blocks(self._world, user_idx, items, span, weights, self._history)
        return pl.concat(
            slate_table(self._labels.users.gather(users), available, rewards, k) for users, rewards in blocks
        )
