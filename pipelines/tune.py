"""`recsys tune`: search the settings of every rung on windows before `as_of`, and write a configuration of the best."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.configuration import Config, Repeats, read_config, with_choices
from pipelines.console import emit, progress, say, show
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from pipelines.tuned_config import require_rewritable, tuned_text
from recsys.errors import ConfigError
from recsys.evaluation import TunedRung, Tuner, Tuning, comparable
from recsys.recommender import RANKED
from recsys.replacing import replacing_file, require_replaceable_file
from recsys.timeline import format_duration, format_instant, parse_instant


def tune(
    config: ConfigOption,
    as_of: Annotated[str, typer.Option(help="Tune on what was known before this instant.")],
    out: Annotated[Path, typer.Option(help="The configuration to write, for `train`; replaced when it is complete.")],
    home: HomeOption = None,
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="Settings that every rung may try.")] = 10,
    rungs: Annotated[
        str | None, typer.Option(help="Rungs to tune, separated by commas. [default: the ladder and ranked]")
    ] = None,
    horizon: Annotated[str | None, typer.Option(help="Length of the label windows that decide, e.g. 14d.")] = None,
    repeats: Annotated[Repeats, typer.Option(help="May lists hold what a user had? auto: measured.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the settings that are drawn.")] = 0,
    json: JsonOption = False,
) -> None:
    """Tune every rung with the same budget on windows before an instant, and write a configuration."""
    settings = _comparable(with_choices(read_config(config), horizon, repeats))
    names = _rungs(settings, rungs)
    _check_files(config, out)
    instant = parse_instant(as_of, "--as-of")
    tuning = _tune(Home(home_of(config, home), settings), instant, names, trials, seed)
    text = config.read_text(encoding="utf-8-sig")
    written = tuned_text(text, tuning, instant, _head(settings, tuning, trials, seed), str(config))
    with replacing_file(out) as scratch:
        scratch.write_text(written, encoding="utf-8")
        read_config(scratch)
    if json:
        emit({"out": str(out), "as_of": format_instant(instant), "trials": trials, "seed": seed, **_facts(tuning)})
    else:
        show(_table(tuning, instant))
    say(f"{out}: {sum(one.is_better for one in tuning.rungs)} of {len(names)} rung(s) have better settings")


def _comparable(config: Config) -> Config:
    recommender, evaluation = comparable(config.recommender, config.evaluation)
    return config.model_copy(update={"recommender": recommender, "evaluation": evaluation})


def _rungs(config: Config, given: str | None) -> list[str]:
    """Return the rungs to tune, in the order of the ladder.

    Raises:
        ConfigError: if one is not in the ladder.
    """
    ladder = [*config.recommender.ladder, RANKED]
    wanted = ladder if given is None else [name.strip() for name in given.split(",")]
    unknown = [name for name in wanted if name not in ladder]
    if unknown:
        raise ConfigError(
            f"--rungs: {len(unknown)} of {len(wanted)} are no rung of the ladder; first: {unknown[0]!r}; choose among "
            f"{', '.join(ladder)}"
        )
    return [name for name in ladder if name in wanted]


def _check_files(config: Path, out: Path) -> None:
    """Refuse targets before the work begins.

    Raises:
        ConfigError: if `out` is the configuration itself or no replaceable file, or tuned values cannot be written.
    """
    if out.resolve() == config.resolve():
        raise ConfigError(f"--out {out}: is the file that is read as {config}; name another file")
    require_replaceable_file(out)
    require_rewritable(config.read_text(encoding="utf-8-sig"), str(config))


def _tune(place: Home, as_of: datetime, rungs: list[str], n_trials: int, seed: int) -> Tuning:
    config = place.config
    with progress() as display:
        task = display.add_task("earlier windows", total=len(rungs) * n_trials)
        return Tuner(
            trials=place,
            as_of=as_of,
            recommender=config.recommender,
            rules=config.evaluation,
            rewards=config.rewards,
            state=config.state,
            n_trials=n_trials,
            seed=seed,
            on_step=lambda what, n: display.update(task, description=what, advance=n),
        ).run(rungs)


def _head(config: Config, tuning: Tuning, n_trials: int, seed: int) -> str:
    horizon = format_duration(config.evaluation.horizon)
    return (
        f"{n_trials} trial(s) a rung, seed {seed}\n"
        f"# on {len(tuning.cutoffs)} earlier window(s) of {horizon} with {tuning.n_users:,} users, repeats "
        f"{tuning.repeats}; mean NDCG@{config.evaluation.k} before and after, and the setting:"
    )


def _facts(tuning: Tuning) -> dict[str, object]:
    return {
        "cutoffs": [format_instant(cutoff) for cutoff in tuning.cutoffs],
        "users": tuning.n_users,
        "repeats": tuning.repeats,
        "rungs": {
            one.rung: {
                "windows": one.n_windows,
                "note": one.note,
                "is_better": one.is_better,
                **(asdict(one.found) if one.found else {}),
            }
            for one in tuning.rungs
        },
    }


def _table(tuning: Tuning, as_of: datetime) -> Table:
    table = Table(
        title=f"Tuned as of {format_instant(as_of)}",
        caption=f"mean NDCG over {len(tuning.cutoffs)} earlier window(s) with {tuning.n_users:,} users",
    )
    for heading in ("rung", "tried", "before", "after", "parameters"):
        table.add_column(heading, justify="right" if heading in ("tried", "before", "after") else "left")
    for one in tuning.rungs:
        table.add_row(*_cells(one), style="bold" if one.is_better else None)
    return table


def _cells(one: TunedRung) -> list[str]:
    found = one.found
    if found is None:
        return [one.rung, "–", "–", "–", one.note]
    setting = " ".join(f"{name}={value}" for name, value in found.best.items()) or "nothing to tune"
    share = f"{found.n_tried} of {found.n_settings:,}"
    said = f"{setting} ({one.note})" if one.note else setting
    return [one.rung, share, f"{found.before:.4f}", f"{found.after:.4f}", said]
