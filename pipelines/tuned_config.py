"""A configuration file with tuned values: what a person wrote stays as it is, and the head says what was done."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from itertools import dropwhile
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from recsys.errors import ConfigError
from recsys.evaluation import Tuning
from recsys.recommender import RANKED
from recsys.timeline import format_instant

_HEAD = "# Tuned as of "


def require_rewritable(text: str, where: str) -> None:
    """Refuse a configuration into whose text tuned values cannot be written; for a check before long work.

    Raises:
        ConfigError: if [recommender] is written with dotted keys.
    """
    probe = {"tuned_as_of": "", "tuned": {RANKED: {"x": 0}}, "ranking": {"boosting": {"x": 0}}}
    _with_recommender(text, probe, where)


def tuned_text(text: str, tuning: Tuning, as_of: datetime, head: str, where: str) -> str:
    """Return the text of a configuration with the values of every rung for which better ones were found.

    Args:
        text: of the configuration.
        tuning: what was found.
        as_of: when.
        head: how, in a few words.
        where: the configuration's name, for errors.

    Raises:
        ConfigError: if [recommender] is written with dotted keys.
    """
    better = {one.rung: one.found.best for one in tuning.rungs if one.found and one.is_better}
    boosting = better.pop(RANKED, None)
    changes: dict[str, Any] = {"tuned_as_of": format_instant(as_of)} if better or boosting else {}
    changes |= {"tuned": better} if better else {}
    changes |= {"ranking": {"boosting": boosting}} if boosting else {}
    own = _without_head(text)
    lines = [f"{_HEAD}{format_instant(as_of)} by `recsys tune`: {head}", *(f"#   {line}" for line in outcomes(tuning))]
    return "\n".join(lines) + "\n\n" + _with_recommender(own, changes, where)


def _without_head(text: str) -> str:
    """Drop the comment that an earlier tuning wrote at the top, and nothing of the user's own."""
    if not text.startswith(_HEAD):
        return text
    own = dropwhile(lambda line: line.startswith((_HEAD, "# on ", "#   ")), text.splitlines(keepends=True))
    return "".join(own).removeprefix("\n")


def outcomes(tuning: Tuning) -> list[str]:
    """Say in one line a rung what was tried, the scores before and after, and the setting."""
    lines = []
    for one in tuning.rungs:
        if one.found is None:
            lines.append(f"{one.rung}: {one.note}")
            continue
        setting = " ".join(f"{name}={value}" for name, value in one.found.best.items())
        scores = f"{one.found.before:.4f} -> {one.found.after:.4f}"
        lines.append(f"{one.rung}: {one.found.n_tried} tried, {scores}, {setting or 'nothing to tune'}")
    return lines


def _with_recommender(text: str, changes: Mapping[str, Any], where: str) -> str:
    """Write changes into the section [recommender] of a TOML text."""
    expected = tomllib.loads(text)
    _merge(expected, {"recommender": changes} if changes else {})
    document = tomlkit.parse(text)
    try:
        _merge(document, {"recommender": changes} if changes else {})
        written = tomlkit.dumps(document)
        is_right = tomllib.loads(written) == expected
    except (TOMLKitError, tomllib.TOMLDecodeError, ValueError):
        is_right = False
    # NOTE: tomlkit misplaces tables beside dotted keys, so that what it wrote is read again.
    if not is_right:
        raise ConfigError(
            f"{where}: tuned values cannot be written beside dotted keys of recommender; write its parts as tables, "
            "[recommender] and [recommender.ranking]"
        )
    return written


def _merge(target: Any, changes: Mapping[str, Any]) -> None:
    """Put changes into nested tables; a table of numbers and texts alone replaces what is there."""
    for key, value in changes.items():
        if key in target and isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values()):
            _merge(target[key], value)
        else:
            target[key] = value
