"""`recsys compact`: join the small files of the log, and remove those that nothing needs any more."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.configuration import read_config
from pipelines.console import emit, say
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.data.log import KEEP, EventLog
from recsys.data.writer_lock import one_writer
from recsys.timeline import format_duration, parse_duration

KeepOption = Annotated[
    str | None,
    typer.Option(help=f"Versions of the log younger than this stay readable. [default: {format_duration(KEEP)}]"),
]


def compact(config: ConfigOption, home: HomeOption = None, keep: KeepOption = None, json: JsonOption = False) -> None:
    """Join the small files of each date; what any scan returns stays the same."""
    settings = read_config(config).ingest
    folder = home_of(config, home)
    with one_writer(folder, settings.writer_patience):
        done = EventLog(folder).compact(KEEP if keep is None else parse_duration(keep))
    say(f"{done.files_before:,} files became {done.files_after:,}; {done.files_removed:,} old ones removed")
    if json:
        emit(asdict(done))
