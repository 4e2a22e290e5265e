"""`recsys train`: choose a plan on windows before `as_of`, then learn it from everything known by then."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.configuration import Repeats, read_config, with_choices
from pipelines.console import emit, progress, say
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.evaluation import Selection, choose
from recsys.recommender import FORMAT, Manifest, fit, save
from recsys.replacing import require_replaceable_folder
from recsys.settings import Settings
from recsys.timeline import format_instant, parse_instant


def train(
    config: ConfigOption,
    as_of: Annotated[str, typer.Option(help="Learn from what was known before this instant.")],
    out: Annotated[Path, typer.Option(help="Folder of the model; replaced when the new one is complete.")],
    home: HomeOption = None,
    horizon: Annotated[str | None, typer.Option(help="Length of the label windows that decide, e.g. 14d.")] = None,
    repeats: Annotated[Repeats, typer.Option(help="May lists hold what a user had? auto: measured.")] = "auto",
    json: JsonOption = False,
) -> None:
    """Learn from what was known before an instant."""
    settings = with_choices(read_config(config), horizon, repeats)
    require_replaceable_folder(out, marker="model.json")
    place = Home(home_of(config, home), settings)
    instant = parse_instant(as_of, "--as-of")
    selection = _select(place, instant)
    manifest = Manifest(
        format=FORMAT,
        as_of=instant,
        log_version=place.log_version,
        item_version=place.item_version,
        config_digest=settings.digest(),
        settings=settings.recommender,
        plan=selection.plan,
    )
    rankers = selection.rankers if selection.plan.ranking else None
    save(fit(place.knowledge(instant), manifest, rankers), out)
    say(f"{out}: {selection.winner} as of {format_instant(instant)}: {selection.describe()}")
    if json:
        emit({"model": str(out), "rung": selection.winner, **_facts(selection, manifest)})


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
        **manifest.model_dump(mode="json", include={"as_of", "log_version", "item_version", "config_digest", "plan"}),
        "scores_on_earlier_windows": selection.scores,
        "n_windows": selection.n_windows,
        "repeat_share": selection.repeat_share,
        "duel": asdict(selection.duel) if selection.duel else None,
        "channels": [asdict(channel) for channel in selection.channels],
    }
