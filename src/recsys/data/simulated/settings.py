"""What a simulated shop is made of: its size, its markets, its kinds of goods and how strong each phenomenon is.

The defaults make 5,000 users, 1,000 items and 180 days with about 500,000 events, in a few seconds.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from recsys.settings import Duration, Instant, Settings

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]

MOST_IDS = 100_000_000
"""Most users, and most items."""

MOST_DAYS = 36_525
"""Days of a hundred years."""

Count = Annotated[int, Field(gt=0, le=MOST_IDS)]
Days = Annotated[int, Field(gt=0, le=MOST_DAYS)]


class Market(Settings):
    """A country: its weight among users, its clock and its seasons."""

    name: str = Field(min_length=1)
    share: Positive = 1.0
    """Relative number of users."""
    utc_offset_hours: float = Field(default=0.0, ge=-14.0, le=14.0)
    """Local time minus UTC; moves the hours of the day at which users come."""
    season_shift: Duration = timedelta()
    """How much later in the year every season falls (about 182d in the south)."""


class CategoryKind(Settings):
    """How goods of one kind are bought, bought again and sent back; category c is of kind c modulo their number."""

    name: str = Field(min_length=1)
    interval: Duration | None = Field(default=None, ge=timedelta(days=5))
    """Median time between two purchases of a staple; without it, goods of this kind are no staples."""
    fade: Duration
    """Median time over which the trend of an item falls to 1/e."""
    cart_prob: Share
    """Mean probability that a viewed item is put in the cart (items differ around it)."""
    buy_prob: Share
    """Probability that an item in the cart is bought."""
    return_prob: Share
    """Probability that a bought item is sent back."""
    extra_quantity: NonNegative = 0.0
    """Mean quantity of a purchase beyond the first piece."""
    price: Positive
    """Median price."""


MARKETS = (
    Market(name="uk", share=3.0),
    Market(name="us", share=2.0, utc_offset_hours=-6.0),
    Market(name="au", share=1.0, utc_offset_hours=10.0, season_shift=timedelta(days=182)),
)
"""A large, a middle and a small market, one of them in the south."""

KINDS = (
    CategoryKind(
        name="pantry",
        interval=timedelta(days=21),
        fade=timedelta(days=60),
        cart_prob=0.2,
        buy_prob=0.6,
        return_prob=0.01,
        extra_quantity=1.0,
        price=6.0,
    ),
    CategoryKind(name="fashion", fade=timedelta(days=20), cart_prob=0.25, buy_prob=0.5, return_prob=0.3, price=35.0),
    CategoryKind(name="home", fade=timedelta(days=40), cart_prob=0.15, buy_prob=0.5, return_prob=0.08, price=90.0),
)
"""Consumables bought in cycles, fashion that comes and goes and is sent back, durable goods."""


def _require_midnight(start: datetime) -> datetime:
    if start.astimezone(UTC).time() != time():
        raise ValueError("the run starts at a UTC midnight, because its days are UTC days")
    return start


class ShopSettings(Settings):
    """A simulated shop; equal settings make equal bytes."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seed: int = Field(default=0, ge=0)
    """Of everything drawn."""
    start: Annotated[Instant, AfterValidator(_require_midnight)] = datetime(2024, 1, 1, tzinfo=UTC)
    """First instant, a UTC midnight."""
    n_users: Count = 5_000
    """Users, at most 100 million."""
    n_items: Count = 1_000
    """Items, at most 100 million."""
    n_days: Days = 180
    """Days, at most 36,525."""
    n_categories: int = Field(default=12, gt=0)
    """Categories, each of one of the kinds."""
    n_styles: int = Field(default=4, gt=0)
    """Styles cut across categories: a user has a taste for categories and a taste for styles."""
    markets: Annotated[tuple[Market, ...], Field(strict=False, min_length=1)] = MARKETS
    """Name, share, clock and season of each market."""
    kinds: Annotated[tuple[CategoryKind, ...], Field(strict=False, min_length=1)] = KINDS
    """Kinds of goods: how they are bought, bought again and sent back."""

    sessions_per_day: Positive = 0.15
    """Mean over users while they are active."""
    activity_spread: NonNegative = 1.0
    """Standard deviation of the log of a user's rate: the heavy tail of activity."""
    views_per_session: float = Field(default=2.5, ge=1.0)
    """Mean views of a browsing session."""
    taste_spread: NonNegative = 1.4
    """Standard deviation of a user's log preferences; 0 makes all users alike."""
    drift: NonNegative = 0.15
    """Standard deviation of the weekly step of each log preference; 0 freezes taste."""
    seasonality: NonNegative = 0.5
    """Amplitude of the seasons in log units; 0 makes all days alike."""
    popularity_spread: NonNegative = 1.3
    """Standard deviation of the log weight of an item: the tail of popularity."""
    market_spread: NonNegative = 0.7
    """Standard deviation of what a market adds to log weights; 0 makes markets alike."""
    new_user_share: Share = 0.4
    """Share of users who join after `start`."""
    dormant_share: Share = 0.3
    """Share of users who fall asleep once, for 60 days in the mean."""
    new_item_share: Share = 0.6
    """Share of items launched after `start`; the others were launched in the year before."""
    delisted_share: Share = 0.2
    """Share of items that are taken off the shelf for good, at some day of the run or after it."""
    sold_out_prob: Share = 0.3
    """Probability of each of the two possible sell-outs of an item, 7 days long in the mean."""
    sale_prob: Share = 0.3
    """Probability of each of the two possible price cuts of an item, 7 days long in the mean."""
    staples_per_user: NonNegative = 0.5
    """Mean number of goods that a user buys again and again, over the whole run."""
    shown_share: Share = 0.25
    """Share of sessions that begin with a slate of exposures."""
    slate_size: int = Field(default=6, gt=0, le=20)
    """Items of a logged slate, at most 20."""
    position_bias: NonNegative = 1.0
    """Position p is examined with probability p to the power of minus this."""
    appeal: Share = 0.6
    """Probability that the perfect item is viewed when its position is examined."""
    late_share: Share = 0.05
    """Share of events that become known later than they happen."""
    late_delay: Duration = timedelta(hours=3)
    """Median delay of a late event; delays run from a minute to 7 days."""
