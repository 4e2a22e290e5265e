"""Give co-visits up to save space."""

from dataclasses import replace

import polars as pl

from recsys.errors import ConfigError
from recsys.state.decayed import DecayedState
from recsys.state.layout import COVISITS
from recsys.state.segments import Segment, merge_segments


def prune_covisits(state: DecayedState, n_next: int) -> DecayedState:
    """Keep of each item only its heaviest co-visits, to save space.

    The order of an item's pairs does not change while nothing new comes, so all that is lost is what a pair had
    gathered before it was pruned; keep about four times as many as will be used. All kinds keep the same pairs. A
    pruned state no longer equals a recompute, so nothing prunes by itself.

    Time:
        The order is that at `state.as_of`, by the longest half-life.

    Args:
        state: a state.
        n_next: pairs to keep of each item, at least 1.

    Returns:
        The state in one segment, with at most `n_next` co-visits per item.

    Raises:
        ConfigError: if `n_next` is below 1.
    """
    if n_next < 1:
        raise ConfigError(f"n_next is {n_next}; at least 1 is needed")
    whole = merge_segments(state.segments, state.layout)
    longest = max(state.layout.decayed(COVISITS).items(), key=lambda pair: pair[1])[0]
    kept = (
        state.covisits(state.as_of)
        .sort("item_id", longest, "next_item_id", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("item_id") < n_next)
        .select("item_id", "next_item_id")
    )
    pruned_lf = whole.tables[COVISITS].join(
        kept.lazy(), on=["item_id", "next_item_id"], how="semi", maintain_order="left"
    )
    tables = {name: table.collect(engine="in-memory") for name, table in {**whole.tables, COVISITS: pruned_lf}.items()}
    return replace(state, segments=(Segment.hold(whole.landmark, tables),))
