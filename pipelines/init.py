"""`recsys init EVENTS > configs/mine.toml`: a ready, commented configuration for a log, without a home."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from pipelines.console import say
from recsys.data.arrivals import TimeBounds, parse_arrivals
from recsys.data.config_text import render_config
from recsys.data.importers import IMPORTERS
from recsys.data.ingest import IngestSettings
from recsys.data.profile import profile_log
from recsys.tables import ITEM_DTYPES


def init(
    events: Annotated[Path, typer.Argument(help="Event file (Parquet or CSV), or a folder of them.")],
) -> None:
    """Write a configuration made to measure for an event file on stdout."""
    now = datetime.now(UTC)
    rows = pl.concat(_read(events, TimeBounds(IngestSettings().earliest, now)))
    good = rows.filter(pl.col("reason").is_null())
    if good.height < rows.height:
        bad = rows["reason"].drop_nulls().value_counts(sort=True)
        say(f"{events}: {rows.height - good.height:,} of {rows.height:,} rows left aside: {dict(bad.rows())}")
    print(render_config(profile_log(good.lazy(), pl.LazyFrame(schema=ITEM_DTYPES), now), events.name), end="")


def _read(events: Path, bounds: TimeBounds) -> Iterator[pl.DataFrame]:
    importer = IMPORTERS["events"]
    for path in importer.find([events]):
        for chunk in importer.read_events(path):
            if chunk.malformed:
                say(f"{path}: {len(chunk.malformed)} malformed line(s) left aside; first: {chunk.malformed[0].text!r}")
            yield parse_arrivals(chunk, bounds, str(path))
