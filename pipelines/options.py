"""The options that verbs share, and what they mean."""

from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import ConfigError

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="TOML file, one of configs/ or your own.")]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of log, state, models and reports. [default: data/<config name>]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]


def home_of(config: Path, home: Path | None) -> Path:
    """Return the home to use: the one given, else `data/<config file's stem>`.

    Raises:
        ConfigError: if the home, or what should be a folder around it, is a file.
    """
    folder = home if home is not None else Path("data") / config.stem
    file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
    if file is not None:
        raise ConfigError(f"--home {folder}: {file} is a file; name a folder")
    return folder
