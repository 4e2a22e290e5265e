"""docs/features.md: the catalogue of features of the default configuration, one table per group."""

import inspect
from collections.abc import Iterable

from recsys.features import Feature, FeatureGroup
from recsys.recommender import RecommenderSettings, TwoStage

HEAD = """# Features

What a ranker knows of a candidate, in the order of its columns, under the default configuration. Other half-lives and
channels give features of other names ([settings](settings.md)). Each is computed as of one instant, from what was known
before it; NaN means that there is nothing to measure. Written from the code by `make docs`.
"""

WITHIN = "Computed for a user's candidates together: features of the groups above, by `ranked_within`."


def features_page() -> str:
    """Return the page.

    Returns:
        Markdown: per group its name and what it is, and a row per feature with name, unit, meaning, source and what it
        says to a person.
    """
    stage = TwoStage(RecommenderSettings())
    parts = [_section(group.name, _about(group), group.features) for group in stage.groups]
    own = sum(len(group.features) for group in stage.groups)
    parts.append(_section("within", WITHIN, stage.features[own:]))
    return "\n".join([HEAD, f"{len(stage.features)} features in {len(parts)} groups.\n", *parts])


def _about(group: FeatureGroup) -> str:
    """Return the first paragraph of what a group says of itself, and where it is."""
    said = (inspect.getdoc(type(group)) or "").split("\n\n")[0].replace("\n", " ")
    return f"{said} `{type(group).__module__}`"


def _section(name: str, about: str, features: Iterable[Feature]) -> str:
    rows = [f"| `{one.name}` | {one.unit} | {one.meaning} | {one.source} | {one.reason or '–'} |\n" for one in features]
    head = "| feature | unit | meaning | source | says to a person |\n|---|---|---|---|---|\n"
    return f"## {name}\n\n{about}\n\n{head}{''.join(rows)}"
