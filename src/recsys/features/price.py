"""What an item costs, and how that compares with what the user usually pays."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.features.dense import dense, gather
from recsys.features.visits import taken
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, ordered_sum


@dataclass(frozen=True)
class PriceFeatures:
    """Prices of the item table's latest version; NaN where items have none."""

    name: str = "price"

    @property
    def features(self) -> tuple[Feature, ...]:
        """The price, its place in its category, and its distance from what the user pays."""
        fits = "fits what you usually pay"
        return (
            Feature("price", "ln(1 + price)", "price of the item", "item table", fits),
            Feature(
                "price_rank",
                "share",
                "of available items of its category that cost less, half of its equals",
                "item table",
                fits,
            ),
            Feature(
                "price_distance", "ln ratio", "absolute log ratio to the user's mean price", "item table, history", fits
            ),
        )

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compute the items' prices and the users' mean log price over the items they took."""
        items = knowledge.history.items
        has_price = pl.col("price") > 0
        price = pl.when(has_price).then(pl.col("price").log1p())
        shown = pl.when(has_price & pl.col("is_available")).then(pl.col("price"))
        place = (shown.rank("average").over("category") - 1) / (shown.count().over("category") - 1).clip(lower_bound=1)
        prices = items.select("item_idx", price=price, price_rank=place)
        paid = taken(knowledge).collect().join(prices, on="item_idx", how="left", maintain_order="left")
        mean = ordered_sum(pl.col("price")) / pl.col("price").count()
        means = paid.group_by("user_idx", maintain_order=True).agg(mean=mean)
        return {
            "items": dense(prices, "item_idx", items.height),
            "users": dense(means, "user_idx", knowledge.history.users.height),
        }

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Look prices up and compare them with the users'."""
        price, rank = gather(tables["items"], candidates.item_idx)
        return [price, rank, np.abs(price - gather(tables["users"], candidates.user_idx)[0])]
