"""`recsys train`: choose a plan on windows before `as_of`, then learn it from everything known by then."""

import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.configuration import Repeats, read_config, with_choices
from pipelines.console import emit, progress, say, tell
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.errors import ConfigError
from recsys.evaluation import Selection, choose
from recsys.knowledge import Knowledge
from recsys.recommender import (
    FORMAT,
    Earlier,
    Manifest,
    Model,
    RankerSet,
    continued_picks,
    fit,
    load,
    require_earlier,
    save,
)
from recsys.replacing import require_replaceable_folder
from recsys.reports import channel_table
from recsys.settings import Settings
from recsys.timeline import format_instant, parse_instant

_RECORDED = {"as_of", "log_version", "item_version", "config_digest", "plan", "warm_start"}
"""What `--json` says of the model's manifest."""


def train(
    config: ConfigOption,
    as_of: Annotated[str, typer.Option(help="Learn from what was known before this instant.")],
    out: Annotated[Path, typer.Option(help="Folder of the model; replaced when the new one is complete.")],
    home: HomeOption = None,
    horizon: Annotated[str | None, typer.Option(help="Length of the label windows that decide, e.g. 14d.")] = None,
    repeats: Annotated[Repeats, typer.Option(help="May lists hold what a user had? auto: measured.")] = "auto",
    warm_start: Annotated[
        Path | None, typer.Option(help="Folder of an earlier model, from whose matrix factors learning starts.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Learn from what was known before an instant."""
    settings = with_choices(read_config(config), horizon, repeats)
    require_replaceable_folder(out, marker="model.json")
    place = Home(home_of(config, home), settings)
    instant = parse_instant(as_of, "--as-of")
    previous = None if warm_start is None else _startable(warm_start, instant, out)
    selection = _select(place, instant)
    manifest = _manifest(place, instant, selection)
    rankers = selection.rankers if selection.plan.ranking else None
    knowledge = place.knowledge(instant)
    if previous is None:
        model = fit(knowledge, manifest, rankers)
    else:
        model = _fit_from(previous, knowledge, manifest, rankers)
    save(model, out)
    say(f"{out}: {selection.winner} as of {format_instant(instant)}: {selection.describe()}")
    if selection.channels:
        tell(channel_table(selection.channels))
    if json:
        emit({"model": str(out), "rung": selection.winner, **_facts(selection, model.manifest)})


def _manifest(place: Home, as_of: datetime, selection: Selection) -> Manifest:
    """Say what the model is to be made of, and from what."""
    return Manifest(
        format=FORMAT,
        as_of=as_of,
        log_version=place.log_version,
        item_version=place.item_version,
        config_digest=place.config.digest(),
        rewards=place.config.rewards,
        state=place.config.state,
        settings=place.config.recommender,
        plan=selection.plan,
    )


def _startable(folder: Path, as_of: datetime, out: Path) -> Model | None:
    """Load a model to start from, None if it has no factors; refuse it before the work begins.

    Raises:
        ConfigError: if the new model would replace it.
        ArtifactError: if it is no complete model.
        LeakageError: if it was learned as of a later instant.
    """
    if os.path.realpath(out) == os.path.realpath(folder):
        raise ConfigError(f"--out {out}: is the model that learning starts from; name another folder")
    previous = load(folder)
    require_earlier(previous, as_of)
    if not continued_picks(previous.manifest):
        say(f"--warm-start: nothing starts from it, because its plan ({previous.manifest.plan.rung}) has no factors")
        return None
    return previous


def _fit_from(previous: Model, knowledge: Knowledge, manifest: Manifest, rankers: RankerSet | None) -> Model:
    """Learn a plan, its matrix factors from those of an earlier model, and say how much of it is known."""
    if not continued_picks(manifest):
        say(f"--warm-start: nothing starts from it, because the plan that won ({manifest.plan.rung}) has no factors")
        return fit(knowledge, manifest, rankers)
    earlier = Earlier.of(previous, knowledge.history)
    n_users, n_items = knowledge.history.users.height, knowledge.history.items.height
    say(
        f"--warm-start: {earlier.n_users:,} of {n_users:,} users and {earlier.n_items:,} of {n_items:,} items were "
        f"known to the model as of {format_instant(previous.as_of)}"
    )
    started = manifest.model_copy(update={"warm_start": earlier.origin})
    return fit(knowledge, started, rankers, earlier.starting(knowledge, manifest.settings))


def _select(place: Home, as_of: datetime) -> Selection:
    """Choose a plan on the windows whose labels were known and mature before `as_of`."""
    config = place.config
    with progress() as display:
        task = display.add_task("earlier windows", total=None)
        selection, _ = choose(
            place,
            as_of,
            recommender=config.recommender,
            rules=config.evaluation,
            rewards=config.rewards,
            on_step=lambda step: display.update(task, description=step),
        )
    return selection


def _facts(selection: Selection, manifest: Settings) -> dict[str, object]:
    return {
        **manifest.model_dump(mode="json", include=_RECORDED),
        "scores_on_earlier_windows": selection.scores,
        "n_windows": selection.n_windows,
        "repeat_share": selection.repeat_share,
        "duel": asdict(selection.duel) if selection.duel else None,
        "channels": [asdict(channel) for channel in selection.channels],
    }
