"""The catalogue as the item table: a new version whenever a price or an availability changes."""

import numpy as np
import polars as pl

from recsys.data.simulated.catalogue import Catalogue
from recsys.data.simulated.draws import Ints
from recsys.data.simulated.settings import ShopSettings
from recsys.tables import ITEM_DTYPES
from recsys.timeline import INSTANT


def item_versions(settings: ShopSettings, catalogue: Catalogue, item_ids: pl.Series) -> pl.DataFrame:
    """Return every version of every item that is known before the end of the run.

    A sell-out or a sale is known when it begins and when it ends, never before.

    Returns:
        `ITEM_DTYPES` frame, one row per item and change, sorted by `item_id`, `known_at`.
    """
    item, day = _changes(settings, catalogue)
    known = pl.Series("known_at", day)
    available = pl.Series("is_available", catalogue.is_available(day, item))
    before = pl.col("is_available").shift(1).over("item")
    comes = pl.col("is_available") & ~before.fill_null(False)
    goes = ~pl.col("is_available") & before
    state = pl.DataFrame(
        {"item": item, "known_at": known, "price": catalogue.price(day, item), "is_available": available}
    )
    versions = (
        state.filter(
            pl.struct("price", "is_available").ne_missing(pl.struct("price", "is_available").shift(1).over("item"))
        )
        .with_columns(
            available_from=pl.when(comes).then("known_at").forward_fill().over("item"),
            available_to=pl.when(goes).then("known_at").forward_fill().over("item"),
        )
        .with_columns(available_to=pl.when(~pl.col("is_available")).then("available_to"))
    )
    instants = (
        (pl.lit(settings.start, dtype=INSTANT) + pl.duration(days=name)).alias(name)
        for name in ("known_at", "available_from", "available_to")
    )
    return (
        versions.with_columns(*instants)
        .with_columns(*_describe(settings, catalogue, item_ids, versions["item"].to_numpy()))
        .select(pl.col(name).cast(dtype) for name, dtype in ITEM_DTYPES.items())
        .sort("item_id", "known_at")
    )


def _changes(settings: ShopSettings, catalogue: Catalogue) -> tuple[Ints, Ints]:
    """Return the items and days at which a state may change, sorted by both and unique."""
    days = np.concatenate(
        [catalogue.launch[:, None], catalogue.delist[:, None], *catalogue.sold_out, *catalogue.on_sale], axis=1
    )
    item = np.repeat(np.arange(len(days)), days.shape[1])
    day = days.ravel()
    seen = (day >= catalogue.launch[item]) & (day < settings.n_days) & (day <= catalogue.delist[item])
    pairs = np.unique(np.stack([item[seen], day[seen]], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _describe(settings: ShopSettings, catalogue: Catalogue, item_ids: pl.Series, item: Ints) -> list[pl.Series]:
    category, style = catalogue.category[item], catalogue.style[item]
    kinds = pl.Series([kind.name for kind in settings.kinds]).gather(catalogue.kind[item])
    frame = pl.DataFrame(
        {"kind": kinds, "category": category, "style": style, "brand": catalogue.brand[item], "item": item}
    )
    named = frame.select(
        category=pl.format("{}_{}", "kind", pl.col("category").cast(pl.String).str.zfill(2)),
        brand=pl.format("brand_{}_{}", "style", "brand"),
        item_id=item_ids.gather(item),
    ).with_columns(title=pl.format("{} {} {}", "brand", "category", "item_id"))
    return named.get_columns()
