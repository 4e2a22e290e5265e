"""`recsys lookup USER`: one user's list, and with `--why` what put each item there."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.table import Table
from rich.text import Text

from pipelines.configuration import read_config
from pipelines.console import emit, say, show
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.data.items import ItemTable
from recsys.errors import ConfigError
from recsys.recommender import Model, load
from recsys.recommender.why import Contribution, Proposal, ScorePart, Why, explain, knows
from recsys.timeline import format_instant


def lookup(
    user: Annotated[str, typer.Argument(help="The user's external id.")],
    config: ConfigOption,
    model: Annotated[Path | None, typer.Option(help="Folder that `recsys train` wrote.")] = None,
    home: HomeOption = None,
    k: Annotated[int, typer.Option(min=1, max=10_000, help="List depth.")] = 10,
    why: Annotated[bool, typer.Option("--why", help="Say what put each item there.")] = False,
    json: JsonOption = False,
) -> None:
    """Show one user's list."""
    read_config(config)
    if model is None:
        raise ConfigError("lookup: --model is missing; name a folder that `recsys train` wrote")
    fitted = load(model)
    rows = explain(fitted, user, k)
    titles = _titles(home_of(config, home), fitted, rows)
    is_known = knows(fitted, user)
    if json:
        emit({**_facts(fitted, user, is_known), "items": [_item(row, titles, why) for row in rows]})
        return
    if not is_known:
        say(f"{user}: the model knows nothing of this user; this is the list of a user without history")
    show(_table(rows, titles, f"{user}, {fitted.manifest.plan.rung} as of {format_instant(fitted.as_of)}"))
    if why:
        show(_reasons(rows))


def _titles(home: Path, model: Model, rows: Sequence[Why]) -> dict[str, str | None]:
    """Return the titles of listed items, as they were known to the model."""
    wanted = pl.DataFrame({"item_id": [row.item_id for row in rows]}, schema={"item_id": pl.String})
    known_lf = ItemTable(home).scan(model.as_of).select("item_id", "title")
    return dict(known_lf.join(wanted.lazy(), on="item_id", how="semi").collect().rows())


def _facts(model: Model, user: str, is_known: bool) -> dict[str, object]:
    return {
        "user": user,
        "known": is_known,
        "rung": model.manifest.plan.rung,
        "as_of": format_instant(model.as_of),
    }


def _item(row: Why, titles: dict[str, str | None], why: bool) -> dict[str, object]:
    """Return one row for a program; what explains it only where that is asked."""
    facts = asdict(row) | {"title": titles.get(row.item_id)}
    return facts if why else {name: value for name, value in facts.items() if name not in _EXPLAINS}


_EXPLAINS = {"proposals", "contributions", "parts"}


def _table(rows: Sequence[Why], titles: dict[str, str | None], title: str) -> Table:
    table = Table(title=title)
    for heading in ("rank", "item", "title", "score", "source", "reason"):
        table.add_column(heading, justify="right" if heading in ("rank", "score") else "left")
    for row in rows:
        cells = (str(row.rank), row.item_id, titles.get(row.item_id) or "", f"{row.score:.4g}", row.source, row.reason)
        table.add_row(*map(Text, cells))
    return table


def _reasons(rows: Sequence[Why]) -> Table:
    table = Table(title="Why", show_lines=True)
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("proposed by (rank, score); what moved its score")
    for row in rows:
        table.add_row(*map(Text, (str(row.rank), row.item_id, _because(row))))
    return table


def _because(row: Why) -> str:
    """Say on a few lines what put a row there; of a row that everyone gets, that."""
    lines = [", ".join(map(_proposal, row.proposals))] if row.proposals else []
    lines += [_contribution(one) for one in row.contributions] + [_part(one) for one in row.parts]
    return "\n".join(lines) or f"{row.source}: the same for everyone"


def _proposal(one: Proposal) -> str:
    return f"{one.channel} ({one.rank}, {one.score:.3g})"


def _contribution(one: Contribution) -> str:
    value = "missing" if one.value is None else f"{one.value:.4g}"
    return f"{one.contribution:+.3f} {one.feature} = {value} [{one.unit}]: {one.meaning}"


def _part(one: ScorePart) -> str:
    return f"{one.added:+.3g} = {one.weight:g} x {one.score:.3g} of {one.rung} ({one.variant})"
