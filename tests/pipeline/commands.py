"""The commands as a user runs them, and a home that knows only the past of another one."""

from pathlib import Path

import polars as pl
import pytest

from pipelines.cli import main


def run(*words: str | Path) -> int:
    """Run `recsys WORDS` in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["recsys", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


def cut_off(home: Path, as_of: str, config: Path, out: Path) -> None:
    """Ingest into `out` the events of a home that were known before an instant, and all of its items."""
    full = pl.read_delta(str(home / "log/events")).drop("event_date")
    cut = full.filter(pl.col("known_at") < pl.lit(as_of).str.to_datetime(time_unit="us", time_zone="UTC"))
    assert 0 < cut.height < full.height
    files = out.with_name(f"{out.name}_files")
    files.mkdir()
    cut.rename({"event_time": "timestamp"}).write_parquet(files / "events.parquet")
    pl.read_delta(str(home / "log/items")).write_parquet(files / "items.parquet")
    assert run("ingest", "-c", config, "--home", out, files / "events.parquet") == 0
    assert run("ingest", "-c", config, "--home", out, "--format", "items", files / "items.parquet") == 0
