"""Strict settings: TOML in, frozen models out, every problem named at once.

Each component keeps its own model beside its code; this module holds what they share.
"""

import hashlib
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from recsys.errors import ConfigError
from recsys.timeline import format_duration, format_instant, parse_duration, parse_instant


def _read_duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _read_instant(value: object) -> object:
    text = value.isoformat() if isinstance(value, datetime) else value
    if not isinstance(text, str):
        return value
    try:
        return parse_instant(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error


Duration = Annotated[timedelta, BeforeValidator(_read_duration), PlainSerializer(format_duration)]
"""A duration setting, written `14d`."""

PositiveDuration = Annotated[Duration, Field(gt=timedelta())]
"""A duration setting that is longer than nothing."""

Instant = Annotated[datetime, BeforeValidator(_read_instant), PlainSerializer(format_instant)]
"""An instant setting with a zone, written `2011-10-10T00:00:00Z` (or as a bare date, 00:00Z)."""


def _with_tuples(content: Any) -> Any:
    """Turn the lists of TOML into tuples, the frozen form in which settings keep them."""
    if isinstance(content, dict):
        return {key: _with_tuples(value) for key, value in content.items()}
    return tuple(_with_tuples(value) for value in content) if isinstance(content, list) else content


class Settings(BaseModel):
    """A frozen, strict group of settings: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file into this model.

        Raises:
            ConfigError: if the file is missing, is no TOML, or breaks the model; all problems in one line.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a TOML file from configs/") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is no TOML ({error})") from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: dict[str, Any], where: str) -> Self:
        """Validate a mapping as this model; `where` names it in the error.

        Raises:
            ConfigError: naming every problem, its key and what was found.
        """
        try:
            return cls.model_validate(_with_tuples(content))
        except ValidationError as error:
            problems = [
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']} (got {problem['input']!r:.80})"
                for problem in error.errors()
            ]
            raise ConfigError(f"{where}: {len(problems)} wrong setting(s): {'; '.join(problems)}") from error

    def changed(self, changes: dict[str, Any], where: str) -> Self:
        """Return a copy with other values, validated as those of a file are; `where` names them in the error.

        Raises:
            ConfigError: naming every problem, its key and what was found.
        """
        return self.parse({**{name: getattr(self, name) for name in type(self).model_fields}, **changes}, where)

    def digest(self) -> str:
        """Return the SHA-256 of the resolved settings, 64 hexadecimal digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
