"""A plan with all that it learned: the one way in which lists are made, for a model as for a trial of it."""

from dataclasses import dataclass, field

import polars as pl

from recsys.candidates import AnyItem, ItemList, Tables
from recsys.data.history import History
from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy import SlatePolicy
from recsys.recommender.plan import Plan
from recsys.recommender.plan_source import source_of_plan
from recsys.recommender.ranked import RankerSet
from recsys.recommender.registry import RecommenderSettings
from recsys.recommender.slates import full_slates

LAST_RESORT = "any_item"
"""Source of rows that even the fallback cannot fill: every other available item."""

USERS_PER_CHUNK = 20_000
"""Users whose lists are made at once, so that memory beyond the lists does not grow with the users."""


@dataclass(frozen=True)
class FittedPlan:
    """A plan, ready to make lists.

    Attributes:
        plan: what makes the lists.
        settings: the recommender's settings, which name the variants of the plan.
        tables: what the plan's source learned.
        fallback: ranking of the plan's fallback.
        last_resort: ranking of every available item.
        seen: what users had, as `seen_pairs` gives it; lists without repeats leave it out.
        rankers: the fitted rankers of a plan that ranks.
        policy: the rules that make the final list of the ranked candidates; by default there are none.
    """

    plan: Plan
    settings: RecommenderSettings
    tables: Tables
    fallback: pl.DataFrame
    last_resort: pl.DataFrame
    seen: pl.DataFrame
    rankers: RankerSet | None = None
    policy: SlatePolicy = field(default_factory=SlatePolicy)

    def slates(self, users: pl.DataFrame, k: int, *, repeats: str | None = None) -> pl.DataFrame:
        """Make lists, some thousand users at a time.

        Args:
            users: `user_idx` and `market`, distinct and ascending; unknown users have a `user_idx` above all known. A
                policy that explores needs `user_id` too.
            k: list depth.
            repeats: `allow` or `exclude` instead of what the plan says.

        Returns:
            As `full_slates`: `user_idx`, `item_idx`, `rank`, `score`, `source`, sorted by user and rank; and
            `propensity` where the policy explores, see `SlatePolicy.place`.
        """
        starts = range(0, max(users.height, 1), USERS_PER_CHUNK)
        return pl.concat([self._of_chunk(users.slice(start, USERS_PER_CHUNK), k, repeats) for start in starts])

    def _of_chunk(self, users: pl.DataFrame, k: int, repeats: str | None) -> pl.DataFrame:
        is_excluded = (repeats or self.plan.repeats) == "exclude"
        had = self.seen.join(users, on="user_idx", how="semi") if is_excluded else None
        policy = self.policy
        exclude = policy.excluded(had, users)
        source = source_of_plan(self.plan, self.settings, self.rankers)
        pool = full_slates(
            policy.shown(source.retrieve(self.tables, users, policy.retrieved(k), exclude)),
            [(self.plan.fallback.rung, policy.shown(self.fallback)), (LAST_RESORT, policy.shown(self.last_resort))],
            users,
            name=self.plan.rung,
            k=policy.pooled(k),
            exclude=exclude,
        )
        return policy.place(pool, users, k, hidden=exclude)


def any_item_ranking(knowledge: Knowledge, settings: RecommenderSettings) -> pl.DataFrame:
    """Rank every available item, so that no list runs short: `item_idx`, `score`, best first."""
    return ItemList(LAST_RESORT, AnyItem(max(settings.popularity_half_lives))).fit(knowledge)["ranking"]


def seen_pairs(history: History) -> pl.DataFrame:
    """Return the pairs that a user had: those whose target rewards add up to more than 0.

    What earned nothing was not had: a view where purchases are the target, or a purchase that was wholly returned.

    Args:
        history: everything known at one instant.

    Returns:
        `user_idx`, `item_idx`, distinct and sorted.
    """
    # NOTE: no reward is negative, so a sum is positive where any of its rewards is.
    rewarded = history.events.filter(pl.col("user_idx").is_not_null() & (pl.col("reward") > 0))
    return rewarded.select("user_idx", "item_idx").unique().sort("user_idx", "item_idx")
