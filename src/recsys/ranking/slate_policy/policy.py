"""The slate policy: all rules together, from ranked candidates to the final list."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

import polars as pl

from recsys.knowledge import Knowledge
from recsys.ranking.slate_policy.caps import Caps
from recsys.ranking.slate_policy.diversity import Diversity
from recsys.ranking.slate_policy.eligibility import Blocked, Resting
from recsys.ranking.slate_policy.exploration import Exploration
from recsys.ranking.slate_policy.fresh_slot import FreshSlot
from recsys.ranking.slate_policy.placing import Placed, place
from recsys.ranking.slate_policy.pool import Pool, item_facts
from recsys.ranking.slate_policy.rule import SlateRule, Tables
from recsys.ranking.slate_policy.settings import SlateSettings
from recsys.tables import PROPENSITY

_USERS_PER_BLOCK = 1_024
"""Users placed at once; it bounds the memory of comparing candidates in pairs."""

_ITEMS = "items"


@dataclass(frozen=True)
class SlatePolicy:
    """The rules of a configuration, with what they learned. Without rules it changes nothing.

    Attributes:
        rules: those that are on; where two cannot both be kept at a position, the earlier one is.
        tables: what they learned.
        depth: candidates below the list from which rules may lift an item into it.
    """

    rules: tuple[SlateRule, ...] = ()
    tables: Tables = field(default_factory=dict)
    depth: int = 0

    @classmethod
    def fit(cls, settings: SlateSettings, knowledge: Knowledge, lent: Tables) -> Self:
        """Learn what the rules that are on must know.

        Time:
            Reads what `knowledge` holds, `known_at < as_of`.

        Args:
            settings: the rules.
            knowledge: everything known at one instant, for which lists are made.
            lent: what candidate sources learned: `vectors` (`item_idx`, `vector`) and `arrivals` (`item_idx`, `score`,
                best first), where the settings ask for them.

        Raises:
            ConfigError: if the file of blocked items cannot be read.
        """
        rules = rules_of(settings, knowledge.as_of)
        tables = {_ITEMS: item_facts(knowledge.history)} if any(rule.reorders for rule in rules) else {}
        for rule in rules:
            tables |= rule.fit(knowledge, lent)
        return cls(rules, tables, settings.depth)

    @classmethod
    def of(cls, settings: SlateSettings, tables: Tables, as_of: datetime) -> Self:
        """Return the policy with what it learned before."""
        return cls(rules_of(settings, as_of), tables, settings.depth)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rules that are on."""
        return tuple(rule.name for rule in self.rules)

    def without(self, *names: str) -> Self:
        """Return the policy with some rules off."""
        return replace(self, rules=tuple(rule for rule in self.rules if rule.name not in names))

    def pooled(self, k: int) -> int:
        """Return how many candidates a user needs for a list of `k`."""
        return k + self.depth if self._reorders else k

    def retrieved(self, k: int) -> int:
        """Return how many candidates to ask a source for: as many may be blocked, up to as many again."""
        return self.pooled(k) + min(sum(frame.height for frame in self._hidden("item_idx")), self.pooled(k))

    def shown(self, ranked: pl.DataFrame) -> pl.DataFrame:
        """Leave blocked items out of ranked rows with an `item_idx`; their order stays."""
        for blocked in self._hidden("item_idx"):
            ranked = ranked.join(blocked, on="item_idx", how="anti", maintain_order="left")
        return ranked

    def excluded(self, exclude: pl.DataFrame | None, users: pl.DataFrame) -> pl.DataFrame | None:
        """Add the pairs that rules hide to those that lists leave out anyway.

        Args:
            exclude: `user_idx`, `item_idx`; None for none.
            users: `user_idx` of whom lists are made.

        Returns:
            `user_idx`, `item_idx`, distinct and sorted where rules add any.
        """
        hidden = [pairs.join(users, on="user_idx", how="semi") for pairs in self._hidden("user_idx", "item_idx")]
        if not hidden:
            return exclude
        both = hidden if exclude is None else [exclude.select("user_idx", "item_idx"), *hidden]
        return pl.concat(both).unique().sort("user_idx", "item_idx")

    def place(
        self, pool: pl.DataFrame, users: pl.DataFrame, k: int, *, hidden: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Make the final lists.

        A list is as long as it would be without rules: `k`, or all that the pool holds.

        Args:
            pool: `user_idx`, `item_idx`, `rank`, `score`, `source`, sorted by user and rank: `pooled(k)` candidates of
                each user, without what rules hide.
            users: `user_idx`, distinct; exploration needs `user_id` too.
            k: list depth.
            hidden: pairs that no list may hold.

        Returns:
            The columns of the pool, sorted by user and rank; `score` is still that of its source, so it may rise with
            rank. Where exploration is on there is also `propensity`: the probability that the item was given this
            position, given the items above it.

        Raises:
            SchemaError: if exploration is on and the users have no ids.
        """
        if not self._reorders:
            return pool
        whole = Pool.build(pool, users, self.tables[_ITEMS])
        never = [*([] if hidden is None else [hidden]), *self._hidden("item_idx")]
        for rule in self.rules:
            whole = rule.widen(self.tables, whole, never)
        starts = range(0, max(whole.users.height, 1), _USERS_PER_BLOCK)
        blocks = [self._placed(whole.rows(slice(start, start + _USERS_PER_BLOCK)), k) for start in starts]
        slates = pl.concat([block.frame() for block in blocks]).select(*pool.columns, PROPENSITY)
        return slates if any(isinstance(rule, Exploration) for rule in self.rules) else slates.drop(PROPENSITY)

    @property
    def _reorders(self) -> bool:
        return any(rule.reorders for rule in self.rules)

    def _hidden(self, *columns: str) -> list[pl.DataFrame]:
        """Return what rules hide, of those that hide it in tables with these columns."""
        hidden = [rule.hides(self.tables) for rule in self.rules]
        return [frame for frame in hidden if frame is not None and tuple(frame.columns) == columns]

    def _placed(self, pool: Pool, k: int) -> Placed:
        started = [rule.steer(self.tables, pool) for rule in self.rules]
        return place(pool, [steering for steering in started if steering is not None], k)


def rules_of(settings: SlateSettings, as_of: datetime) -> tuple[SlateRule, ...]:
    """Return the rules that settings turn on, in the order of their precedence.

    To add a rule, write a `SlateRule` and a setting, and name it here. What is hidden is left out before lists are
    retrieved. At each position the slot for a new item narrows first, then the caps; diversity says what the items that
    are left are worth, and exploration draws among them.

    Args:
        settings: which rules are on.
        as_of: the instant for which lists are made.
    """
    fresh, exploration = settings.fresh, settings.exploration
    rules: list[SlateRule] = []
    if settings.blocked or settings.blocked_file:
        rules.append(Blocked(settings.blocked, settings.blocked_file))
    if settings.rest or settings.rest_of:
        rules.append(Resting(settings.rest, settings.rest_of))
    if fresh.position is not None:
        rules.append(FreshSlot(fresh.position, fresh.younger_than))
    if settings.caps:
        rules.append(Caps(settings.caps))
    if settings.diversity.relevance_weight < 1:
        rules.append(Diversity(settings.diversity))
    if exploration.share > 0:
        rules.append(Exploration(exploration, as_of))
    return tuple(rules)
