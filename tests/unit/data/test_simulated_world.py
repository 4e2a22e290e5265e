from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from recsys.data.simulated import CategoryKind, Market, ShopSettings, SimulatedShop
from recsys.data.simulated.draws import stream
from recsys.data.simulated.seasons import DAY_US
from recsys.data.simulated.world import World
from recsys.errors import ConfigError
from recsys.tables import ItemVersion

SMALL = ShopSettings(n_users=200, n_items=60, n_days=40, n_categories=3, n_styles=2)


def test_settings_read_from_toml_values() -> None:
    settings = ShopSettings.parse(
        {"start": "2024-03-01", "n_users": 7, "markets": [{"name": "se", "season_shift": "0d"}], "late_delay": "2h"},
        "demo.toml",
    )
    assert settings.markets == (Market(name="se"),)
    assert settings.late_delay == timedelta(hours=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"start": "2024-01-01T06:00:00Z"}, "UTC midnight"),
        ({"n_userz": 3}, "n_userz: Extra inputs are not permitted"),
        ({"markets": []}, "markets: Tuple should have at least 1 item"),
        ({"late_share": 1.5}, "late_share: Input should be less than or equal to 1"),
    ],
)
def test_impossible_settings_are_refused(content: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ShopSettings.parse(content, "demo.toml")


def test_shares_within_a_cell_add_up_to_one_or_to_nothing() -> None:
    catalogue = World.build(SMALL.model_copy(update={"n_items": 9})).catalogue
    shares = catalogue.cell_shares(3)
    sums = [np.bincount(catalogue.cell, row, catalogue.n_cells) for row in shares]
    stocked = np.bincount(catalogue.cell, catalogue.is_available(3), catalogue.n_cells) > 0
    assert not stocked.all()
    assert sums == pytest.approx(np.tile(stocked.astype(float), (3, 1)))


def test_items_are_drawn_in_proportion_to_their_shares() -> None:
    catalogue = World.build(SMALL).catalogue
    n = 40_000
    cell = np.full(n, catalogue.cell[np.flatnonzero(catalogue.is_available(20))[0]])
    drawn = catalogue.draw(stream(4), np.full(n, 2), cell, catalogue.weights(20))
    expected = n * catalogue.cell_shares(20)[2] * (catalogue.cell == cell[0])
    counts = np.bincount(drawn, minlength=60)
    assert (counts[expected == 0.0] == 0).all()
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected) + 1e-9).all()


def test_nothing_is_drawn_from_an_empty_cell() -> None:
    catalogue = World.build(SMALL).catalogue
    drawn = catalogue.draw(stream(4), np.array([0, 1]), np.array([0, 5]), np.zeros((3, 60)))
    assert drawn.tolist() == [-1, -1]


def test_versions_tell_price_and_availability_of_every_item_on_every_day() -> None:
    settings = SMALL.model_copy(update={"sold_out_prob": 0.8, "sale_prob": 0.8, "delisted_share": 0.5})
    catalogue, versions = World.build(settings).catalogue, SimulatedShop(settings).items()
    ItemVersion.validate(versions)
    ids = versions["item_id"].unique().sort()
    assert len(ids) == 60
    grid = pl.DataFrame({"item_id": ids}).join(pl.DataFrame({"day": range(40)}), how="cross")
    grid = grid.with_columns(at=pl.lit(settings.start) + pl.duration(days="day")).sort("at")
    # An item not launched yet has no version: its price is unknown and it is not available.
    seen = grid.join_asof(
        versions.sort("known_at"), left_on="at", right_on="known_at", by="item_id", check_sortedness=False
    ).sort("item_id", "day")
    is_on = seen.select((pl.col("available_from") <= pl.col("at")) & pl.col("available_to").is_null()).to_series()
    assert is_on.fill_null(False).to_numpy().reshape(60, 40).T.tolist() == [
        catalogue.is_available(d).tolist() for d in range(40)
    ]
    prices = seen["price"].to_numpy().reshape(60, 40).T
    truth = np.stack([catalogue.price(d) for d in range(40)])
    assert ((prices == truth) | np.isnan(prices)).all()
    assert np.isnan(prices).sum() == (catalogue.launch[None, :] > np.arange(40)[:, None]).sum()


def test_each_version_differs_from_the_one_before_and_none_knows_the_future() -> None:
    versions = SimulatedShop(SMALL).items()
    state = pl.struct("price", "available_from", "available_to")
    changed = versions.select((state != state.shift(1)).over("item_id")).to_series().drop_nulls()
    assert changed.all()
    assert versions.filter(pl.col("available_to") > pl.col("known_at")).is_empty()
    assert versions.filter(pl.col("available_from") > pl.col("known_at")).is_empty()


def test_the_hours_of_the_day_follow_the_clock_of_the_market() -> None:
    calendar = World.build(SMALL).calendar
    quantiles = np.linspace(0.0, 1.0, 1_001)[:-1]
    for market in range(3):
        moments = calendar.time_of_day(np.full(1_000, market), quantiles)
        assert (np.diff(moments) >= 0).all()
        # The time of day is the inverse of the elapsed share.
        elapsed = [calendar.elapsed(moment / DAY_US)[market] for moment in moments[::100]]
        assert elapsed == pytest.approx(quantiles[::100], abs=1e-6)


def test_tastes_of_an_earlier_day_can_be_asked_for_after_a_later_one() -> None:
    customers, again = World.build(SMALL).customers, World.build(SMALL).customers
    early = customers.walk(0).copy()
    late = customers.walk(39).copy()
    assert np.array_equal(again.walk(39), late)
    assert np.array_equal(customers.walk(3), early)


def test_needs_fall_on_days_as_often_as_their_probability_says() -> None:
    staples = World.build(SMALL.model_copy(update={"staples_per_user": 20.0})).staples
    chosen = np.arange(len(staples.user))
    for day in (3, 17):
        prob, passed = staples.need_prob(day), staples.passed_prob(day)
        arises = staples.needed_on(day, 0, chosen)
        for expected, counted in ((prob, arises == day), (passed, arises < day)):
            sigma = np.sqrt((expected * (1.0 - expected)).sum())
            assert abs(expected.sum() - counted.sum()) < 4.0 * sigma


def test_a_cycle_brings_nine_tenths_of_a_need() -> None:
    staples = World.build(SMALL).staples
    cycle = staples.cycle(20)
    total = sum(staples.need_prob(day) * (staples.cycle(day) == cycle) for day in range(-80, 140))
    assert total == pytest.approx(np.full(len(cycle), 0.9))


def test_a_shop_without_consumables_has_no_staples() -> None:
    kind = CategoryKind(name="sofa", fade=timedelta(days=90), cart_prob=0.1, buy_prob=0.5, return_prob=0.1, price=900.0)
    assert len(World.build(SMALL.model_copy(update={"kinds": (kind,)})).staples.user) == 0
