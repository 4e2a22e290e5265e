"""`recsys ingest`: read files into the log of a home, each row exactly once, and say what became of them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import typer
from rich.progress import Progress
from rich.table import Table

from pipelines.configuration import read_config
from pipelines.console import CONSOLE, emit, progress, say
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.data.deliveries import Delivery
from recsys.data.importers import IMPORTERS, Importer
from recsys.data.ingest import IngestSettings, IngestSummary, ingest_events
from recsys.data.item_files import read_item_files
from recsys.data.items import ALWAYS_KNOWN, ItemAppend, ItemTable
from recsys.data.writer_lock import one_writer
from recsys.timeline import format_instant

Layout = Literal["events", "online-retail", "movielens", "retailrocket", "items"]

PathsArgument = Annotated[list[Path], typer.Argument(help="Files, or folders that are searched through.")]
FormatOption = Annotated[Layout, typer.Option("--format", help="Layout of the files.")]


def ingest(
    paths: PathsArgument,
    config: ConfigOption,
    home: HomeOption = None,
    layout: FormatOption = "events",
    json: JsonOption = False,
) -> None:
    """Read events (or items) into the log; what breaks the contract goes to the quarantine."""
    settings = read_config(config).ingest
    folder = home_of(config, home)
    if layout == "items":
        _report_items(_ingest_items(folder, paths, settings), json=json)
        return
    importer = IMPORTERS[layout]
    summary = _ingest(folder, importer, paths, settings)
    versions = importer.read_items(paths)
    items = None
    if versions is not None:
        with one_writer(folder, settings.writer_patience):
            items = ItemTable(folder).append(versions)
    _report(summary, items, json=json)


def _ingest(home: Path, importer: Importer, paths: Sequence[Path], settings: IngestSettings) -> IngestSummary:
    files = importer.find(paths)
    _say_passed_over(paths, files)
    with progress() as display:
        deliveries = _deliveries(importer, files, paths, display)
        return ingest_events(home, deliveries, settings, now=datetime.now(UTC))


def _deliveries(importer: Importer, files: list[Path], paths: Sequence[Path], display: Progress) -> Iterator[Delivery]:
    """Hand out the files one by one, each named from the given path down wherever that lies."""
    task = display.add_task("reading", total=len(files))
    roots = {path.resolve(): path for path in paths}
    for file in files:
        root = next((parent for parent in file.resolve().parents if parent in roots), None)
        name = file.name if root is None else str(Path(root.name) / file.resolve().relative_to(root))
        yield Delivery(name, importer.read_events(file))
        display.advance(task)
    display.update(task, description="writing")


def _say_passed_over(paths: Sequence[Path], files: Sequence[Path]) -> None:
    inside = sorted(file for path in paths if path.is_dir() for file in path.rglob("*") if file.is_file())
    other = sorted(set(inside) - set(files))
    if other:
        say(f"{len(other)} other file(s) passed over; first: {other[0]}")


def _ingest_items(home: Path, paths: Sequence[Path], settings: IngestSettings) -> ItemAppend:
    versions = read_item_files(paths)
    _warn_of_timeless(versions)
    with one_writer(home, settings.writer_patience):
        return ItemTable(home).append(versions)


def _warn_of_timeless(versions: pl.DataFrame) -> None:
    """Say what follows for items whose file tells no `known_at`."""
    timeless = versions.filter(pl.col("known_at") == ALWAYS_KNOWN)
    if timeless.is_empty():
        return
    undated = timeless.filter(pl.col("available_from").is_null()) if "available_from" in timeless.columns else timeless
    n_timeless, n_all, n_undated = (frame["item_id"].n_unique() for frame in (timeless, versions, undated))
    say(
        f"warning: {n_timeless:,} of {n_all:,} items have no known_at, first: item_id={timeless['item_id'][0]!r:.80}; "
        f"past runs see their columns as they are now, and {n_undated:,} of them, without available_from, only from "
        "their first event on; to mend it, add known_at (from when each row was known) and ingest into a new home"
    )


def _report_items(items: ItemAppend, *, json: bool) -> None:
    say(f"item versions: {items.accepted:,} accepted, {items.already_present:,} already there")
    if json:
        emit({**asdict(items), "quarantined": {}})


def _report(summary: IngestSummary, items: ItemAppend | None, *, json: bool) -> None:
    if json:
        emit({**asdict(summary), **_times(summary), "items_accepted": items.accepted if items else 0})
    CONSOLE.print(_table(summary))
    if items is not None:
        say(f"item versions: {items.accepted:,} accepted, {items.already_present:,} already there")


def _times(summary: IngestSummary) -> dict[str, str | None]:
    ends = {"first_event": summary.first_event, "last_event": summary.last_event}
    return {name: None if end is None else format_instant(end) for name, end in ends.items()}


def _table(summary: IngestSummary) -> Table:
    table = Table("ingested", "", title=f"{summary.rows:,} rows")
    table.add_row("accepted", f"{summary.accepted:,}")
    table.add_row("already there", f"{summary.already_present:,}")
    table.add_row("quarantined", f"{sum(summary.quarantined.values()):,}")
    for reason, count in summary.quarantined.items():
        table.add_row(f"  {reason}", f"{count:,}")
    if summary.first_event and summary.last_event:
        table.add_row("time range", f"{format_instant(summary.first_event)} .. {format_instant(summary.last_event)}")
    table.add_row("users, items", f"{summary.users:,}, {summary.items:,}")
    table.add_row("event types", ", ".join(f"{name} {count:,}" for name, count in summary.event_types.items()))
    return table
