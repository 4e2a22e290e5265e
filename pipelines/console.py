"""What a verb says: progress and messages on stderr; on stdout the one result."""

import json
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

_WIDTH = 132
"""Columns of what is not written to a terminal."""

CONSOLE = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
"""The rich console of every verb; it writes to stderr."""


def say(message: str) -> None:
    """Print one plain line on stderr."""
    print(message, file=sys.stderr)


def emit(result: Mapping[str, object]) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(result, default=str))


def tell(table: Table) -> None:
    """Print a table on stderr."""
    CONSOLE.print(table)


def show(table: Table) -> None:
    """Print a table on stdout."""
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)


def progress() -> Progress:
    """Return a progress display for stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=CONSOLE,
        transient=True,
    )
