"""`recsys evaluate`: judge the ladder over rolling cutoffs and write the report."""

import shlex
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipelines.configuration import Config, read_config
from pipelines.console import emit, progress, say, show
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.errors import ConfigError
from recsys.evaluation import (
    CutoffRun,
    EvaluationResults,
    Provenance,
    climb,
    per_user,
    results_json,
    summarise,
)
from recsys.replacing import replacing
from recsys.reports import ladder_table, render_report
from recsys.timeline import format_instant, parse_instant, rolling_cutoffs


def evaluate(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Folder for report.html, metrics.json and per_user.parquet.")],
    home: HomeOption = None,
    cutoffs: Annotated[str | None, typer.Option(help="Evaluation instants, separated by commas.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the last cutoff, decided on one earlier window.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Judge the ladder over rolling cutoffs and write a report."""
    settings = _with_choices(read_config(config), cutoffs, quick)
    place = Home(home_of(config, home), settings)
    end, as_of = place.ends()
    runs = _runs(place, end, as_of)
    title = f"Ladder on {place.path.name}"
    results = summarise(
        runs, settings.evaluation, _provenance(place, config, as_of, out), reward=settings.rewards.target, title=title
    )
    with replacing(out) as folder:
        folder.mkdir()
        (folder / "metrics.json").write_text(results_json(results))
        per_user(runs).write_parquet(folder / "per_user.parquet")
        render_report(results, folder / "report.html")
    if json:
        emit(_brief(results, out))
    else:
        show(ladder_table(results))
    say(f"report: {out / 'report.html'}")


def _with_choices(config: Config, cutoffs: str | None, quick: bool) -> Config:
    """Let the command line override the cutoffs, and `--quick` take the last of them with one earlier window."""
    rules = config.evaluation
    if cutoffs is not None:
        instants = tuple(sorted(parse_instant(text.strip(), "--cutoffs") for text in cutoffs.split(",")))
        rules = rules.model_copy(update={"cutoffs": instants})
    if quick:
        rules = rules.model_copy(update={"cutoffs": rules.cutoffs[-1:], "n_cutoffs": 1, "selection_windows": 1})
    return config.model_copy(update={"evaluation": rules})


def _runs(place: Home, end: datetime, as_of: datetime) -> list[CutoffRun]:
    """Climb the ladder at every cutoff."""
    rules = place.config.evaluation
    cutoffs = list(rules.cutoffs) or rolling_cutoffs(end, rules.horizon, rules.n_cutoffs, rules.gap)
    unknown = [cutoff for cutoff in cutoffs if not place.has_history(cutoff)]
    if unknown:
        raise ConfigError(
            f"cutoffs: {len(unknown)} of {len(cutoffs)} have less than one horizon of history; "
            f"first: {format_instant(unknown[0])}; choose later cutoffs or a shorter horizon"
        )
    runs = []
    with progress() as display:
        task = display.add_task("cutoffs", total=len(cutoffs))
        for run in climb(place, cutoffs, as_of, recommender=place.config.recommender, rules=rules):
            runs.append(run)
            display.advance(task)
    return runs


def _provenance(place: Home, config: Path, as_of: datetime, out: Path) -> Provenance:
    rules = place.config.evaluation
    given = ["--cutoffs", ",".join(format_instant(cutoff) for cutoff in rules.cutoffs)] if rules.cutoffs else []
    words = ["recsys", "evaluate", "--config", str(config), "--home", str(place.path), "--out", str(out), *given]
    return Provenance(
        config=config.name,
        config_digest=place.config.digest(),
        code_version=version("recsys"),
        log_version=place.log_version or 0,
        as_of=format_instant(as_of),
        command=shlex.join(words),
        seed=rules.seed,
    )


def _brief(results: EvaluationResults, out: Path) -> dict[str, object]:
    """Return what a program needs: the served rung, every rung's primary metric, and where the rest is."""
    primary = results.protocol.primary_metric
    return {
        "out": str(out),
        "cutoffs": results.protocol.cutoffs,
        "served": results.choice.rung if results.choice else None,
        primary: {rung.name: rung.metrics[primary].mean for rung in results.rungs},
    }
