"""What an item is like for everyone: how much it is taken, whether that grows, how old it is, whether people return."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.features.dense import SAME, dense, gather
from recsys.features.visits import pair_visits
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, ordered_sum
from recsys.timeline import age_days, format_duration, in_days

_PRIOR = 5.0
"""Observations that a prior counts for."""

_STATE, _POPULAR, _RETURNS = "item state", "popular these days", "people come back for it"

_REST = (
    Feature("item_events", "ln(1 + events)", "interactions of any kind, half-life of the longest", _STATE, _POPULAR),
    Feature("item_conversion", "reward per event", "smoothed reward per interaction", _STATE, _POPULAR),
    Feature("item_age", "days", "since the first event, or since it became available", "history", "new"),
    Feature("item_silence", "days", "since the last event", _STATE, _POPULAR),
    Feature("item_users", "ln(1 + users)", "distinct users ever", "history", _POPULAR),
    Feature(
        "item_recent_users", "ln(1 + users)", "distinct users, each decayed by its last event", "history", _POPULAR
    ),
    Feature(
        "item_return_share", "share", "smoothed share of users who took it on two days or more", "history", _RETURNS
    ),
    Feature("item_gap", "days", "mean days between two takings by one user, smoothed", "history", _RETURNS),
)


@dataclass(frozen=True)
class ItemFeatures:
    """Item grain, at each half-life of the state."""

    half_lives: tuple[timedelta, ...]
    name: str = "item"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Rates, ranks, trends, ages, loyalty."""
        hs = [format_duration(h) for h in self.half_lives]
        kinds = (
            ("item_reward", "ln(1 + reward)", "decayed reward, half-life {}"),
            ("item_rank", "rank", "rank of item_reward_{} among available items"),
        )
        trends = (
            Feature(
                f"item_trend_{a}_{b}", "ln ratio", f"rate at half-life {a} over rate at {b}", _STATE, "trending now"
            )
            for a, b in pairwise(hs)
        )
        masses = (
            Feature(f"{name}_{h}", unit, meaning.format(h), _STATE, _POPULAR)
            for name, unit, meaning in kinds
            for h in hs
        )
        return (*masses, *trends, *_REST)

    def fit(self, knowledge: Knowledge) -> Tables:
        """Compute every feature of every item."""
        items = knowledge.history.items
        # NOTE: means and sums of floats depend on their order, so the rows keep that of the items.
        shown = items.select("item_idx", "is_available", age=age_days(pl.col("first_time"), knowledge.as_of))
        for more in (knowledge.grain("item"), _loyalty(knowledge)):
            shown = shown.join(more, on="item_idx", how="left", maintain_order="left")
        table = shown.select(
            "item_idx",
            *self._rates(shown, knowledge.target),
            *self._activity(shown, knowledge.target),
            item_age="age",
            item_silence=age_days(pl.col("last_time"), knowledge.as_of),
            item_users=pl.col("users").fill_null(0.0).log1p(),
            item_recent_users=pl.col("recent_users").fill_null(0.0).log1p(),
            item_return_share="return_share",
            item_gap="gap",
        )
        return {"items": dense(table, "item_idx", items.height)}

    def _rates(self, facts: pl.DataFrame, target: str) -> list[pl.Expr]:
        """Rewards, their ranks among available items, and how rates at successive half-lives compare."""
        hs = [format_duration(h) for h in self.half_lives]
        reward = {h: _reward(target, h) for h in hs}
        rate = {h: reward[h] / in_days(d) for h, d in zip(hs, self.half_lives, strict=True)}
        slow = facts.select(rate[hs[-1]].mean()).item() + 1e-12
        shown = pl.col("is_available")
        return [
            *(reward[h].log1p().alias(f"item_reward_{h}") for h in hs),
            *(
                pl.when(shown).then(reward[h].round_sig_figs(SAME)).rank("min", descending=True).alias(f"item_rank_{h}")
                for h in hs
            ),
            *(((rate[a] + slow) / (rate[b] + slow)).log().alias(f"item_trend_{a}_{b}") for a, b in pairwise(hs)),
        ]

    def _activity(self, facts: pl.DataFrame, target: str) -> list[pl.Expr]:
        """Events of any kind, and the reward per event, shrunk to that of all items."""
        longest = format_duration(self.half_lives[-1])
        events, gained = pl.col(f"events_{longest}").fill_null(0.0), _reward(target, longest)
        base = facts.select(gained.sum() / (events.sum() + 1e-12)).item()
        conversion = (gained + _PRIOR * base) / (events + _PRIOR)
        return [events.log1p().alias("item_events"), conversion.alias("item_conversion")]

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Look the items up."""
        return gather(tables["items"], candidates.item_idx)


def _reward(target: str, half_life: str) -> pl.Expr:
    return pl.col(f"reward_{target}_{half_life}").fill_null(0.0).clip(lower_bound=0.0)


def _loyalty(knowledge: Knowledge) -> pl.DataFrame:
    """How many users an item has, and how often they come back."""
    visits = pair_visits(knowledge).sort("item_idx", "user_idx")
    span, gaps, returning = pl.col("span"), pl.col("n_days") - 1.0, pl.col("n_days") > 1
    totals = visits.select(share=returning.mean().fill_null(0.0), span=span.sum(), gaps=gaps.sum()).row(0, named=True)
    gap = totals["span"] / totals["gaps"] if totals["gaps"] else 0.0
    groups = visits.group_by("item_idx", maintain_order=True)
    return groups.agg(
        users=pl.len().cast(pl.Float64),
        recent_users=ordered_sum(2.0 ** (-pl.col("last_age") / 30.0)),
        return_share=(returning.sum() + _PRIOR * totals["share"]) / (pl.len() + _PRIOR),
        gap=(ordered_sum(span) + _PRIOR * gap) / (gaps.sum() + _PRIOR),
    )
