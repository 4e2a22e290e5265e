"""Users in resampling groups, and scores summed by group: what the bootstrap draws from.

Up to `MAX_GROUPS` users each is a group of their own. Beyond that users are dealt at random into that many groups of
equal size, so that resampling a million users costs what resampling 10,000 does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys.errors import ConfigError, DataError
from recsys.evaluation.slate_matrix import require_columns

MAX_GROUPS = 10_000
"""Most groups: the variance over 10,000 of them estimates the one over users to about 1.4 % (sqrt(2 / 10,000))."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroupSums:
    """Scores of one method at one cutoff, summed over the users of each group.

    Attributes:
        metrics: names of the columns.
        totals: sum of the scores, shape `(n_groups, n_metrics)`.
        counts: users that have a score, same shape.
    """

    metrics: tuple[str, ...]
    totals: Floats
    counts: Floats


@dataclass(frozen=True)
class CutoffGroups:
    """Which resampling group each user of one cutoff is in.

    Attributes:
        user_idx: users in ascending order, by their dense ids of this cutoff.
        group: the group of each, 0 .. n_groups - 1.
        n_groups: groups of the whole evaluation.
    """

    user_idx: NDArray[np.uint32]
    group: NDArray[np.int64]
    n_groups: int

    def sum(self, scores: pl.DataFrame, metrics: Sequence[str]) -> GroupSums:
        """Add up scores by group; a null counts neither in the sum nor in the count.

        Args:
            scores: `user_idx` and the metrics; one row per user, rows in any order.
            metrics: columns to add up.

        Raises:
            SchemaError: if a column is absent.
            DataError: if a user is not of this cutoff, or occurs twice.
        """
        require_columns(scores, ("user_idx", *metrics), "scores")
        scores = scores.select("user_idx", *metrics).sort("user_idx")
        users = scores["user_idx"].to_numpy()
        place = np.searchsorted(self.user_idx, users).clip(max=len(self.user_idx) - 1)
        is_bad = (self.user_idx[place] != users) | (np.diff(place, prepend=-1) == 0)
        if is_bad.any():
            raise DataError(
                f"scores: {np.count_nonzero(is_bad)} of {len(users)} rows are of unknown or repeated users; "
                f"first: user_idx={users[is_bad][0]}; score each user of the cutoff once"
            )
        group = self.group[place]
        totals, counts = np.zeros((2, self.n_groups, len(metrics)))
        for column, metric in enumerate(metrics):
            has = scores[metric].is_not_null().to_numpy()
            values = scores[metric].cast(pl.Float64).fill_null(0.0).to_numpy()
            totals[:, column] = np.bincount(group, weights=values, minlength=self.n_groups)
            counts[:, column] = np.bincount(group[has], minlength=self.n_groups)
        return GroupSums(tuple(metrics), totals, counts)


@dataclass(frozen=True)
class UserGroups:
    """The resampling group of every user of an evaluation, the same for all methods and cutoffs.

    Attributes:
        groups: `user_id`, `group`; one row per user.
        n_groups: how many groups there are; as many as users up to the limit.
    """

    groups: pl.DataFrame
    n_groups: int

    @classmethod
    def build(cls, user_id: pl.Series, *, seed: int, max_groups: int = MAX_GROUPS) -> Self:
        """Deal users into groups of equal size, at random by `seed`.

        Args:
            user_id: users of all cutoffs, repeats allowed.
            seed: of the deal.
            max_groups: most groups, at least 2.

        Raises:
            ConfigError: if `max_groups` is below 2.
            DataError: if there is no user.

        Example:
            >>> UserGroups.build(pl.Series(["b", "a", "b"]), seed=0).n_groups
            2
        """
        if max_groups < 2:
            raise ConfigError(f"max_groups is {max_groups}; at least 2 are needed to see any spread")
        users = user_id.drop_nulls().unique().sort()
        if users.is_empty():
            raise DataError("evaluation: 0 users have a label; choose a cutoff with labels after it")
        n_groups = min(len(users), max_groups)
        deal = np.random.default_rng(seed).permutation(len(users)) % n_groups
        return cls(pl.DataFrame({"user_id": users, "group": deal}), n_groups)

    def at(self, users: pl.DataFrame) -> CutoffGroups:
        """Look up the users of one cutoff, whose dense ids may differ from those of another.

        Args:
            users: `user_id`, `user_idx`; one row per user.

        Raises:
            SchemaError: if a column is absent.
            DataError: if a user is not of this evaluation.
        """
        require_columns(users, ("user_id", "user_idx"), "users")
        found = users.select("user_id", "user_idx").join(self.groups, on="user_id", how="left").sort("user_idx")
        strange = found.filter(pl.col("group").is_null())
        if strange.height:
            raise DataError(
                f"users: {strange.height} of {users.height} are not of this evaluation; "
                f"first: user_id={strange['user_id'][0]}; build the groups from the users of all cutoffs"
            )
        return CutoffGroups(found["user_idx"].to_numpy(), found["group"].to_numpy(), self.n_groups)
