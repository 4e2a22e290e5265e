"""Sources from a user's own past: what was bought or watched comes back, and when."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recsys.candidates.item_lists import ItemScorer
from recsys.candidates.source import Tables, best_per_user
from recsys.knowledge import Knowledge
from recsys.tables import derived, ordered_sum
from recsys.timeline import age_days


@dataclass(frozen=True)
class PersonalHistory:
    """The user's decayed history x recent popularity: score(u, i) = mass(u, i) x popularity(i)^gamma.

    With gamma = 0 it is the plain decayed history (UW-Pop of the next-basket literature, in calendar time); a small
    gamma prefers, among what the user had, what everybody takes now. Popularity is scaled to its maximum and floored
    at 1e-9, so that an item that nobody took lately stays behind the others but keeps its order.
    """

    name: str
    half_life: timedelta
    popularity: ItemScorer
    gamma: float = 0.0

    def fit(self, knowledge: Knowledge) -> Tables:
        """Multiply the user-item grain by the popularity of the items."""
        masses = knowledge.decayed("user_item", self.half_life).join(knowledge.available, on="item_idx", how="inner")
        if not self.gamma:
            return {"pairs": masses.rename({"mass": "score"})}
        popularity = self.popularity.score(knowledge).select("item_idx", share=pl.col("score") / pl.col("score").max())
        share = pl.col("share").fill_null(0.0).clip(lower_bound=1e-9)
        pairs = masses.join(popularity, on="item_idx", how="left")
        return {"pairs": pairs.select("user_idx", "item_idx", "tie", score=pl.col("mass") * share.pow(self.gamma))}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Give each user their own best pairs."""
        return best_per_user(tables["pairs"].join(users, on="user_idx", how="semi"), k, exclude)


@dataclass(frozen=True)
class Repurchase:
    """The user's decayed history, raised when the item is due again.

    score = mass(u, i) x (1 + exp(-ln((a + 1) / (m + 1))^2 / 2)), where a is the age in days of the last interaction
    with a reward and m the expected interval: the pair's own mean gap shrunk to the item's, and that to the mean of
    all, each with the weight of `prior` gaps. Only gaps of at least a day are intervals; shorter ones are one visit.
    Where nobody ever came back, nothing is due.
    """

    name: str
    half_life: timedelta
    prior: float = 2.0

    def fit(self, knowledge: Knowledge) -> Tables:
        """Estimate each pair's interval and weigh its mass by how due it is."""
        pairs = derived(knowledge.history.events, "intervals", lambda: _intervals(knowledge))
        gaps, mean_gap = pl.col("n_gaps"), pl.col("span") / pl.col("n_gaps")
        by_item = pairs.group_by("item_idx", maintain_order=True)
        of_items = by_item.agg(item_span=ordered_sum(pl.col("span")), item_gaps=ordered_sum(gaps))
        overall = pl.lit(pairs.select((mean_gap.filter(gaps > 0)).mean()).item(), dtype=pl.Float64)
        item_interval = (pl.col("item_span") + self.prior * overall) / (pl.col("item_gaps") + self.prior)
        expected = (pl.col("span") + self.prior * item_interval) / (gaps + self.prior)
        lateness = ((pl.col("age") + 1.0) / (expected + 1.0)).log()
        due = pairs.join(of_items, on="item_idx").select("user_idx", "item_idx", due=1.0 + (-(lateness**2) / 2.0).exp())
        masses = knowledge.decayed("user_item", self.half_life).join(knowledge.available, on="item_idx", how="inner")
        scored = masses.join(due, on=["user_idx", "item_idx"], how="left").with_columns(pl.col("due").fill_null(1.0))
        return {"pairs": scored.select("user_idx", "item_idx", "tie", score=pl.col("mass") * pl.col("due"))}

    def retrieve(
        self, tables: Tables, users: pl.DataFrame, k: int, exclude: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Give each user their own best pairs."""
        return best_per_user(tables["pairs"].join(users, on="user_idx", how="semi"), k, exclude)


def _intervals(knowledge: Knowledge) -> pl.DataFrame:
    """Per pair: `span` and `n_gaps` of its gaps of at least a day, and `age` of the last interaction, in days."""
    is_same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("user_idx", "item_idx"))
    days = (
        knowledge.history.events.lazy()
        .filter(pl.col("user_idx").is_not_null() & (pl.col("reward") > 0))
        .sort("user_idx", "item_idx", "event_time")
        .with_columns(gap=pl.when(is_same).then(pl.col("event_time").diff().dt.total_seconds() / 86_400.0))
    )
    real = pl.col("gap") >= 1.0
    return (
        days.group_by("user_idx", "item_idx", maintain_order=True)
        .agg(
            span=ordered_sum(pl.col("gap").filter(real)),
            n_gaps=real.sum().cast(pl.Float64),
            age=age_days(pl.col("event_time").max(), knowledge.as_of),
        )
        .sort("user_idx", "item_idx")
        .collect(engine="in-memory")
    )
