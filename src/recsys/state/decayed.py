"""The decayed state: what it knows at an instant, and how it is read and merged."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from recsys.errors import ConfigError, LeakageError
from recsys.rewards import RewardSettings
from recsys.state.categories import merge_categories
from recsys.state.covisit_reads import CovisitRead, paired_items, read_covisits
from recsys.state.layout import COVISITS, KEYS, Layout, sum_by_key
from recsys.state.segments import Segment, compact, parts_at
from recsys.state.settings import CovisitKind, StateSettings
from recsys.timeline import format_duration, format_instant


@dataclass(frozen=True)
class DecayedState:
    """Decayed counters and co-visits of everything known before `as_of`. Immutable.

    Attributes:
        as_of: only rows with `known_at` before it are in here.
        settings: half-lives and co-visits.
        rewards: the reward definitions.
        segments: the sums; the state is their sum.
        n_events: interactions of the log that were read into it, returns included.
        categories: `item_id`, `category`; one row per item that has one.
    """

    as_of: datetime
    settings: StateSettings
    rewards: RewardSettings
    segments: tuple[Segment, ...]
    n_events: int
    categories: pl.DataFrame

    @property
    def layout(self) -> Layout:
        """The columns of the tables."""
        return Layout(self.settings, self.rewards)

    def read(self, grain: str, as_of: datetime) -> pl.DataFrame:
        """Read the counters of one grain, decayed to an instant.

        S_h(key, T) = sum over events of value x 2^(-(T - t) / h). Reading later only decays: nothing that became known
        in between is in here.

        Time:
            The state holds rows with `known_at < self.as_of`; ages are counted to `as_of >= self.as_of`.

        Args:
            grain: `user`, `item`, `user_item`, `user_category` or `market_item`.
            as_of: the instant T.

        Returns:
            One row per key with an event that is not wholly returned: its ids, `n_events`, `n_reward_<name>` (events
            with that reward), `first_time` and `last_time` (of all its events, returned ones too, because a return
            does not unmake the visit), and `events_<half-life>` and `reward_<name>_<half-life>`; sorted by key.
            `user_category` adds up the user's items by the category that the state names now.

        Raises:
            LeakageError: if `as_of` is before the state's own.
            ConfigError: if there is no such grain.

        Source:
            Forward decay, Cormode et al. 2009, doi:10.1109/ICDE.2009.65; here the landmark is at the end of the data
            instead of at its start, so that weights are at most 1.
        """
        if grain == "user_category":
            return self._by_category(self.read("user_item", as_of))
        if grain not in KEYS or grain == COVISITS:
            grains = sorted({*KEYS, "user_category"} - {COVISITS})
            raise ConfigError(f"state: there is no grain {grain!r}; choose one of {', '.join(grains)}")
        return self._read(grain, as_of)

    def covisits(self, as_of: datetime, kind: CovisitKind = "covisit") -> pl.DataFrame:
        """Read the directed co-visits of one kind, decayed to an instant.

        Time:
            As `read`.

        Args:
            as_of: the instant to which the pairs are decayed.
            kind: which pairs count and how much; a kind that the rewards make equal to another reads as that one.

        Returns:
            One row per (item_id, next_item_id) with a pair of that kind: `n_pairs` and `covisit_<half-life>`; sorted
            by both.

        Raises:
            LeakageError: if `as_of` is before the state's own.
            ConfigError: if the settings leave the kind out.
        """
        self._require_known(as_of)
        items = paired_items(self.segments)
        columns = ["n_pairs", *self.layout.decayed(COVISITS)]
        pairs = read_covisits(self.segments, CovisitRead(as_of, kind, items, columns), self.layout)
        ids = {"item_id": items.gather(pairs["item"]), "next_item_id": items.gather(pairs["next_item"])}
        return pairs.select(**ids).with_columns(pairs.drop("item", "next_item"))

    def covisit_masses(
        self, as_of: datetime, half_life: timedelta, items: pl.Series, kind: CovisitKind = "covisit"
    ) -> pl.DataFrame:
        """Read what `covisits` reads at one half-life, much faster, with numbers in place of ids.

        Args:
            as_of: the instant to which the pairs are decayed.
            half_life: one of the co-visit half-lives.
            items: distinct item ids, sorted; pairs with others are left out.
            kind: which pairs count and how much.

        Returns:
            `item` and `next_item` (u32, places in `items`) and `mass`; sorted by both.
        """
        self._require_known(as_of)
        column = f"covisit_{format_duration(half_life)}"
        pairs = read_covisits(self.segments, CovisitRead(as_of, kind, items, [column]), self.layout)
        return pairs.rename({column: "mass"})

    def _require_known(self, as_of: datetime) -> None:
        if as_of < self.as_of:
            raise LeakageError(
                f"state: it knows what was known before {format_instant(self.as_of)} and is read as of "
                f"{format_instant(as_of)}; build one for that instant"
            )

    def _read(self, table: str, as_of: datetime) -> pl.DataFrame:
        self._require_known(as_of)
        layout = self.layout
        total = sum_by_key(parts_at(self.segments, table, as_of, layout), table, layout)
        # NOTE: where everything is cancelled, subtraction of floats leaves dust; the count says that it is 0.
        exact = [pl.when(pl.col(n) != 0).then(name).otherwise(0.0).alias(name) for name, n in layout.count_of.items()]
        return total.filter(pl.col(layout.counts(table)[0]) > 0).with_columns(exact)

    def _by_category(self, user_items: pl.DataFrame) -> pl.DataFrame:
        totals = self.layout.totals("user_item")
        return (
            user_items.lazy()
            .join(self.categories.lazy(), on="item_id", how="inner", maintain_order="left")
            .group_by("user_id", "category", maintain_order=True)
            .agg(totals)
            .sort("user_id", "category")
            .select("user_id", "category", pl.exclude("user_id", "category"))
            .collect(engine="in-memory")
        )


def merge_states(one: DecayedState, other: DecayedState) -> DecayedState:
    """Add up the states of two disjoint sets of events, such as the shards of a distributed build.

    The sets may share items and markets, but no user and no anonymous basket: returns and co-visits look at all that
    one user did. Merging is associative and commutative, exactly for counts and times and up to rounding (about 1e-15
    relative) for sums; sums are moved to the later landmark by a factor of at most 1.

    Time:
        The result is as of the later of the two instants.

    Args:
        one: a state.
        other: a state under the same settings and rewards.

    Returns:
        The state of both sets.

    Raises:
        ConfigError: if the settings or the rewards differ.
    """
    if (one.settings, one.rewards) != (other.settings, other.rewards):
        raise ConfigError("state: two states with different settings or rewards cannot be merged; rebuild one of them")
    segments = sorted([*one.segments, *other.segments], key=lambda segment: -segment.n_rows)
    newer, older = (one, other) if one.as_of >= other.as_of else (other, one)
    settled = newer.categories if newer.as_of > older.as_of else newer.categories.clear()
    return replace(
        newer,
        segments=compact(segments, one.layout),
        n_events=one.n_events + other.n_events,
        categories=merge_categories(settled, pl.concat([newer.categories, older.categories])),
    )
