"""Sums of floats that come out the same, bit by bit, every time."""

import polars as pl


def ordered_sum(values: pl.Expr) -> pl.Expr:
    """Add values within a `group_by(..., maintain_order=True)` in the order of their rows.

    A float sum depends on its order. Above 1,000 rows polars may aggregate a single key thread by thread and join the
    parts in whatever order the threads finish, also with `maintain_order` (seen with polars 2.1: one in ten runs
    differed in the last bit). An aggregate that it cannot take apart, such as one with a filter, it computes group by
    group, at the same cost. The rows must be collected by the in-memory engine and stand in a defined order.

    Args:
        values: a column or an expression; nulls add nothing.

    Example:
        >>> rows = pl.DataFrame({"k": ["a", "b", "a"], "v": [1.0, 2.0, None]})
        >>> rows.group_by("k", maintain_order=True).agg(ordered_sum(pl.col("v"))).rows()
        [('a', 1.0), ('b', 2.0)]
    """
    return values.drop_nulls().sum()
