"""Two probes by comparison: another future changes nothing, and who comes in the future is not there yet."""

from collections.abc import Iterator, Mapping

import polars as pl

from recsys.evaluation.leaks.finding import Finding
from recsys.evaluation.leaks.planted import Canaries
from recsys.evaluation.leaks.view import View, first_difference

FUTURE_BLIND = "future_blind"
CANARY = "canary"

_KEYS = ("user_id", "item_id")


def future_blind(honest: Mapping[str, pl.DataFrame], altered: Mapping[str, pl.DataFrame]) -> Finding:
    """Demand the same bytes from two logs that differ only in rows known at or after the instant.

    Args:
        honest: by name, what was learned from the log as it is; each table has `item_id`, and `user_id` or not.
        altered: the same tables, learned from the log with another future.
    """
    n_rows = sum(table.height for table in honest.values())
    showed = f"{n_rows:,} rows of {', '.join(honest)}, bit by bit, under another future"
    for name, table in honest.items():
        keys = [key for key in _KEYS if key in table.columns]
        difference = first_difference(table, altered[name], keys)
        if difference:
            return Finding(FUTURE_BLIND, False, showed, f"{name}: {difference}")
    return Finding(FUTURE_BLIND, True, showed)


def canary(before: View, after: View, canaries: Canaries) -> Finding:
    """Demand that canaries are nowhere before they are known, and everywhere once they are.

    Args:
        before: looked at the instant from which the canaries are known; the log has them already.
        after: looked at when they are known.
        canaries: who and what was planted.
    """
    n_shown = sum(after.of("lists", "item_id", item).height for item in canaries.items)
    showed = f"{len(canaries.items)} item(s) and a user: nowhere before, then on {n_shown:,} places of lists"
    problem = next(_peeks(before, canaries), "") or next(_misses(after, canaries), "")
    return Finding(CANARY, not problem, showed, problem)


def _peeks(before: View, canaries: Canaries) -> Iterator[str]:
    """Name what shows a canary too early."""
    for item in canaries.items:
        for name in before.tables:
            n = before.of(name, "item_id", item).height
            if n:
                yield f"{name}: {n:,} rows hold {item!r} before it is known"
    if canaries.user in before.known_users:
        yield f"users: {canaries.user!r} has a history before it is known"
    for name in ("candidates", "features", "lists"):
        stranger = _as(before, name, canaries.stranger, canaries.user)
        difference = first_difference(stranger, before.of(name, "user_id", canaries.user), _KEYS)
        if difference:
            yield f"{name}: {canaries.user!r} differs from a user of whom nothing is known: {difference}"


def _misses(after: View, canaries: Canaries) -> Iterator[str]:
    """Name where a canary should be by now."""
    for item in canaries.items:
        for name in after.tables:
            if after.of(name, "item_id", item).is_empty():
                yield f"{name}: {item!r} is missing once it is known, so its absence before shows nothing"
    if canaries.user not in after.known_users:
        yield f"users: {canaries.user!r} has no history once it is known, so its absence before shows nothing"
    stranger = _as(after, "features", canaries.stranger, canaries.user)
    if not first_difference(stranger, after.of("features", "user_id", canaries.user), _KEYS):
        yield f"features: {canaries.user!r} is like a stranger once it is known, so that it was before shows nothing"


def _as(view: View, table: str, user: str, name: str) -> pl.DataFrame:
    """Return the rows of one user under the name of another."""
    return view.of(table, "user_id", user).with_columns(user_id=pl.lit(name))
