"""`recsys ingest` against files that are broken, odd or malicious: exit code, message, and a log that stays whole."""

import gzip
import json
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from pipelines.cli import main
from pipelines.ingest import Layout
from recsys.data.importers import IMPORTERS
from recsys.data.items import ItemTable
from recsys.data.log import EventLog
from recsys.data.quarantine import Quarantine

HEADER = "user_id,item_id,event_type,timestamp\n"
GOOD = "u1,i1,view,2024-01-01T10:00:00Z\nu2,i2,buy,2024-01-02\n"


class Shell:
    """Runs the command on a home of its own, with a config that takes every share of bad rows."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.config = folder / "c.toml"
        self.config.write_text("[ingest]\nmax_bad_share = 1.0\n")
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, verb: str, *arguments: str | Path) -> tuple[int, str, str]:
        """Run a verb; return exit code, stdout and stderr."""
        shared = ["-c", str(self.config), "--home", str(self.home)]
        self._monkeypatch.setattr(sys, "argv", ["recsys", verb, *shared, *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = self._capsys.readouterr()
        return int(exit_.value.code or 0), printed.out, printed.err

    def ingest(self, *arguments: str | Path) -> dict[str, Any]:
        """Ingest successfully; return the JSON object."""
        code, out, err = self.run("ingest", "--json", *arguments)
        assert code == 0, err
        summary: dict[str, Any] = json.loads(out)
        return summary

    def refused(self, *arguments: str | Path) -> str:
        """Ingest what must be refused; return the one line of the error. Nothing is appended."""
        version = EventLog(self.home).version
        code, out, err = self.run("ingest", "--json", *arguments)
        assert (code, out) == (2, "")
        assert EventLog(self.home).version == version
        assert Quarantine(self.home).scan().collect().is_empty()
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        return errors[0]

    def file(self, content: str | bytes, name: str = "events.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, monkeypatch, capsys)


def test_a_good_file_is_summed_up_on_stdout_as_json_and_on_stderr_as_a_table(shell: Shell) -> None:
    path = shell.file(HEADER + GOOD)
    code, out, err = shell.run("ingest", "--json", path)
    assert code == 0
    assert json.loads(out) == {
        "rows": 2,
        "accepted": 2,
        "already_present": 0,
        "quarantined": {},
        "first_event": "2024-01-01T10:00:00Z",
        "last_event": "2024-01-02T00:00:00Z",
        "users": 2,
        "items": 2,
        "event_types": {"buy": 1, "view": 1},
        "log_version": 0,
        "items_accepted": 0,
    }
    assert "accepted" in err
    code, out, err = shell.run("ingest", path)
    assert (code, out) == (0, "")
    assert "already there" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "events.csv: is empty, without even a header"),
        ("user_id,item_id,timestamp\nu,i,2024-01-01\n", "events.csv: 1 column(s) missing: event_type; it has user_id"),
        ((HEADER + "ü,i,view,2024-01-01\n").encode("latin-1"), "events.csv: is no UTF-8 text"),
        ((HEADER + GOOD).encode("utf-16"), "events.csv: is no UTF-8 text"),
        (HEADER.replace("user_id", "item_id") + GOOD, "column(s) are there more than once: item_id"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused_in_one_line(shell: Shell, content: str | bytes, message: str) -> None:
    assert message in shell.refused(shell.file(content))


def test_paths_that_hold_nothing_are_refused(shell: Shell) -> None:
    assert "none.csv: does not exist" in shell.refused(shell.folder / "none.csv")
    (shell.folder / "empty").mkdir()
    assert "empty: holds no file of events" in shell.refused(shell.folder / "empty")


def parquet(shell: Shell, **columns: object) -> Path:
    frame = pl.DataFrame({"user_id": "u", "item_id": ["i"], "event_type": "view", "timestamp": "2024-01-01", **columns})
    frame.write_parquet(shell.folder / "events.parquet")
    return shell.folder / "events.parquet"


@pytest.mark.parametrize("keep", [0, 3, 200, -5], ids=["zero bytes", "magic cut", "half", "tail cut"])
def test_a_truncated_parquet_is_refused_with_its_name(shell: Shell, keep: int) -> None:
    path = parquet(shell)
    path.write_bytes(path.read_bytes()[:keep])
    assert f"{path}: cannot be read" in shell.refused(shell.file(HEADER + GOOD), path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("user_id", 17850.0, "column user_id is Float64; identifiers are text or integers"),
        ("item_id", ["a"], "column item_id is List(String)"),
        ("timestamp", datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None), "without a time zone"),
        ("timestamp", True, "column event_time is Boolean, no instant"),
        ("value", True, "column value is Boolean, no number"),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_refused(shell: Shell, column: str, value: object, message: str) -> None:
    assert message in shell.refused(parquet(shell, **{column: [value]}))


def test_an_unreadable_file_among_good_ones_spoils_the_delivery(shell: Shell) -> None:
    shell.file(HEADER + GOOD, "a.csv")
    shell.file("", "b.csv")
    assert "b.csv: is empty" in shell.refused(shell.folder)


def test_every_bad_line_is_counted_by_its_reason(shell: Shell) -> None:
    lines = {
        "u,,view,2024-01-01,": "item_id_missing",
        "u,i,,2024-01-01,": "event_type_missing",
        "u,i,view,,": "event_time_missing",
        "u,i,view,2999-01-01,": "event_time_in_future",
        "u,i,view,1956-01-01,": "event_time_too_old",
        "u,i,view,2024-01-01T10:00:00,": "naive_timestamp",
        "u,i,view,yesterday,": "event_time_unreadable",
        "u,i,view,2024-01-01,much": "value_not_a_number",
        "u,i,view,2024-01-01,NaN": "value_not_finite",
        "u,a\x01b,view,2024-01-01,": "item_id_has_control_characters",
        "x" * 10**6 + ",i,view,2024-01-01,": "user_id_too_long",
        "u,i,view": "line_malformed",
        "u,i,view,2024-01-01,1,2": "line_malformed",
    }
    good = [
        "u,i,view,1704067200,",
        "u,i,view,1704067200000,",
        "u,i,view,2024-01-01T02:00:00+02:00,1",
        ",i,view,2024-01-01,",
    ]
    header = "user_id,item_id,event_type,timestamp,value"
    summary = shell.ingest(shell.file("\n".join([header, *good, *lines]) + "\n"))
    # the first two good lines are the same second twice: a real repeat
    assert (summary["rows"], summary["accepted"]) == (17, 4)
    assert summary["quarantined"] == {**dict.fromkeys(lines.values(), 1), "line_malformed": 2}
    kept = Quarantine(shell.home).scan().collect()
    assert dict(kept.select("row_number", "reason").iter_rows()) == {
        place: reason for place, reason in enumerate(lines.values(), start=5)
    }
    assert (kept["raw"].str.len_chars() < 1000).all()


def test_an_id_with_other_content_is_quarantined(shell: Shell) -> None:
    header = "event_id," + HEADER
    shell.ingest(shell.file(header + "1,u,i,view,2024-01-01\n"))
    summary = shell.ingest(
        shell.file(header + "1,u,OTHER,view,2024-01-01\n1,u,i,view,2024-01-01\n2,u,i,view,2024-01-01\n")
    )
    assert (summary["accepted"], summary["already_present"]) == (1, 1)
    assert summary["quarantined"] == {"event_id_conflict": 1}


def test_too_many_bad_rows_are_refused_as_a_whole(shell: Shell) -> None:
    shell.config.write_text("[ingest]\nmax_bad_share = 0.3\n")
    error = shell.refused(shell.file(HEADER + GOOD + "u,,view,2024-01-01\n"))
    assert "1 of 3 rows (33.3%) are bad, more than max_bad_share = 30.0%: item_id_missing 1; first: row 3" in error


def test_the_same_rows_in_any_packing_are_the_same_events(shell: Shell) -> None:
    content = HEADER + GOOD
    shell.file("\ufeff" + content, "bom.csv")
    shell.file(gzip.compress(content.encode()), "g.csv.gz")
    with zipfile.ZipFile(shell.folder / "z.zip", "w") as archive:
        archive.writestr("inner.csv", content.replace("\n", "\r\n"))
    pl.DataFrame(
        {
            "timestamp": [datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)],
            "user_id": ["u1", "u2"],
            "item_id": ["i1", "i2"],
            "event_type": ["view", "buy"],
        }
    ).write_parquet(shell.folder / "p.parquet")
    summary = shell.ingest(shell.folder)
    assert (summary["accepted"], summary["already_present"], summary["quarantined"]) == (2, 6, {})


def test_a_folder_of_305_files_is_one_commit_and_other_files_are_mentioned(shell: Shell) -> None:
    days = shell.folder / "days"
    days.mkdir()
    for n in range(305):
        hour = f"2024-01-{1 + n // 24:02d}T{n % 24:02d}:00Z"
        (days / f"{n:03d}.csv").write_text(f"{HEADER}u,i,view,{hour}\nu,i,view,{hour}\n")
    (days / "README.txt").write_text("notes")
    code, out, err = shell.run("ingest", "--json", days)
    summary = json.loads(out)
    assert (code, summary["accepted"], summary["log_version"]) == (0, 610, 0)
    assert "1 other file(s) passed over; first:" in err
    assert "README.txt" in err


def test_header_only_files_are_no_fault(shell: Shell) -> None:
    summary = shell.ingest(shell.file(HEADER))
    assert (summary["rows"], summary["first_event"], summary["log_version"]) == (0, None, None)


def test_quarantined_rows_of_files_with_one_name_in_two_folders_stay_apart(shell: Shell) -> None:
    for folder in ("monday", "tuesday"):
        (shell.folder / "in" / folder).mkdir(parents=True)
        (shell.folder / "in" / folder / "part.csv").write_text(HEADER + "u,,view,2024-01-01\n")
    shell.ingest(shell.folder / "in")
    kept = Quarantine(shell.home).scan().collect()["source_file"].sort().to_list()
    assert kept == ["in/monday/part.csv", "in/tuesday/part.csv"]


def test_items_are_ingested_by_their_own_format(shell: Shell) -> None:
    path = shell.file("item_id,title\n1,one\n2,two\n", "items.csv")
    assert shell.ingest("--format", "items", path) == {"accepted": 2, "already_present": 0, "quarantined": {}}
    assert shell.ingest("--format", "items", path)["already_present"] == 2


def test_items_that_come_with_the_events_are_ingested_with_them(shell: Shell) -> None:
    shell.file("userId,movieId,rating,timestamp\n1,7,4.0,1000000000\n", "ratings.csv")
    shell.file("movieId,title,genres\n7,Seven (1995),Crime|Thriller\n", "movies.csv")
    summary = shell.ingest("--format", "movielens", shell.folder)
    assert (summary["accepted"], summary["items_accepted"]) == (1, 1)
    later = datetime(2024, 1, 1, tzinfo=UTC)
    assert ItemTable(shell.home).scan(later).collect()["title"].to_list() == ["Seven (1995)"]


def test_the_command_offers_every_importer() -> None:
    assert set(get_args(Layout)) == {*IMPORTERS, "items"}


def test_compaction_is_a_command(shell: Shell) -> None:
    assert shell.run("compact")[0] == 2
    shell.ingest(shell.file(HEADER + GOOD))
    shell.ingest(shell.file(HEADER + "u3,i3,view,2024-01-02\n"))
    code, out, _ = shell.run("compact", "--json", "--keep", "0d")
    assert (code, json.loads(out)) == (0, {"files_before": 3, "files_after": 2, "files_removed": 2})
    assert EventLog(shell.home).scan(datetime(2025, 1, 1, tzinfo=UTC)).collect().height == 3
