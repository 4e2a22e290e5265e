"""One day of the shop as rows of the event contract: exposures, and the funnel view, cart, purchase, return."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.simulated.draws import EVENTS, Floats, Ints, stream
from recsys.data.simulated.seasons import DAY, DAY_US
from recsys.data.simulated.visits import Exposures, Looks, Visits, draw_visits
from recsys.data.simulated.world import World
from recsys.tables import EVENT_DTYPES, EXPOSURE
from recsys.timeline import INSTANT

VIEW, CART, PURCHASE, RETURN = "view", "cart", "purchase", "return"
_MEAN_RETURN_DAYS, _LONGEST_RETURN_DAYS = 5.0, 30.0
_LATE_SPREAD, _SHORTEST_LATE_US, _LONGEST_LATE_US = 1.5, 60e6, 7.0 * DAY_US


@dataclass(frozen=True)
class Labels:
    """External ids by index, and the prefix that makes event ids unique across shops."""

    users: pl.Series
    items: pl.Series
    markets: pl.Series
    prefix: str


def day_events(world: World, labels: Labels, day: int, history: int) -> pl.DataFrame:
    """Draw all events of one day's sessions, and the returns that follow from them on later days.

    Returns:
        `EVENT_DTYPES` frame, sorted by `event_time`; event ids are unique across days.
    """
    rng = stream(world.settings.seed, EVENTS, history, day)
    visits, looks, exposures = draw_visits(world, day, history, rng)
    rows = pl.concat([_exposed(visits, exposures), _funnel(world, day, visits, looks, rng)], how="diagonal")
    # NOTE: the sort is stable and the rows come in a fixed order, so ties keep it and equal seeds give equal bytes.
    rows = rows.sort("event_us", maintain_order=True)
    delay = _delays(world, rows.height, rng)
    user = visits.user[rows["visit"].to_numpy()]
    item = rows["item"].to_numpy()
    midnight = pl.lit(world.settings.start + day * DAY, dtype=INSTANT)
    event_time = midnight + pl.duration(microseconds=pl.col("event_us"))
    return rows.with_columns(
        pl.format("{}.{}.{}", pl.lit(labels.prefix), pl.lit(day), pl.int_range(pl.len())).alias("event_id"),
        labels.users.gather(user).alias("user_id"),
        labels.items.gather(item).alias("item_id"),
        labels.markets.gather(world.customers.market[user]).alias("market"),
        event_time.alias("event_time"),
        (event_time + pl.duration(microseconds=pl.lit(pl.Series(delay)))).alias("known_at"),
        (pl.col("price") * pl.col("quantity")).alias("value"),
        pl.when("in_basket")
        .then(pl.format("{}.{}.b{}", pl.lit(labels.prefix), pl.lit(day), "visit"))
        .alias("basket_id"),
    ).select(pl.col(name).cast(dtype) for name, dtype in EVENT_DTYPES.items())


def _exposed(visits: Visits, exposures: Exposures) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "visit": exposures.visit,
            "item": exposures.item,
            "event_us": visits.begin_us[exposures.visit],
            "position": exposures.position,
            "propensity": exposures.propensity,
        }
    ).with_columns(pl.lit(EXPOSURE).alias("event_type"))


def _funnel(world: World, day: int, visits: Visits, looks: Looks, rng: np.random.Generator) -> pl.DataFrame:
    """Follow each view: into the cart, out at the session's end, and back again on a later day."""
    n, item, catalogue = len(looks.item), looks.item, world.catalogue
    begin, length = visits.begin_us[looks.visit], visits.length_us[looks.visit]
    viewed = begin + (length * rng.uniform(0.05, 0.7, n)).astype(np.int64)
    carted = viewed + (length * rng.uniform(0.1, 0.2, n)).astype(np.int64)
    bought = begin + length.astype(np.int64)
    returned = bought + (_return_days(n, rng) * DAY_US).astype(np.int64)
    in_cart = looks.is_certain | (rng.random(n) < catalogue.cart_prob[item])
    is_bought = in_cart & (looks.is_certain | (rng.random(n) < catalogue.buy_prob[item]))
    end_us = (world.settings.n_days - day) * DAY_US
    is_returned = is_bought & (rng.random(n) < catalogue.return_prob[item]) & (returned < end_us)
    extra = np.array([kind.extra_quantity for kind in world.settings.kinds])[catalogue.kind[item]]
    frame = pl.DataFrame(
        {
            "visit": looks.visit,
            "item": item,
            "position": np.where(looks.position > 0, looks.position, 0),
            "price": catalogue.price(day)[item],
            "quantity": 1.0 + rng.poisson(extra),
        }
    )
    steps = (
        (VIEW, viewed, None),
        (CART, carted, in_cart),
        (PURCHASE, bought, is_bought),
        (RETURN, returned, is_returned),
    )
    return pl.concat(_step(frame, *step) for step in steps)


def _step(frame: pl.DataFrame, event_type: str, moment: Ints, happens: np.ndarray | None) -> pl.DataFrame:
    in_basket = event_type in (PURCHASE, RETURN)
    rows = frame.with_columns(
        pl.Series("event_us", moment),
        pl.when((pl.col("position") > 0) & (event_type == VIEW)).then("position").alias("position"),
        pl.when(in_basket).then("quantity").alias("quantity"),
        pl.lit(event_type).alias("event_type"),
        pl.lit(in_basket).alias("in_basket"),
    )
    return rows if happens is None else rows.filter(pl.Series(happens))


def _return_days(n: int, rng: np.random.Generator) -> Floats:
    """One day at least, some days more, 30 at most."""
    return np.minimum(1.0 + rng.exponential(_MEAN_RETURN_DAYS, n), _LONGEST_RETURN_DAYS)


def _delays(world: World, n: int, rng: np.random.Generator) -> Ints:
    """Microseconds from happening to being known: 0, or for late events log-normal between a minute and 7 days."""
    median = world.settings.late_delay.total_seconds() * 1e6
    delay = np.clip(median * rng.lognormal(0.0, _LATE_SPREAD, n), _SHORTEST_LATE_US, _LONGEST_LATE_US)
    return np.where(rng.random(n) < world.settings.late_share, delay, 0.0).astype(np.int64)
