"""How the co-visits of a few users and baskets differ from what they were at an earlier instant.

Recomputed are exactly the pairs of visits from one to the other of which some visit changed: the new ones pair up with
what came before them, and a visit that arrives late, or is returned, also shifts how many visits lie between others.
"""

from datetime import datetime, timedelta

import polars as pl

from recsys.rewards import RewardSettings, with_is_kept
from recsys.state.changes import return_reach, visible
from recsys.state.coded import encode
from recsys.state.covisits import VISIT, pair_rows, to_table, visit_rows
from recsys.state.kinds import type_rank
from recsys.state.layout import COVISITS, Layout
from recsys.timeline import instant_literal, known_before

_MAX_SPANS = 20


def pair_up_changes(
    events: pl.LazyFrame, changes: pl.DataFrame, *, since: datetime, as_of: datetime, layout: Layout
) -> pl.DataFrame:
    """Return how the co-visits of the users and baskets with changes differ from before.

    Time:
        Reads rows with `known_at < as_of` around the changes, at most one window and one return window away.

    Args:
        events: the log.
        changes: what `find_changes` found between `since` and `as_of`.
        since: the earlier instant.
        as_of: the later instant, and the landmark.
        layout: the columns to make.

    Returns:
        The co-visit table of the differences, pairs without any left out; sorted.
    """
    changed = changes.filter((pl.col("n_events") != 0) & pl.coalesce("user_id", "basket_id").is_not_null())
    if changed.is_empty():
        return pl.DataFrame(schema=layout.schema(COVISITS))
    near = _context(events, changed, as_of, layout)
    columns = ["user_id", "item_id", "basket_id", "event_time", "type_rank"]
    now = _kept(near, layout.rewards).select(*columns, side=pl.lit("now"))
    before = _kept(near.filter(known_before(since)), layout.rewards).select(*columns, side=pl.lit("before"))
    marks = changed.select(*columns, side=pl.lit("changed"))
    coded = encode(pl.concat([now, before, marks]), "user_id", "item_id", "basket_id")
    rows = {
        side: visit_rows(coded.frame.filter(pl.col("side") == side), coded) for side in ("now", "before", "changed")
    }
    visits = _mark_visits(rows)
    items = coded.ids["item_id"]
    parts = []
    for sign, side in ((1, "now"), (-1, "before")):
        marked = rows[side].join(visits, on=VISIT, how="left", maintain_order="left")
        sums = pair_rows(marked, items, as_of, layout)
        parts.append(sums.with_columns(pl.exclude("pair") * sign))
    return to_table(parts, items, layout)


def _mark_visits(rows: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Tell of each visit on either side whether it changed, and how many changed visits there are up to it."""
    is_changed = rows["changed"].select(VISIT).unique().with_columns(is_changed=pl.lit(True))
    visits = pl.concat([rows["now"].select(VISIT), rows["before"].select(VISIT), is_changed.select(VISIT)]).unique()
    marked = visits.join(is_changed, on=VISIT, how="left").with_columns(pl.col("is_changed").fill_null(False))
    return marked.sort(VISIT).with_columns(n_changed=pl.col("is_changed").cast(pl.Int64).cum_sum())


def _kept(near: pl.DataFrame, rewards: RewardSettings) -> pl.DataFrame:
    kept_lf = with_is_kept(near.lazy(), rewards).filter("is_kept")
    return kept_lf.with_columns(type_rank=type_rank(rewards.target_definition)).collect()


def _context(events: pl.LazyFrame, changed: pl.DataFrame, as_of: datetime, layout: Layout) -> pl.DataFrame:
    """Read what the users and baskets with changes did around their changes."""
    window = layout.settings.covisits.window
    users = changed["user_id"].drop_nulls().unique()
    baskets = changed.filter(pl.col("user_id").is_null())["basket_id"].unique()
    is_theirs = pl.col("user_id").is_in(users.implode()) | (
        pl.col("user_id").is_null() & pl.col("basket_id").is_in(baskets.implode())
    )
    spans = _spans(changed["event_time"], window, window + return_reach(layout.rewards))
    in_span = pl.any_horizontal(pl.col("event_time").is_between(start, end) for start, end in spans)
    columns = ["event_id", "user_id", "item_id", "basket_id", "event_type", "event_time", "known_at", "quantity"]
    return events.filter(visible(as_of) & in_span).filter(is_theirs).select(columns).collect()


def _spans(times: pl.Series, back: timedelta, ahead: timedelta) -> list[tuple[pl.Expr, pl.Expr]]:
    """Cover [t - back, t + ahead] of every instant with at most `_MAX_SPANS` + 1 spans."""
    distinct = times.unique().sort()
    widest = max(back + ahead, (distinct[-1] - distinct[0]) / _MAX_SPANS)
    starts = pl.Series([True]).append(distinct.diff().drop_nulls() > widest)
    ends = starts[1:].append(pl.Series([True]))
    pairs = zip(distinct.filter(starts), distinct.filter(ends), strict=True)
    return [(instant_literal(first - back), instant_literal(last + ahead)) for first, last in pairs]
