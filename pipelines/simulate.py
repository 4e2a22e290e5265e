"""`recsys simulate`: make a shop with known truth and write its events and items to an empty log."""

from collections.abc import Iterator
from typing import Annotated

import polars as pl
import typer

from pipelines.configuration import read_config
from pipelines.console import emit, progress, say
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.data.simulated import MOST_DAYS, MOST_IDS, ShopSettings, SimulatedShop
from recsys.data.writer_lock import one_writer
from recsys.errors import ConfigError

Count = Annotated[int | None, typer.Option(min=1, max=MOST_IDS)]
Days = Annotated[int | None, typer.Option(min=1, max=MOST_DAYS)]


def simulate(
    config: ConfigOption,
    home: HomeOption = None,
    users: Count = None,
    items: Count = None,
    days: Days = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    json: JsonOption = False,
) -> None:
    """Make a shop with known truth and write its events to the log."""
    given = {"n_users": users, "n_items": items, "n_days": days, "seed": seed}
    changes = {name: value for name, value in given.items() if value is not None}
    run = read_config(config)
    settings = run.shop.changed(changes, "recsys simulate")
    place = home_of(config, home)
    shop = SimulatedShop(settings)
    log, counts = EventLog(place), {"events": 0}
    with one_writer(place, run.ingest.writer_patience):
        if log.exists:
            raise ConfigError(f"{log.path}: holds events already; name an empty --home, or remove this one")
        ItemTable(place).append(shop.items())
        (place / "shop.json").write_text(settings.model_dump_json(indent=2))
        log.commit(_counted(shop, settings, counts))
    say(f"{place}: {counts['events']:,} events of {settings.n_users:,} users and {settings.n_items:,} items")
    if json:
        emit({"home": str(place), **counts, "users": settings.n_users, "items": settings.n_items})


def _counted(shop: SimulatedShop, settings: ShopSettings, counts: dict[str, int]) -> Iterator[pl.DataFrame]:
    """Yield the shop's events block by block, with progress."""
    with progress() as display:
        task = display.add_task("days", total=settings.n_days)
        for start in range(0, settings.n_days, 7):
            block = range(start, min(start + 7, settings.n_days))
            for events in shop.events(block):
                counts["events"] += events.height
                yield events
            display.advance(task, len(block))
