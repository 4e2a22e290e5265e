"""The items: what they are, what they cost, when they can be bought, and how much they draw on each day."""

import numpy as np

from recsys.data.simulated.draws import CATALOGUE, Bools, Floats, Ints, stream, uniforms
from recsys.data.simulated.settings import ShopSettings
from recsys.timeline import in_days

_ELASTICITY = 2.0
_TREND_FLOOR = 0.03
_SPELLS = 2


class Catalogue:
    """All items as arrays by `item_idx`, and their state as functions of the day number."""

    def __init__(self, settings: ShopSettings) -> None:
        rng = stream(settings.seed, CATALOGUE)
        n = settings.n_items
        kinds = settings.kinds
        self.n_cells = settings.n_categories * settings.n_styles
        self.cell = rng.permutation(np.arange(n) % self.n_cells)
        self.category = self.cell // settings.n_styles
        self.style = self.cell % settings.n_styles
        self.kind = self.category % len(kinds)
        self.brand = rng.integers(0, 3, n)
        self.list_price = np.round(self._by_kind([kind.price for kind in kinds]) * rng.lognormal(0.0, 0.5, n), 2)
        self.cart_prob = np.minimum(
            self._by_kind([kind.cart_prob for kind in kinds]) * rng.lognormal(-0.125, 0.5, n), 1.0
        )
        self.buy_prob = self._by_kind([kind.buy_prob for kind in kinds])
        self.return_prob = self._by_kind([kind.return_prob for kind in kinds])
        popularity = rng.normal(0.0, settings.popularity_spread, n)
        by_market = rng.normal(0.0, settings.market_spread, (len(settings.markets), n))
        self.base_weight = np.exp(popularity + by_market)
        self._rise_days = rng.uniform(2.0, 14.0, n)
        self._fade_days = self._by_kind([in_days(kind.fade) for kind in kinds]) * rng.lognormal(0.0, 0.5, n)
        self._place_in_time(settings, rng)
        self._by_cell = np.argsort(self.cell, kind="stable")
        self._cell_end = np.searchsorted(self.cell[self._by_cell], np.arange(self.n_cells), side="right")

    def _by_kind(self, values: list[float]) -> Floats:
        return np.asarray(np.array(values)[self.kind], dtype=np.float64)

    def _place_in_time(self, settings: ShopSettings, rng: np.random.Generator) -> None:
        n, n_days = settings.n_items, settings.n_days
        is_new = rng.random(n) < settings.new_item_share
        self.launch = np.where(is_new, rng.integers(0, n_days, n), -rng.integers(0, 365, n))
        shelf_life = 30 + rng.integers(0, n_days, n)
        is_delisted = rng.random(n) < settings.delisted_share
        self.delist = np.where(is_delisted, np.maximum(self.launch, 0) + shelf_life, np.iinfo(np.int64).max)
        self.sold_out = self._spells(settings, rng, settings.sold_out_prob)
        self.on_sale = self._spells(settings, rng, settings.sale_prob)
        self.sale_factor = rng.uniform(0.6, 0.85, n)

    def _spells(self, settings: ShopSettings, rng: np.random.Generator, prob: float) -> Ints:
        """Draw spells of whole days, `(2, n_items, n_spells)`: first day, first day after; an absent one is empty."""
        shape = (settings.n_items, _SPELLS)
        first = np.maximum(self.launch, 0)[:, None] + 7 + rng.integers(0, settings.n_days, shape)
        length = np.where(rng.random(shape) < prob, rng.geometric(1 / 7, shape), 0)
        return np.stack([first, first + length])

    def is_available(self, day: int | Ints, items: Ints | slice = slice(None)) -> Bools:
        """Return whether each item can be bought on the day (or on the day of each row)."""
        listed = (self.launch[items] <= day) & (day < self.delist[items])
        return np.asarray(listed & ~_in_spell(self.sold_out[:, items], day), dtype=np.bool_)

    def price(self, day: int | Ints, items: Ints | slice = slice(None)) -> Floats:
        """Return each item's price on the day (or on the day of each row)."""
        factor = np.where(_in_spell(self.on_sale[:, items], day), self.sale_factor[items], 1.0)
        return np.asarray(np.round(self.list_price[items] * factor, 2), dtype=np.float64)

    def weights(self, day: int) -> Floats:
        """Return how much each item draws, `(n_markets, n_items)`: popularity x trend x price effect x availability."""
        age = np.maximum(day + 0.5 - self.launch, 0.0)
        trend = _TREND_FLOOR + (1.0 - np.exp(-age / self._rise_days)) * np.exp(-age / self._fade_days)
        cheaper = (self.price(day) / self.list_price) ** -_ELASTICITY
        return np.asarray(self.base_weight * (trend * cheaper * self.is_available(day)), dtype=np.float64)

    def cell_shares(self, day: int) -> Floats:
        """Return P(item | its cell, market, day), `(n_markets, n_items)`; zero throughout an empty cell."""
        weights = self.weights(day)
        totals = np.stack([np.bincount(self.cell, row, self.n_cells) for row in weights])[:, self.cell]
        return np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0.0)

    def draw(self, rng: np.random.Generator, market: Ints, cell: Ints, weights: Floats) -> Ints:
        """Draw an item of each cell with probability proportional to `weights`; -1 where the cell is empty."""
        cumulative = weights[:, self._by_cell].cumsum(axis=1)
        edges = np.concatenate([np.zeros((len(weights), 1)), cumulative], axis=1)
        end = edges[:, self._cell_end]
        begin = np.concatenate([np.zeros((len(weights), 1)), end[:, :-1]], axis=1)
        own = self.cell[self._by_cell]
        total = end - begin
        within = np.divide(
            cumulative - begin[:, own], total[:, own], out=np.zeros_like(cumulative), where=total[:, own] > 0
        )
        steps = within + own + self.n_cells * np.arange(len(weights))[:, None]
        target = market * self.n_cells + cell + uniforms(rng, len(cell))
        found = np.searchsorted(steps.ravel(), target, side="right") % len(self.cell)
        return np.where(total[market, cell] > 0.0, self._by_cell[found], -1)


def _in_spell(spells: Ints, day: int | Ints) -> Bools:
    moment = np.asarray(day)[..., None]
    return np.asarray(((spells[0] <= moment) & (moment < spells[1])).any(axis=-1), dtype=np.bool_)
