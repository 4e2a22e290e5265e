"""The importers on the real datasets: the published counts come out, to the last line and penny."""

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from recsys.data.arrivals import TimeBounds, parse_arrivals
from recsys.data.deliveries import Delivery
from recsys.data.importers.movielens import MovieLensImporter
from recsys.data.importers.online_retail import OnlineRetailImporter
from recsys.data.importers.protocol import Importer
from recsys.data.ingest import IngestSettings, ingest_events
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.timeline import instant_literal

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("REAL_DATA", ROOT / "../shared/data"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.real_data


def folder(name: str) -> Path:
    path = REAL_DATA / name
    if not path.is_dir():
        pytest.skip(f"{path} is absent; set REAL_DATA to the folder of the real datasets")
    return path


def parsed(importer: Importer, path: Path) -> pl.DataFrame:
    """Read and type every row; the reason is null for those that keep the contract."""
    bounds = TimeBounds(IngestSettings().earliest, NOW)
    return pl.concat(
        parse_arrivals(chunk, bounds, file.name)
        for file in importer.find([path])
        for chunk in importer.read_events(file)
    )


def check_online_retail(events: pl.DataFrame) -> None:
    assert events.height == 541_909
    counts = events.select(pl.col("basket_id", "item_id", "user_id", "market").drop_nulls().n_unique())
    assert counts.row(0) == (25_900, 4_070, 4_372, 38)
    assert events["user_id"].null_count() == 135_080
    assert events.filter(pl.col("user_id").str.contains(".", literal=True)).is_empty()
    types = events["event_type"].value_counts().sort("event_type").rows()
    assert types == [("adjustment", 2_518), ("purchase", 530_103), ("return", 9_288)]
    sign = pl.when(pl.col("event_type") == "return").then(-1).otherwise(1)
    totals = events.select((sign * pl.col("quantity")).sum(), (sign * pl.col("value")).sum().alias("value"))
    assert totals.row(0) == (5_176_450, pytest.approx(9_747_747.934, abs=0.0005))
    assert events["event_time"].dt.date().n_unique() == 305


def test_online_retail_has_the_published_counts_and_sums() -> None:
    events = parsed(OnlineRetailImporter(), folder("online_retail"))
    assert events["reason"].null_count() == events.height
    check_online_retail(events)


def test_online_retail_goes_through_ingestion_once(tmp_path: Path) -> None:
    importer, path = OnlineRetailImporter(), folder("online_retail")

    def deliveries() -> list[Delivery]:
        return [Delivery(file.name, importer.read_events(file)) for file in importer.find([path])]

    first = ingest_events(tmp_path, deliveries(), IngestSettings(), now=NOW)
    assert (first.rows, first.accepted, first.already_present, first.quarantined) == (541_909, 541_909, 0, {})
    again = ingest_events(tmp_path, deliveries(), IngestSettings(), now=NOW)
    assert (again.rows, again.accepted, again.already_present) == (541_909, 0, 541_909)
    check_online_retail(EventLog(tmp_path).scan(NOW).collect())


def test_online_retail_items_are_known_from_their_first_line(tmp_path: Path) -> None:
    path = folder("online_retail")
    versions = OnlineRetailImporter().read_items([path])
    assert versions["item_id"].n_unique() == 4_070
    events = parsed(OnlineRetailImporter(), path)
    first_lines = events.group_by("item_id").agg(pl.col("event_time").min()).sort("item_id")
    first_known = versions.group_by("item_id").agg(pl.col("known_at").min()).sort("item_id")
    assert first_known["known_at"].equals(first_lines["event_time"])
    table = ItemTable(tmp_path)
    assert table.append(versions).accepted == versions.height
    assert table.append(versions).accepted == 0
    cutoff = datetime(2011, 10, 10, tzinfo=UTC)
    known = events.filter(pl.col("event_time") < instant_literal(cutoff))["item_id"].n_unique()
    assert table.scan(cutoff).collect().height == known


def test_movielens_latest_small_has_the_published_counts() -> None:
    path = folder("ml-latest-small")
    events = parsed(MovieLensImporter(), path)
    assert events["reason"].null_count() == events.height
    counts = events.select(pl.len(), pl.col("user_id").n_unique(), pl.col("item_id").n_unique())
    assert counts.row(0) == (100_004, 671, 9_066)
    assert events["value"].is_between(0.5, 5.0).all()
    items = MovieLensImporter().read_items([path])
    assert items.height == 9_125
    first = events.group_by("item_id").agg(pl.col("event_time").min())
    assert items.join(first, on="item_id").select((pl.col("known_at") == pl.col("event_time")).all()).item()
