"""`recsys evaluate`: judge the ladder over rolling cutoffs and write the report."""

import shlex
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipelines.configuration import Config, read_config
from pipelines.console import emit, progress, say, show
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.evaluation import (
    CutoffRun,
    EvaluationResults,
    EvaluationSettings,
    Provenance,
    climb,
    per_user,
    place_cutoffs,
    results_json,
    rule_effects,
    summarise,
)
from recsys.replacing import replacing_folder
from recsys.reports import ladder_table, render_report
from recsys.timeline import format_instant

QUICK_WINDOWS = 3
"""Windows from which rankers learn at most under `--quick`."""


def evaluate(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Folder for report.html, metrics.json and per_user.parquet.")],
    home: HomeOption = None,
    cutoffs: Annotated[str | None, typer.Option(help="Evaluation instants, separated by commas.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the last cutoff, decided on one earlier window; rankers learn from 3.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Judge the ladder over rolling cutoffs and write a report."""
    settings = _with_choices(read_config(config), cutoffs, quick)
    place = Home(home_of(config, home), settings)
    end, as_of = place.ends()
    runs = _runs(place, end, as_of)
    title = f"Ladder on {place.path.name}"
    given = _command(config, out, place.path, cutoffs, quick)
    provenance = _provenance(place, config, as_of, given)
    results = summarise(runs, settings.evaluation, provenance, reward=settings.rewards.target, title=title)
    results = replace(results, rule_effects=rule_effects(runs, settings.evaluation))
    with replacing_folder(out, marker="metrics.json") as folder:
        (folder / "metrics.json").write_text(results_json(results))
        per_user(runs).write_parquet(folder / "per_user.parquet")
        render_report(results, folder / "report.html")
    if json:
        emit(_brief(results, out))
    else:
        show(ladder_table(results))
    say(f"report: {out / 'report.html'}")


def _with_choices(config: Config, cutoffs: str | None, quick: bool) -> Config:
    """Let the command line override the cutoffs, and `--quick` take the last of them with few earlier windows."""
    rules = config.evaluation
    if cutoffs is not None:
        texts = [text.strip() for text in cutoffs.split(",")]
        rules = rules.model_copy(update={"cutoffs": EvaluationSettings.parse({"cutoffs": texts}, "--cutoffs").cutoffs})
    recommender = config.recommender
    if quick:
        rules = rules.model_copy(update={"cutoffs": rules.cutoffs[-1:], "n_cutoffs": 1, "selection_windows": 1})
        few = {"windows": min(recommender.ranking.windows, QUICK_WINDOWS), "validation_windows": 1}
        recommender = recommender.model_copy(update={"ranking": recommender.ranking.model_copy(update=few)})
    return config.model_copy(update={"evaluation": rules, "recommender": recommender})


def _runs(place: Home, end: datetime, as_of: datetime) -> list[CutoffRun]:
    """Climb the ladder at every cutoff, and say which ones the log is too young for."""
    rules, rewards, recommender = place.config.evaluation, place.config.rewards, place.config.recommender
    placed = place_cutoffs(place, end, as_of, rules=rules, rewards=rewards)
    if placed.left_out:
        say(
            f"cutoffs: {len(placed.left_out)} of {rules.n_cutoffs} are left out, as they have less than one horizon of "
            f"history; first: {format_instant(placed.left_out[0])}"
        )
    runs = []
    with progress() as display:
        task = display.add_task("cutoffs", total=len(placed.cutoffs))
        for run in climb(place, placed.cutoffs, as_of, recommender=recommender, rules=rules, rewards=rewards):
            runs.append(run)
            display.advance(task)
    return runs


def _command(config: Path, out: Path, home: Path, cutoffs: str | None, quick: bool) -> str:
    """Write the command with every option that decides what comes out."""
    words = ["recsys", "evaluate", "--config", str(config), "--home", str(home), "--out", str(out)]
    words += ["--cutoffs", cutoffs] if cutoffs is not None else []
    words += ["--quick"] if quick else []
    return shlex.join(words)


def _provenance(place: Home, config: Path, as_of: datetime, command: str) -> Provenance:
    return Provenance(
        config=config.name,
        config_digest=place.config.digest(),
        code_version=version("recsys"),
        log_version=place.log_version or 0,
        as_of=format_instant(as_of),
        command=command,
        seed=place.config.evaluation.seed,
        item_version=place.item_version,
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
