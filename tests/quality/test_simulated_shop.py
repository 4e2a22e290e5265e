"""Every phenomenon of the simulated shop is really there: each test fails if its cause is taken away."""

from datetime import timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from recsys.data.simulated import ShopSettings, SimulatedShop

PLAIN = ShopSettings(n_users=1_500, n_items=300, n_days=90, n_categories=6)
KIND = pl.col("category").str.extract(r"^(\w+)_\d+$").alias("kind")
DAY = timedelta(days=1)


@lru_cache(maxsize=4)
def _shop(**changes: object) -> SimulatedShop:
    return SimulatedShop(PLAIN.model_copy(update=changes))


@lru_cache(maxsize=4)
def _events(**changes: object) -> pl.DataFrame:
    """All events with the category of their item and the day of the run."""
    shop = _shop(**changes)
    categories = shop.items().group_by("item_id").agg(pl.col("category").first())
    day = (pl.col("event_time") - PLAIN.start).dt.total_days().alias("day")
    return pl.concat(shop.events()).join(categories, on="item_id", maintain_order="left").with_columns(day, KIND)


def _of(event_type: str, **changes: object) -> pl.DataFrame:
    return _events(**changes).filter(pl.col("event_type") == event_type)


def _shares(frame: pl.DataFrame, rows: list[str], column: str) -> pl.DataFrame:
    """Share of each value of `column` among the events of each group of `rows`."""
    counts = frame.group_by(*rows, column).len()
    return counts.with_columns(share=pl.col("len") / pl.col("len").sum().over(rows))


def _weekly_swing(**changes: object) -> float:
    weekday = pl.col("event_time").dt.weekday().alias("weekday")
    shares = _shares(_of("view", **changes).with_columns(weekday), ["weekday"], "category")
    swings = shares.group_by("category").agg(swing=pl.col("share").max() / pl.col("share").min())
    return float(swings.select(pl.col("swing").mean()).item())


def test_categories_have_their_day_of_the_week() -> None:
    # exp(+-seasonality): at 0.5 a category's best day draws about e times its worst, against all others.
    assert _weekly_swing() > 1.5
    assert _weekly_swing(seasonality=0.0) < 1.3


def test_seasons_of_the_year_are_opposite_in_the_south() -> None:
    changes = {"n_days": 364, "n_users": 800, "drift": 0.0, "new_item_share": 0.0, "market_spread": 0.0}
    month = (pl.col("day") // 28).alias("month")
    shares = _shares(_of("view", **changes).with_columns(month), ["market", "month"], "category")
    wide = shares.pivot("market", index=["month", "category"], values="share").drop_nulls()
    centred = wide.with_columns(pl.col("uk", "us", "au") - pl.col("uk", "us", "au").mean().over("category"))
    correlation = centred.select(pl.corr("uk", "us").alias("north"), pl.corr("uk", "au").alias("south"))
    assert correlation["north"].item() > 0.6
    assert correlation["south"].item() < -0.4


def test_markets_wake_at_their_own_hours() -> None:
    hours = _of("view").group_by("market", pl.col("event_time").dt.hour().alias("hour")).len()
    peak = dict(hours.sort("len").group_by("market", maintain_order=True).last().select("market", "hour").iter_rows())
    # Most come between 18:00 and 22:00 local; the markets are at 0, -6 and +10 hours.
    assert 18 <= peak["uk"] <= 22
    assert peak["us"] in (0, 1, 2, 3, 4)
    assert 8 <= peak["au"] <= 12


def _market_similarity(**changes: object) -> float:
    counts = _of("view", **changes).pivot("market", index="item_id", values="day", aggregate_function="len")
    return float(counts.fill_null(0).select(pl.corr("uk", "us", method="spearman")).item())


def test_markets_like_different_items() -> None:
    assert _market_similarity() < 0.85
    assert _market_similarity(market_spread=0.0) > 0.9


def _taste_kept(**changes: object) -> float:
    """Overlap of users' categories between their first and last month, relative to that between odd and even days."""
    steady = {"seasonality": 0.0, "new_user_share": 0.0, "dormant_share": 0.0, "sessions_per_day": 1.0}
    views = _of("view", **changes, **steady, n_users=600, n_days=168)

    def overlap(part: pl.Expr) -> float:
        chosen = views.filter((pl.col("day") < 28) | (pl.col("day") >= 140)).with_columns(part=part)
        shares = _shares(chosen, ["user_id", "part"], "category").pivot(
            "part", index=["user_id", "category"], values="share"
        )
        both = shares.fill_null(0.0).select(pl.min_horizontal("true", "false").sum() / pl.col("user_id").n_unique())
        return float(both.item())

    return overlap(pl.col("day") < 28) / overlap(pl.col("day") % 2 == 0)


def test_tastes_drift() -> None:
    assert _taste_kept(drift=0.4) < 0.85
    assert _taste_kept(drift=0.0) > 0.93


def test_nothing_is_shown_viewed_or_bought_unless_it_is_on_the_shelf_at_that_price() -> None:
    versions = _shop(sold_out_prob=0.6, delisted_share=0.4).items()
    events = _events(sold_out_prob=0.6, delisted_share=0.4).filter(pl.col("event_type") != "return").sort("event_time")
    seen = events.join_asof(
        versions.drop("category").sort("known_at"),
        left_on="event_time",
        right_on="known_at",
        by="item_id",
        check_sortedness=False,
    )
    assert seen.filter(pl.col("available_from").is_null() | pl.col("available_to").is_not_null()).is_empty()
    assert seen.filter(pl.col("price") != pl.col("price_right")).is_empty()
    # The world has launches, sell-outs from which items return, and delistings, so the above says something.
    assert versions.filter(pl.col("available_from") > PLAIN.start + 7 * DAY)["item_id"].n_unique() > 100
    off = versions.filter(pl.col("available_to").is_not_null())
    back = off.join(versions, on="item_id").filter(pl.col("available_from_right") > pl.col("available_to"))
    assert back["item_id"].n_unique() > 50
    assert off["item_id"].n_unique() > back["item_id"].n_unique() + 20


def test_items_rise_after_their_launch_and_fade() -> None:
    even = {"popularity_spread": 0.0, "market_spread": 0.0, "n_items": 900, "n_categories": 3}
    launched = _shop(**even).items().group_by("item_id").agg(pl.col("available_from").min())
    views = _of("view", **even).filter(pl.col("kind") == "fashion").join(launched, on="item_id")
    new = views.filter(pl.col("available_from").is_between(PLAIN.start + DAY, PLAIN.start + 30 * DAY))
    age = (pl.col("event_time") - pl.col("available_from")).dt.total_days()
    by_age = [new.filter(age.is_between(first, first + 1)).height for first in (0, 8, 50)]
    assert by_age[1] > 1.3 * by_age[0]
    assert by_age[1] > 2.0 * by_age[2]


def test_a_sale_draws_buyers() -> None:
    even = {"popularity_spread": 0.0, "market_spread": 0.0, "sale_prob": 1.0}
    views = _of("view", **even)
    listed = views.with_columns(is_cut=pl.col("price") < 0.9 * pl.col("price").max().over("item_id"))
    versions = _shop(**even).items()
    days_on_sale = versions.with_columns(
        days=(
            pl.col("known_at").shift(-1).over("item_id").fill_null(PLAIN.start + 90 * DAY)
            - pl.max_horizontal("known_at", pl.lit(PLAIN.start))
        ).dt.total_days(),
        is_cut=pl.col("price") < 0.9 * pl.col("price").max().over("item_id"),
    ).filter(pl.col("available_to").is_null(), pl.col("days") > 0)
    days = dict(days_on_sale.group_by("is_cut").agg(pl.col("days").sum()).iter_rows())
    counts = dict(listed.group_by("is_cut").len().iter_rows())
    # At 0.6 to 0.85 of the price the weight is 1.4 to 2.8 times as large.
    assert counts[True] / days[True] > 1.2 * counts[False] / days[False]


def _spread(**changes: object) -> float:
    """Share of views of the most viewed twentieth of the items."""
    crowded = {"n_items": 900, "n_categories": 3, "new_item_share": 0.0}
    counts = _of("view", **changes, **crowded).group_by("item_id").len()["len"].sort(descending=True)
    return float(counts.head(45).sum()) / float(counts.sum())


def test_popularity_has_a_tail() -> None:
    assert _spread() > 0.4
    assert _spread(popularity_spread=0.0) < 0.3


def _busiest(**changes: object) -> float:
    """Share of views of the busiest tenth of the users."""
    counts = _of("view", **changes).group_by("user_id").len()["len"].sort(descending=True)
    return float(counts.head(150).sum()) / float(counts.sum())


def test_activity_has_a_heavy_tail() -> None:
    assert _busiest() > 0.35
    assert _busiest(activity_spread=0.0, dormant_share=0.0, new_user_share=0.0) < 0.25


def test_users_join_and_fall_asleep() -> None:
    shop = _shop(sessions_per_day=1.0, activity_spread=0.0, dormant_share=0.5)
    events = _events(sessions_per_day=1.0, activity_spread=0.0, dormant_share=0.5)
    joined = events.join(shop.users(), on="user_id")
    assert joined.filter(pl.col("event_time") < pl.col("joined_at")).is_empty()
    late = shop.users().filter(pl.col("joined_at") > PLAIN.start).height
    assert abs(late / 1_500 - 0.4) < 0.05
    # At one session a day, three silent weeks after the first event are sleep: exp(-21) by chance.
    active = events.filter(pl.col("event_type") == "view").group_by("user_id").agg(pl.col("day").unique().sort())
    silence = active.select(
        pl.col("day").list.concat(pl.lit([90])).list.diff(null_behavior="drop").list.max().alias("silence")
    )
    assert 0.15 < silence.select((pl.col("silence") > 21).mean()).item() < 0.5


def test_the_funnel_runs_from_view_to_cart_to_purchase() -> None:
    keys = ["user_id", "item_id"]
    steps = [_of(name).select(*keys, "event_time", "day") for name in ("view", "cart", "purchase")]
    for earlier, later in ((steps[0], steps[1]), (steps[1], steps[2])):
        earlier_rows = earlier.sort("event_time").with_columns(before=pl.col("event_time"))
        found = later.sort("event_time").join_asof(
            earlier_rows.drop("day"),
            on="event_time",
            by=keys,
            allow_exact_matches=False,
            tolerance="45m",
            check_sortedness=False,
        )
        assert found["before"].null_count() == 0
        assert 0 < later.height < earlier.height


def test_returns_undo_a_purchase_days_later() -> None:
    returns, purchases = _of("return"), _of("purchase")
    keys = ["user_id", "item_id", "basket_id", "quantity", "price", "value", "market"]
    pairs = returns.join(purchases.unique(keys), on=keys, how="left")
    assert returns.height > 100
    assert pairs["event_time_right"].null_count() == 0
    delay = (pairs["event_time"] - pairs["event_time_right"]).dt.total_hours()
    assert delay.min() is not None
    assert 23 <= delay.min() <= 48  # type: ignore[operator]
    assert delay.max() > 240  # type: ignore[operator]
    rate = returns.group_by("kind").len().join(purchases.group_by("kind").len(), on="kind")
    shares = dict(rate.select("kind", pl.col("len") / pl.col("len_right")).iter_rows())
    # 0.30, 0.08 and 0.01 by kind, a little less because of returns that the end of the run cuts off.
    assert 0.22 < shares["fashion"] < 0.34
    assert 0.04 < shares["home"] < 0.12
    assert shares["pantry"] < 0.03


def _gaps(**changes: object) -> tuple[int, int]:
    """How many gaps between two purchases of a consumable lie around its interval, and how many below half of it."""
    gap = (pl.col("event_time") - pl.col("event_time").shift(1).over("user_id", "item_id")).dt.total_days()
    purchases = _of("purchase", **changes).filter(pl.col("kind") == "pantry").sort("event_time", "event_id")
    gaps = purchases.select(gap).to_series().drop_nulls()
    return int(gaps.is_between(13, 29).sum()), int(gaps.is_between(0, 8).sum())


def test_staples_are_bought_again_after_their_interval() -> None:
    # The interval is 21 days in the median. Without cycles gaps fall off from 0 on.
    around, soon = _gaps()
    assert around > 1.5 * soon
    around, soon = _gaps(staples_per_user=0.0)
    assert around < 0.5 * soon


def test_repeats_are_common_in_some_categories_and_rare_in_others() -> None:
    repeats = (
        _of("purchase", n_items=900, n_categories=12)
        .group_by("kind")
        .agg(share=1.0 - pl.struct("user_id", "item_id").n_unique() / pl.len())
    )
    share = dict(repeats.iter_rows())
    assert share["pantry"] > 0.25
    assert share["home"] < 0.12
    assert share["pantry"] > 2.5 * share["home"]


def test_propensities_are_calibrated() -> None:
    # E[1 / propensity at position p] is the number of items that may stand there: those available less those above.
    exposures = _of("exposure", shown_share=1.0).filter(pl.col("day") == 60)
    shop = _shop(shown_share=1.0)
    latest = shop.items().filter(pl.col("known_at") <= PLAIN.start + 60 * DAY).group_by("item_id").last()
    n_available = latest.filter(pl.col("available_from").is_not_null(), pl.col("available_to").is_null()).height
    for position in range(1, 7):
        weight = 1.0 / exposures.filter(pl.col("position") == position)["propensity"].to_numpy()
        error = weight.std() / np.sqrt(len(weight))
        assert abs(weight.mean() - (n_available - position + 1)) < 4.0 * error
        assert error < 0.1 * n_available


def test_slates_show_no_item_twice_and_fill_their_positions() -> None:
    slates = (
        _of("exposure").group_by("user_id", "event_time").agg(pl.col("position").sort(), pl.col("item_id").n_unique())
    )
    assert slates["position"].list.len().unique().to_list() == [6]
    assert slates["item_id"].unique().to_list() == [6]


def _click_rates(**changes: object) -> pl.Series:
    shown = _of("exposure", shown_share=1.0, **changes).group_by("position").len()
    viewed = _of("view", shown_share=1.0, **changes).drop_nulls("position").group_by("position").len()
    return shown.join(viewed, on="position").sort("position").select(pl.col("len_right") / pl.col("len")).to_series()


def test_lower_positions_are_seen_less() -> None:
    rates = _click_rates()
    # Examination is 1 / position; items get slightly less relevant downwards, too.
    assert rates[0] / rates[1] == pytest.approx(2.0, rel=0.2)
    assert rates[0] / rates[4] == pytest.approx(5.0, rel=0.25)
    flat = _click_rates(position_bias=0.0)
    assert flat[0] / flat[4] == pytest.approx(1.0, rel=0.15)


def test_some_events_are_known_late() -> None:
    delay = _events().select((pl.col("known_at") - pl.col("event_time")).dt.total_microseconds()).to_series() / 60e6
    late = delay.filter(delay > 0)
    assert abs(len(late) / len(delay) - 0.05) < 0.005
    # From a minute to 7 days, in minutes.
    assert 1.0 <= late.min() < 10.0  # type: ignore[operator]
    assert 2 * 1440.0 < late.max() <= 7 * 1440.0  # type: ignore[operator]
    assert late.median() == pytest.approx(180.0, rel=0.1)
    assert _events(late_share=0.0).filter(pl.col("known_at") != pl.col("event_time")).is_empty()


class _Ladder:
    """Simple recommenders on the demo shop, judged by the expected reward that their ten items earn."""

    def __init__(self) -> None:
        shop = SimulatedShop(ShopSettings())
        self.cutoff = shop.end - timedelta(days=14)
        known = pl.concat(shop.events()).filter(pl.col("known_at") < self.cutoff)
        self.purchases, self.views = (known.filter(pl.col("event_type") == name) for name in ("purchase", "view"))
        users = shop.users()["user_id"].gather_every(10)
        self.pairs = shop.expected_reward(users, self.cutoff)
        latest = shop.items().filter(pl.col("known_at") < self.cutoff).group_by("item_id").last()
        self.pairs = self.pairs.join(latest.filter(pl.col("available_to").is_null()), on="item_id", how="semi")
        self.best = float(shop.best_slates(users, self.cutoff, 10)["score"].sum())

    def weight(self, half_life_days: float) -> pl.Expr:
        age = (pl.lit(self.cutoff) - pl.col("event_time")).dt.total_hours() / 24.0
        return pl.lit(2.0).pow(-age / half_life_days).sum().alias("score")

    def captured(self, scores: pl.DataFrame, fallback: pl.DataFrame) -> float:
        """Share of the highest possible expected reward in the ten best items by score, then by fallback."""
        keys = [key for key in ("user_id", "item_id") if key in scores.columns]
        scored = self.pairs.join(scores, on=keys, how="left").join(fallback, on="item_id", how="left", suffix="_next")
        order = ["score", "score_next"] if "score_next" in scored.columns else ["score"]
        top = scored.sort(*order, "item_id", descending=True, nulls_last=True).group_by("user_id").head(10)
        return float(top["expected_reward"].sum()) / self.best


def test_the_rungs_of_the_ladder_are_apart_on_the_demo() -> None:
    ladder = _Ladder()
    ever = ladder.purchases.group_by("item_id").agg(ladder.weight(1e9))
    recent = ladder.purchases.group_by("item_id").agg(ladder.weight(7.0))
    personal = ladder.purchases.group_by("user_id", "item_id").agg(ladder.weight(30.0))
    viewed = ladder.views.group_by("user_id", "item_id").agg(ladder.weight(14.0))
    day = pl.col("event_time").dt.truncate("1d").alias("day")
    sessions = ladder.views.group_by("user_id", "item_id", day).agg(ladder.weight(7.0))
    together = sessions.join(sessions, on=["user_id", "day"]).filter(pl.col("item_id") != pl.col("item_id_right"))
    covisits = together.group_by("item_id", "item_id_right").agg(pl.col("score").sum())
    covisits = covisits.with_columns(pl.col("score") / (1.0 + pl.col("score").sum().over("item_id")))
    led = (
        viewed.join(ladder.pairs, on="user_id", how="semi")
        .join(covisits, on="item_id")
        .group_by("user_id", item_id="item_id_right")
    )
    from_views = led.agg((pl.col("score") * pl.col("score_right")).sum().alias("score"))
    none = recent.head(0)
    rungs = {
        "all-time popularity": ladder.captured(ever, none),
        "recent popularity": ladder.captured(recent, none),
        "co-visits": ladder.captured(from_views, recent),
        "personal repurchase": ladder.captured(personal, recent),
    }
    assert rungs["recent popularity"] > 1.5 * rungs["all-time popularity"], rungs
    assert rungs["co-visits"] > 1.2 * rungs["recent popularity"], rungs
    assert rungs["personal repurchase"] > 1.2 * rungs["recent popularity"], rungs
    assert max(rungs.values()) < 0.75, rungs
