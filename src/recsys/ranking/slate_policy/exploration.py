"""Seeded exploration: some users' lists are drawn from a Plackett-Luce distribution, and every propensity is known."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

import numpy as np
import polars_hash as plh

from recsys.errors import SchemaError
from recsys.ranking.slate_policy.hashing import gumbel, hashed, uniform
from recsys.ranking.slate_policy.pool import Bools, Ints, Pool, Reals
from recsys.ranking.slate_policy.rule import Draw, SlateRule, Steering, Tables
from recsys.ranking.slate_policy.settings import ExplorationSettings
from recsys.tables import Keys

_SHARE, _NOISE = 1, 2


@dataclass(frozen=True)
class Exploration(SlateRule):
    """Draws each position from what the other rules allow there, given what stands above.

        P(i at a position | those above) = exp(value_i / T) / sum over allowed j of exp(value_j / T)

    Values are relevances, or marginal relevances where diversity is on. Without other rules all candidates that are not
    placed yet are allowed, and this is Plackett-Luce. The draw is a Gumbel-max: the highest value / T + g, with g from
    a hash of seed, date, user, item and position. Each position has noise of its own, because rules change from one
    position to the next what is allowed and what it is worth; noise kept over positions would then have seen what was
    taken above, and the formula would be wrong. So the propensity holds together with every other rule.

    Attributes:
        settings: who explores, and how much.
        as_of: its date enters the draws, so that a user's list changes from day to day and not within one.

    Source:
        Gumbel-max: Yellott 1977, doi:10.1016/0022-2496(77)90026-8. Plackett-Luce: Plackett 1975, doi:10.2307/2346567.
    """

    settings: ExplorationSettings
    as_of: datetime
    name: ClassVar[str] = "exploration"

    def steer(self, tables: Tables, pool: Pool) -> Steering:
        """Find out who explores.

        Raises:
            SchemaError: if the users have no ids.
        """
        if "user_id" not in pool.users.columns:
            raise SchemaError("users: exploration needs the column user_id, by which it knows who explores")
        users = pool.users.select(plh.col("user_id").nchash.xxh3_64()).to_series().to_numpy()
        explores = uniform(hashed(self.settings.seed, _SHARE, users)) < self.settings.share
        base = hashed(self.settings.seed, _NOISE, self.as_of.date().toordinal(), users)
        return _Drawing(self.settings, explores, hashed(base[explores, None], pool.fact("tie")[explores]))


class _Drawing:
    """Adds noise to the rows of users who explore."""

    def __init__(self, settings: ExplorationSettings, explores: Bools, keys: Keys) -> None:
        self._start, self._explores, self._keys = settings.start, explores, keys
        self._temperature: Reals = np.where(explores, settings.temperature, 0.0)

    def before(self, draw: Draw) -> Draw:
        if draw.position < self._start:
            return draw
        noise = np.zeros(draw.value.shape)
        noise[self._explores] = gumbel(hashed(self._keys, draw.position))
        return replace(draw, noise=noise, temperature=self._temperature)

    def after(self, column: Ints) -> None:
        """Forget it: every position is drawn anew."""
