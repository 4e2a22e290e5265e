"""Popularity within a segment: the user's market, or the categories that the user favours."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recsys.candidates.source import Tables, best_for_all, best_per_user
from recsys.knowledge import Knowledge
from recsys.tables import ordered_sum


@dataclass(frozen=True)
class MarketPopularity:
    """Decayed popularity in the user's market; users without a market are left to the fallback."""

    name: str
    half_life: timedelta

    def fit(self, knowledge: Knowledge) -> Tables:
        """Rank the available items of each market."""
        masses = knowledge.decayed("market_item", self.half_life).join(knowledge.available, on="item_idx", how="inner")
        ordered = masses.sort("market", "mass", "tie", "item_idx", descending=[False, True, False, False])
        return {"rankings": ordered.select("market", "item_idx", score="mass")}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Give every user the head of their market's ranking."""
        rankings = tables["rankings"].partition_by("market", as_dict=True, include_key=False)
        parts = [
            best_for_all(rankings[market], members, k, exclude)
            for market, members in sorted(
                users.filter(pl.col("market").is_not_null()).partition_by("market", as_dict=True).items()
            )
            if market in rankings
        ]
        nothing = pl.DataFrame(schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "score": pl.Float64})
        return pl.concat([nothing, *parts]).sort("user_idx", maintain_order=True)


@dataclass(frozen=True)
class CategoryPopularity:
    """Decayed popularity weighted by the user's decayed share in the item's category.

    score(u, i) = share(u, category of i) x mass(i), over the `depth` best items of each category.
    """

    name: str
    half_life: timedelta
    user_half_life: timedelta
    depth: int = 100

    def fit(self, knowledge: Knowledge) -> Tables:
        """Keep each category's best items and each user's category shares."""
        category = knowledge.history.items.select("item_idx", "category").drop_nulls("category")
        ranked = (
            knowledge.decayed("item", self.half_life)
            .join(category, on="item_idx", how="inner")
            .join(knowledge.available, on="item_idx", how="inner")
            .sort("category", "mass", "tie", "item_idx", descending=[False, True, False, False])
            .filter(pl.int_range(pl.len()).over("category") < self.depth)
        )
        # NOTE: sums of floats depend on their order, so the order is fixed before adding.
        taste = knowledge.decayed("user_category", self.user_half_life).sort("user_idx", "category")
        total = ordered_sum(pl.col("mass")).over("user_idx")
        shares = taste.select("user_idx", "category", share=pl.col("mass") / total)
        return {"items": ranked.select("category", "item_idx", "mass", "tie"), "tastes": shares}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Multiply tastes by the best items of each category."""
        pairs = (
            tables["tastes"]
            .join(users, on="user_idx", how="semi")
            .join(tables["items"], on="category", how="inner")
            .with_columns(score=pl.col("share") * pl.col("mass"))
        )
        return best_per_user(pairs, k, exclude)
