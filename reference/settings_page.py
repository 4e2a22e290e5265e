"""docs/settings.md: every key of a configuration with its default and meaning, one table per section.

The tables are written from the settings models; what stands between them is written by hand and stays.
"""

import inspect
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import get_args

from pipelines.configuration import Config
from recsys.settings import Settings
from recsys.timeline import format_duration, format_instant

_HEADING = re.compile(r"^## \[(.+)\]\n", flags=re.MULTILINE)
_TABLE = re.compile(r"^\| key \|.*\n(?:\|.*\n)*", flags=re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", flags=re.MULTILINE)


def settings_page(page: str) -> str:
    """Return the page with every table as the code has it.

    Args:
        page: the page as it is; its head and the texts around its tables are kept, sections that are gone are not.

    Raises:
        ValueError: if a key has no meaning in the docstring of its model.
    """
    head, *parts = _HEADING.split(page)
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    written = [_section(name, model, texts.get(name)) for name, model in sections().items()]
    return head + "\n".join(written)


def sections() -> dict[str, type[Settings]]:
    """Return every section of a configuration; lists of tables are described beside their code."""
    return dict(
        section
        for name, field in Config.model_fields.items()
        for section in _within(name, field.annotation)  # type: ignore[arg-type]
    )


def _within(name: str, model: type[Settings]) -> Iterator[tuple[str, type[Settings]]]:
    yield name, model
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from _within(f"{name}.{key}", field.annotation)
        elif (
            isinstance(field.get_default(call_default_factory=True), dict)
            and isinstance(entry := get_args(field.annotation)[1], type)
            and issubclass(entry, Settings)
        ):
            yield from _within(f"{name}.{key}.NAME", entry)


def _section(name: str, model: type[Settings], text: str | None) -> str:
    """Write a section, with the texts around its table if there was one."""
    before, after = _TABLE.split(text, maxsplit=1) if text else (f"\n`{model.__module__}`\n\n", "")
    said = meanings(model)
    rows = [
        f"| `{key}` | {written(field.get_default(call_default_factory=True))} | {said[key]} |\n"
        for key, field in model.model_fields.items()
    ]
    table = "| key | default | meaning |\n|---|---|---|\n" + "".join(rows)
    return f"## [{name}]\n{before}{table}{after.rstrip()}\n" if after.strip() else f"## [{name}]\n{before}{table}"


def meanings(model: type[Settings]) -> dict[str, str]:
    """Return what each key means: its docstring, or its entry among the `Attributes` of the model.

    Raises:
        ValueError: if one has neither.
    """
    listed = (inspect.getdoc(model) or "").partition("Attributes:\n")[2]
    entries = {key: re.sub(r"\s+", " ", text) for key, text in _ENTRY.findall(listed)}
    found = {key: field.description or entries.get(key, "") for key, field in model.model_fields.items()}
    silent = [key for key, meaning in found.items() if not meaning]
    if silent:
        raise ValueError(f"{model.__name__}: {len(silent)} key(s) have no meaning; first: {silent[0]}; document it")
    return found


def written(value: object) -> str:
    """Write a default: as TOML, without quotes around words.

    Example:
        >>> written(timedelta(days=14)), written(("a", 1)), written(None)
        ('`14d`', '`[a, 1]`', 'none')
    """
    match value:
        case None:
            return "none"
        case timedelta():
            return f"`{format_duration(value)}`"
        case datetime():
            return f"`{format_instant(value)}`"
        case Settings():
            return "a table, below"
        case tuple() if value and isinstance(value[0], Settings):
            return f"{len(value)} tables, see `{type(value[0]).__module__.rpartition('.')[0]}`"
        case tuple():
            return f"`[{', '.join(written(entry).strip('`') for entry in value)}]`"
        case dict() if any(isinstance(entry, Settings) for entry in value.values()):
            return ", ".join(f"`{key}`" for key in value)
        case dict() if value:
            pairs = ", ".join(f'"{key}" = {entry}' for key, entry in value.items())
            return f"`{{ {pairs} }}`"
        case _:
            return f"`{value}`"
