"""`recsys verify --leaks`: probe on one's own log that nothing peeks at what was not yet known."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import polars as pl
import typer
from rich.table import Table
from rich.text import Text

from pipelines.configuration import Config, read_config
from pipelines.console import emit, progress, show
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.errors import ConfigError, LeakageError
from recsys.evaluation import place_cutoffs
from recsys.evaluation.leaks import Finding, Instants, LeakProbes, Log, TrialSubject
from recsys.evaluation.placement import earlier_cutoffs
from recsys.tables import EVENT_DTYPES
from recsys.timeline import format_duration, format_instant, parse_instant


def verify(
    config: ConfigOption,
    home: HomeOption = None,
    leaks: Annotated[bool, typer.Option("--leaks", help="Probe that nothing depends on the future.")] = False,
    as_of: Annotated[
        str | None, typer.Option(help="The instant to look at. [default: one horizon before the log's end]")
    ] = None,
    users: Annotated[int, typer.Option(min=30, max=100_000, help="Most users to look at.")] = 300,
    json: JsonOption = False,
) -> None:
    """Probe on your own log that nothing peeks; exit code 2 if a probe fails."""
    settings = _with_users(read_config(config), users)
    if not leaks:
        raise ConfigError("verify: there is nothing to verify; write --leaks")
    place = Home(home_of(config, home), settings)
    instants = _instants(place, as_of)
    with TemporaryDirectory(prefix="recsys-verify-") as scratch, progress() as display:
        task = display.add_task("probes", total=None)
        system = HomeSystem(place, Path(scratch))
        findings = LeakProbes(
            system=system,
            log=system.own,
            instants=instants,
            rewards=settings.rewards,
            ranking=settings.recommender.ranking,
            n_users=users,
            depth=settings.recommender.retrieval.n_candidates,
            on_step=lambda step: display.update(task, description=step),
        ).run()
    if json:
        emit(
            {"as_of": format_instant(instants.as_of), "passed": all(one.passed for one in findings), **_facts(findings)}
        )
    else:
        show(_table(findings, instants))
    _refuse_failed(findings)


class HomeSystem:
    """The recommender on a home, or on another log that is written to a home of its own first. A `System`."""

    def __init__(self, place: Home, scratch: Path) -> None:
        self.place, self.scratch = place, scratch
        items = ItemTable(place.path)
        events_lf = EventLog(place.path).scan_files(place.log_version).select(EVENT_DTYPES.keys())
        versions_lf = None if place.item_version is None else pl.scan_delta(str(items.path), version=place.item_version)
        self.own = Log(events_lf, versions_lf)
        self.repeats: Literal["allow", "exclude"] = (
            "exclude" if place.config.recommender.repeats == "exclude" else "allow"
        )

    def learn(self, log: Log, cutoff: datetime, as_of: datetime) -> TrialSubject:
        """Learn as `train` does, through the log and the items of a home."""
        if log is self.own:
            return TrialSubject(self.place.trial(cutoff, as_of), self.repeats)
        with TemporaryDirectory(dir=self.scratch) as folder:
            other = Home(Path(folder), self.place.config)
            EventLog(other.path).commit([log.events.collect()])
            if log.items is not None:
                ItemTable(other.path).append(log.items.collect())
            return TrialSubject(other.trial(cutoff, as_of), self.repeats)


def _with_users(config: Config, users: int) -> Config:
    """Let the trials look at no more users than wanted."""
    ranking = config.recommender.ranking.model_copy(update={"max_users": users})
    return config.model_copy(update={"recommender": config.recommender.model_copy(update={"ranking": ranking})})


def _instants(place: Home, as_of: str | None) -> Instants:
    """Place the label windows: by default the last one that fits, and the one before it.

    Raises:
        ConfigError: if the log is too young for two windows, or `--as-of` leaves no mature window after it.
    """
    rules, rewards = place.config.evaluation, place.config.rewards
    wanted = () if as_of is None else (parse_instant(as_of, "--as-of"),)
    one = rules.model_copy(update={"cutoffs": wanted, "n_cutoffs": 1})
    end, known = place.ends()
    cutoff = place_cutoffs(place, end, known, rules=one, rewards=rewards).cutoffs[0]
    earlier = earlier_cutoffs(place, cutoff, rules=rules, rewards=rewards, n_windows=1)
    if not earlier:
        raise ConfigError(
            f"--as-of {format_instant(cutoff)}: the window of {format_duration(rules.horizon)} before it has less than "
            "one horizon of history; choose a later instant or a shorter evaluation.horizon"
        )
    return Instants(earlier[0], cutoff, known)


def _table(findings: Sequence[Finding], instants: Instants) -> Table:
    table = Table("probe", "verdict", "what it showed", title=f"Leaks, as of {format_instant(instants.as_of)}")
    for one in findings:
        verdict = Text("pass", style="green") if one.passed else Text("FAIL", style="bold red")
        table.add_row(one.probe, verdict, Text("\n".join(filter(None, (one.showed, one.example)))))
    return table


def _facts(findings: Sequence[Finding]) -> dict[str, object]:
    return {"probes": [asdict(one) for one in findings]}


def _refuse_failed(findings: Sequence[Finding]) -> None:
    """Raise where a probe failed.

    Raises:
        LeakageError: naming them.
    """
    failed = [one for one in findings if not one.passed]
    if failed:
        raise LeakageError(
            f"verify: {len(failed)} of {len(findings)} probes failed: {', '.join(one.probe for one in failed)}; "
            f"first: {failed[0].example}; docs/guide.md says what follows from each"
        )
