"""What identifies an event that was delivered without an `event_id`: its content, and which repeat of it this is.

    row_key  = MD5, in hex, of the content's canonical text
    event_id = row_key for the first such row of a file, `<row_key>-2` for the second, and so on

So the same rows delivered again (also as another format, or in a corrected file) have the same ids, while lines that
really repeat within one file stay apart. `known_at` is no content: a row delivered late is the same row.
The canonical text does not depend on how a file writes numbers, nor on how a library formats them: instants are whole
microseconds and floats the 64 bits of IEEE 754 (with -0.0 as 0.0). Fields are separated by U+001F and null is U+0000;
the contract refuses both inside identifiers.
"""

import polars as pl
import polars_hash as plh

CONTENT = (
    "user_id",
    "item_id",
    "event_type",
    "event_time",
    "value",
    "quantity",
    "price",
    "basket_id",
    "market",
    "position",
    "propensity",
)
"""The columns that make up an event's content, in the order of the canonical text."""

ROW_KEY_LENGTH = 32


def row_key(events: pl.LazyFrame | pl.DataFrame) -> pl.Expr:
    """Return the hash of each event's content, 32 hexadecimal digits, as column `row_key`.

    Args:
        events: the table on which the expression will be used; only its schema is read.

    Example:
        >>> from recsys.tables import EVENT_DTYPES, conform
        >>> events = conform(pl.DataFrame({"item_id": ["a", "a"], "value": [0.0, -0.0]}), EVENT_DTYPES, "example")
        >>> events.select(row_key(events)).n_unique()
        1
    """
    schema = events.collect_schema()
    texts = [_canonical(name, schema[name]).fill_null("\x00") for name in CONTENT]
    return plh.concat_str(*texts, separator="\x1f").nchash.md5().alias("row_key")


def _canonical(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Float64:
        # NOTE: `column + 0.0` is not enough, polars leaves -0.0 as it is.
        positive_zero = pl.when(column == 0.0).then(0.0).otherwise(column)
        return positive_zero.reinterpret(dtype=pl.UInt64).cast(pl.String)
    return column.to_physical().cast(pl.String) if isinstance(dtype, pl.Datetime) else column.cast(pl.String)


def numbered_id(key: pl.Expr, occurrence: pl.Expr) -> pl.Expr:
    """Return the id of the n-th row with this key; `occurrence` counts from 1."""
    return pl.when(occurrence > 1).then(pl.format("{}-{}", key, occurrence)).otherwise(key)
