"""What a user is like: how active, how regular, how fond of the same things and of popular ones."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.features.dense import dense, gather
from recsys.features.visits import pair_visits, user_visits
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, ordered_sum
from recsys.timeline import age_days, format_duration


@dataclass(frozen=True)
class UserFeatures:
    """User grain, at each half-life of the state."""

    half_lives: tuple[timedelta, ...]
    name: str = "user"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Activity, regularity, tastes."""
        hs = [format_duration(h) for h in self.half_lives]
        return (
            *(
                Feature(f"user_reward_{h}", "ln(1 + reward)", f"decayed reward, half-life {h}", "user state")
                for h in hs
            ),
            Feature("user_silence", "days", "since the last event", "user state"),
            Feature("user_tenure", "days", "since the first event", "user state"),
            Feature("user_events", "ln(1 + events)", "interactions ever", "user state"),
            Feature("user_items", "ln(1 + items)", "distinct items ever taken", "history"),
            Feature("user_days", "ln(1 + days)", "days on which the user took something", "history"),
            Feature("user_basket", "items per day", "distinct items per such day", "history"),
            Feature("user_gap", "days", "mean days between two such days", "history"),
            Feature("user_overdue", "ratio", "user_silence over (user_gap + 1 day)", "history"),
            Feature("user_repeat_share", "share", "share of item-days that are a return to an item", "history"),
            Feature("user_mainstream", "ln(1 + reward)", "mean popularity of the user's items", "item state"),
        )

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compute every feature of every user."""
        users, hs = knowledge.history.users, [format_duration(h) for h in self.half_lives]
        facts = users.select("user_idx")
        for more in (knowledge.grain("user"), self._tastes(knowledge), user_visits(knowledge)):
            facts = facts.join(more, on="user_idx", how="left", maintain_order="left")
        silence = age_days(pl.col("last_time"), knowledge.as_of)
        gap = pl.when(pl.col("n_days") > 1).then(pl.col("span") / (pl.col("n_days") - 1))
        reward = {h: pl.col(f"reward_{knowledge.target}_{h}").clip(lower_bound=0.0) for h in hs}
        table = facts.select(
            "user_idx",
            *(reward[h].log1p().alias(f"user_reward_{h}") for h in hs),
            user_silence=silence,
            user_tenure=age_days(pl.col("first_time"), knowledge.as_of),
            user_events=pl.col("n_events").log1p(),
            user_items=pl.col("items").log1p(),
            user_days=pl.col("n_days").log1p(),
            user_basket=pl.col("item_days") / pl.col("n_days"),
            user_gap=gap,
            user_overdue=silence / (gap + 1.0),
            user_repeat_share=1.0 - pl.col("items") / pl.col("item_days"),
            user_mainstream="mainstream",
        )
        return {"users": dense(table, "user_idx", users.height)}

    def _tastes(self, knowledge: Knowledge) -> pl.DataFrame:
        """Per user: `items`, `item_days` and `mainstream`, the mean popularity of the items."""
        column = f"reward_{knowledge.target}_{format_duration(self.half_lives[-1])}"
        popularity = knowledge.grain("item").select("item_idx", p=pl.col(column).clip(lower_bound=0.0).log1p())
        pairs = pair_visits(knowledge).join(popularity, on="item_idx", how="left", maintain_order="left")
        return pairs.group_by("user_idx", maintain_order=True).agg(
            items=pl.len().cast(pl.Float64),
            item_days=pl.col("n_days").sum(),
            mainstream=ordered_sum(pl.col("p")) / pl.col("p").count(),
        )

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Look the users up."""
        return gather(tables["users"], candidates.user_idx)
