"""What is made of a table once, and kept as long as the table is: an index, a matrix."""

from collections.abc import Callable, Hashable
from threading import RLock
from typing import TypeVar, cast
from weakref import finalize

import polars as pl

T = TypeVar("T")

_KEPT: dict[int, dict[Hashable, object]] = {}
"""Identity of a living table -> what was made of it, by name."""

_LOCK = RLock()


def derived(table: pl.DataFrame, name: Hashable, make: Callable[[], T]) -> T:
    """Return what `make` makes of a table; it is made at the first call, and forgotten with the table.

    Args:
        table: from which it is made. The same object, not an equal one, is recognised.
        name: which of the things that are made of this table; with everything else that it depends on.
        make: makes it; other threads wait, so that it is made once.

    Example:
        >>> table = pl.DataFrame({"x": [1, 2]})
        >>> derived(table, "sum", lambda: table["x"].sum()), derived(table, "sum", lambda: "not made again")
        (3, 3)
    """
    with _LOCK:
        if id(table) not in _KEPT:
            _KEPT[id(table)] = {}
            finalize(table, _KEPT.pop, id(table), None)
        kept = _KEPT[id(table)]
        if name not in kept:
            kept[name] = make()
        return cast(T, kept[name])
