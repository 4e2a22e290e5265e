"""`recsys profile`: what a log looks like, as a table or as JSON."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipelines.configuration import read_config
from pipelines.console import emit
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.data.profile import Profile, Quantiles, profile_log
from recsys.timeline import format_instant, parse_instant

AsOfOption = Annotated[
    str | None, typer.Option(help="Describe what was known before this instant. [default: everything known by now]")
]


def profile(config: ConfigOption, home: HomeOption = None, as_of: AsOfOption = None, json: JsonOption = False) -> None:
    """Describe a log: volume, event types, repeats, novelty, rhythm and gaps."""
    read_config(config)
    folder = home_of(config, home)
    instant = parse_instant(as_of, "--as-of") if as_of else datetime.now(UTC)
    log = EventLog(folder)
    version = log.version
    found = profile_log(log.scan(instant, version=version), ItemTable(folder).scan(instant), instant)
    if json:
        emit({"log_version": version, **found.model_dump(mode="json")})
        return
    console = Console()
    for table in (_facts(found), _types(found), _seasons(found)):
        console.print(table)


def _facts(found: Profile) -> Table:
    gap = f"{found.longest_gap_days} days" + (f" from {found.longest_gap_from}" if found.longest_gap_from else "")
    filled = ", ".join(f"{name} {share:.0%}" for name, share in found.filled_share.items())
    rows = {
        "events": f"{found.n_events:,}, and {found.n_exposures:,} exposures",
        "range": f"{format_instant(found.first_event)} .. {format_instant(found.last_event)}",
        "clock": f"to the {found.resolution}",
        "users": f"{found.n_users:,}; anonymous events {found.anonymous_share:.1%}",
        "items": f"{found.n_items:,} with events, {found.n_catalogue_items:,} in the catalogue",
        "baskets, markets": f"{found.n_baskets:,}, {found.n_markets:,}",
        "filled": filled,
        "events per day": f"mean {found.daily_mean:,.1f}, p95 {found.daily_p95:,.0f}; longest gap {gap}",
        "repeats of a pair": f"{_percent(found.repeat_share)}; days between: {_spread(found.repeat_days)}",
        "days between instants": _spread(found.gap_days),
        "days between active days": _spread(found.return_days),
        "new per week": f"users {_percent(found.new_user_share)}, items {_percent(found.new_item_share)}",
        "known late": f"{found.late_share:.1%}; by days: {_spread(found.lag_days)}",
    }
    table = Table("log", f"as of {format_instant(found.as_of)}", title="Profile")
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def _types(found: Profile) -> Table:
    table = Table("event type", "events", "users", "items", "repeats", "days between", title="Event types")
    for row in found.event_types:
        counts = (f"{row.n_events:,}", f"{row.n_users:,}", f"{row.n_items:,}")
        table.add_row(row.event_type, *counts, _percent(row.repeat_share), _spread(row.repeat_days))
    return table


def _seasons(found: Profile) -> Table:
    table = Table("weekday", "share of events", "month", "events per day / mean", title="Seasons")
    days = [
        (name, f"{found.weekday_share[i]:.1%}")
        for i, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
    ]
    months = [(str(month), f"{index:.2f}") for month, index in sorted(found.month_index.items())]
    for i in range(max(len(days), len(months))):
        table.add_row(*(days[i] if i < len(days) else ("", "")), *(months[i] if i < len(months) else ("", "")))
    return table


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _spread(values: Quantiles | None) -> str:
    if values is None:
        return "none"
    return f"p10 {values.p10:,.2f}, median {values.p50:,.2f}, p90 {values.p90:,.2f}, p99 {values.p99:,.2f}"
