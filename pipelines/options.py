"""The options that verbs share, and what they mean."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="TOML file, one of configs/ or your own.")]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of log, state, models and reports. [default: data/<config name>]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]


def home_of(config: Path, home: Path | None) -> Path:
    """Return the home to use: the one given, else `data/<config file's stem>`."""
    return home if home is not None else Path("data") / config.stem
