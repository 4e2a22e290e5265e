"""Ingestion: each delivered row exactly once, nothing dropped in silence."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.data import duplicates, staging
from recsys.data.deliveries import Delivery
from recsys.data.importers.protocol import Arrivals, MalformedLine
from recsys.data.ingest import IngestSettings, IngestSummary, ingest_events
from recsys.data.log import EventLog
from recsys.data.quarantine import Quarantine
from recsys.data.writer_lock import one_writer
from recsys.errors import ArtifactError, DataError, SchemaError

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LENIENT = IngestSettings(max_bad_share=1.0)
Row = dict[str, object]


def row(item: str | None = "a", time: str = "2024-01-01", **fields: object) -> Row:
    return {"user_id": "u", "item_id": item, "event_type": "view", "event_time": time, **fields}


def delivery(*chunks: list[Row], name: str = "f.csv") -> Delivery:
    return Delivery(name, iter([Arrivals(pl.DataFrame(rows, infer_schema_length=None)) for rows in chunks]))


def take(
    home: Path, *deliveries: Delivery, rules: IngestSettings = LENIENT, stamp: datetime | None = None
) -> IngestSummary:
    return ingest_events(home, deliveries, rules, now=NOW, known_at_stamp=stamp)


def logged(home: Path) -> pl.DataFrame:
    return EventLog(home).scan(datetime(2030, 1, 1, tzinfo=UTC)).sort("event_time", "event_id").collect()


def counts(summary: IngestSummary) -> tuple[int, int, dict[str, int]]:
    assert summary.rows == summary.accepted + summary.already_present + sum(summary.quarantined.values())
    return summary.accepted, summary.already_present, summary.quarantined


def test_the_summary_describes_the_delivery(tmp_path: Path) -> None:
    rows = [
        row("a"),
        row("b", "2024-03-01", event_type="buy"),
        row("b", "2024-02-01", user_id=None),
        row("", "2024-02-01"),
        row("c", "soon"),
        row(None),
    ]
    assert take(tmp_path, delivery(rows)) == IngestSummary(
        rows=6,
        accepted=3,
        already_present=0,
        quarantined={"item_id_missing": 2, "event_time_unreadable": 1},
        first_event=datetime(2024, 1, 1, tzinfo=UTC),
        last_event=datetime(2024, 3, 1, tzinfo=UTC),
        users=1,
        items=2,
        event_types={"view": 2, "buy": 1},
        log_version=0,
    )


def test_the_same_delivery_again_adds_nothing_and_makes_no_version(tmp_path: Path) -> None:
    rows = [row("a"), row("a"), row("b", "2024-02-01"), row(None)]
    assert counts(take(tmp_path, delivery(rows))) == (3, 0, {"item_id_missing": 1})
    again = take(tmp_path, delivery(rows))
    assert counts(again) == (0, 3, {"item_id_missing": 1})
    assert again.log_version == 0
    assert Quarantine(tmp_path).scan().collect().height == 1


def test_real_repeats_within_a_file_stay_also_across_chunks(tmp_path: Path) -> None:
    assert counts(take(tmp_path, delivery([row(), row()], [row()]))) == (3, 0, {})
    key = logged(tmp_path)["event_id"][0]
    assert logged(tmp_path)["event_id"].to_list() == [key, f"{key}-2", f"{key}-3"]


def test_repeats_across_files_are_deliveries_of_the_same_row(tmp_path: Path) -> None:
    # the row twice in one file and three times in the other: it happened three times
    files = (delivery([row(), row()], name="1"), delivery([row(), row(), row()], name="2"))
    assert counts(take(tmp_path, *files)) == (3, 2, {})


def test_a_corrected_file_adds_only_what_is_new(tmp_path: Path) -> None:
    take(tmp_path, delivery([row("a"), row("b"), row("b")], name="monday.csv"))
    corrected = delivery([row("new"), row("b"), row("a"), row("b"), row("b")], name="monday-2.csv")
    assert counts(take(tmp_path, corrected)) == (2, 3, {})


def test_text_and_typed_values_are_the_same_rows(tmp_path: Path) -> None:
    take(tmp_path, delivery([row("7", "2024-01-01T12:00:00+02:00", value="2.50", quantity="2", market="")]))
    typed = pl.DataFrame(
        [row(event_time=datetime(2024, 1, 1, 10, tzinfo=UTC), value=2.5, quantity=2, market=None) | {"item_id": 7}],
        schema_overrides={"market": pl.String},
    )
    assert counts(take(tmp_path, Delivery("f.parquet", iter([Arrivals(typed)])))) == (0, 1, {})


def test_a_row_delivered_late_is_known_late_and_still_the_same_row(tmp_path: Path) -> None:
    stamp = datetime(2024, 1, 5, tzinfo=UTC)
    take(tmp_path, delivery([row()]), stamp=stamp)
    assert logged(tmp_path)["known_at"].to_list() == [stamp]
    assert counts(take(tmp_path, delivery([row()]))) == (0, 1, {})


def test_delivered_ids_are_kept_and_compared_with_the_whole_log(tmp_path: Path) -> None:
    take(tmp_path, delivery([row(event_id="1"), row(event_id="2")]))
    other_day = row(time="2024-06-01", event_id="1")
    summary = take(tmp_path, delivery([row(event_id="1"), row(event_id="3"), other_day], name="g.csv"))
    assert counts(summary) == (1, 1, {"event_id_conflict": 1})
    assert logged(tmp_path)["event_id"].to_list() == ["1", "2", "3"]
    kept = Quarantine(tmp_path).scan().collect().row(0, named=True)
    assert (kept["source_file"], kept["row_number"], kept["reason"]) == ("g.csv", 3, "event_id_conflict")
    assert json.loads(kept["raw"])["event_id"] == "1"


def test_of_two_rows_with_one_id_in_a_delivery_the_first_stays(tmp_path: Path) -> None:
    first = delivery([row("a", event_id="1"), row("b", event_id="1"), row("a", event_id="1")], name="1")
    second = delivery([row("b", "2024-05-05", event_id="1")], name="2")
    assert counts(take(tmp_path, first, second)) == (1, 1, {"event_id_conflict": 2})
    assert logged(tmp_path)["item_id"].to_list() == ["a"]


def test_a_log_read_out_and_delivered_with_its_ids_adds_nothing(tmp_path: Path) -> None:
    take(tmp_path, delivery([row(), row(), row("b", value=1.5)]))
    exported = Delivery("export.parquet", iter([Arrivals(logged(tmp_path))]))
    original = delivery([row(), row(), row("b", value=1.5)])
    assert counts(take(tmp_path, exported, original)) == (0, 6, {})
    assert counts(take(tmp_path / "copy", Delivery("e", iter([Arrivals(logged(tmp_path))])), original)) == (3, 0, {})


@pytest.mark.parametrize(("share", "taken"), [(0.5, True), (0.49, False)])
def test_a_delivery_with_too_many_bad_rows_is_refused_as_a_whole(tmp_path: Path, share: float, taken: bool) -> None:
    rules = IngestSettings(max_bad_share=share)
    rows = [row(), row(None)]
    if taken:
        assert counts(take(tmp_path, delivery(rows), rules=rules)) == (1, 0, {"item_id_missing": 1})
        return
    message = (
        r"f\.csv: 1 of 2 rows \(50\.0%\) are bad, more than max_bad_share = 49\.0%: item_id_missing 1; first: row 2 "
        r"\(item_id_missing\) .*nothing was ingested"
    )
    with pytest.raises(DataError, match=message):
        take(tmp_path, delivery(rows), rules=rules)
    assert not EventLog(tmp_path).exists
    assert Quarantine(tmp_path).scan().collect().is_empty()


def test_conflicting_ids_count_as_bad_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="event_id_conflict 1"):
        take(tmp_path, delivery([row("a", event_id="1"), row("b", event_id="1")]), rules=IngestSettings())


def test_malformed_lines_are_quarantined_and_other_rows_keep_their_place(tmp_path: Path) -> None:
    # rows of the file: 1 good, 2 malformed, 3 malformed, 4 bad, 5 good, 6 malformed, 7 bad
    chunks = iter(
        [
            Arrivals(
                pl.DataFrame([row()]), malformed=(MalformedLine(2, "x"), MalformedLine(3, "y"), MalformedLine(6, "z"))
            ),
            Arrivals(pl.DataFrame([row(None), row("b"), row(None, "2024-01-02")])),
        ]
    )
    summary = take(tmp_path, Delivery("f.csv", chunks))
    assert counts(summary) == (2, 0, {"line_malformed": 3, "item_id_missing": 2})
    kept = Quarantine(tmp_path).scan().sort("row_number").collect()
    assert kept["row_number"].to_list() == [2, 3, 4, 6, 7]
    assert kept["raw"].to_list()[0] == '{"line":"x"}'


def test_no_rows_are_no_fault(tmp_path: Path) -> None:
    empty = Arrivals(pl.DataFrame(schema={"item_id": pl.String, "event_type": pl.String, "event_time": pl.String}))
    summary = take(tmp_path, Delivery("f.csv", iter([empty])), Delivery("g.csv", iter([])))
    assert counts(summary) == (0, 0, {})
    assert (summary.log_version, summary.first_event, summary.users) == (None, None, 0)


def test_a_file_that_fails_half_way_adds_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterable[Arrivals]:
        yield Arrivals(pl.DataFrame([row()]))
        raise DataError("f.parquet: cannot be read")

    with pytest.raises(DataError, match="cannot be read"):
        take(tmp_path, delivery([row("b")]), Delivery("f.parquet", iter(breaking())))
    with pytest.raises(SchemaError, match="user_id is Float64"):
        take(tmp_path, delivery([row("b")]), delivery([row(user_id=1.0)]))
    assert not EventLog(tmp_path).exists
    assert not (tmp_path / "log" / "staging").exists()


def test_what_a_killed_ingestion_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "log" / "staging"
    left.mkdir(parents=True)
    (left / "good-000000.parquet").write_bytes(b"half")
    assert counts(take(tmp_path, delivery([row()]))) == (1, 0, {})
    assert not left.exists()


def test_ingestion_waits_for_its_turn(tmp_path: Path) -> None:
    impatient = IngestSettings(writer_patience=timedelta())
    with one_writer(tmp_path, timedelta()), pytest.raises(ArtifactError, match="another process"):
        take(tmp_path, delivery([row()]), rules=impatient)


def test_one_delivery_is_one_version_of_the_log(tmp_path: Path) -> None:
    files = [delivery([row(time=f"2024-01-{day:02d}")], name=str(day)) for day in range(1, 9)]
    assert take(tmp_path, *files).log_version == 0


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sampled_from([None, "1", "2", "3"])), min_size=1, max_size=12
)


@given(rows=ROWS, split=st.integers(1, 5))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_buffers_shards_and_spans_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, str | None]], split: int
) -> None:
    delivered = [row(item, f"2024-01-{day:02d}", event_id=event_id) for item, day, event_id in rows]
    chunks = [delivered[i : i + split] for i in range(0, len(delivered), split)]
    whole, parts = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")
    expected = take(whole, delivery(delivered))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "BUFFER_ROWS", 2)
        patch.setattr(duplicates, "SHARD_ROWS", 3)
        patch.setattr(duplicates, "COMMIT_ROWS", 2)
        assert counts(take(parts, delivery(*chunks))) == counts(expected)
        assert logged(parts).equals(logged(whole))
        assert counts(take(parts, delivery(*chunks)))[0] == 0
