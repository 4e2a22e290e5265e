"""`recsys recommend`: write every user's list, as of the model's own instant or a later one."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import pyarrow.parquet as pq
import typer

from pipelines.configuration import Config, Repeats, read_config
from pipelines.console import emit, progress, say
from pipelines.home import Home
from pipelines.options import ConfigOption, HomeOption, JsonOption, home_of
from recsys.errors import ConfigError, DataError, SchemaError
from recsys.ranking.slate_policy import blocked_ids
from recsys.recommender import Manifest, Model, load, refresh, require_earlier
from recsys.replacing import replacing_file
from recsys.timeline import format_instant, parse_instant


def recommend(
    config: ConfigOption,
    model: Annotated[Path, typer.Option(help="Folder that `recsys train` wrote.")],
    users: Annotated[Path, typer.Option(help="Parquet file with a column user_id; further columns are ignored.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write; replaced when the new one is complete.")],
    home: HomeOption = None,
    k: Annotated[int, typer.Option(min=1, max=10_000, help="List depth.")] = 50,
    repeats: Annotated[
        Repeats, typer.Option(help="May lists hold what a user had? auto: as the model decided.")
    ] = "auto",
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Make lists from what was known before this instant, without training. [default: the model's own]"
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write every user's list, by the rules of the model; items that the config blocks by now are left out too."""
    settings = read_config(config)
    also_blocked = blocked_ids(settings.recommender.slate)
    _keep_inputs(out, model, (users, config))
    fitted = load(model)
    if as_of is not None:
        fitted = _refreshed(fitted, Home(home_of(config, home), settings), parse_instant(as_of, "--as-of"))
    fitted = fitted.blocking(also_blocked)
    _say_unknown(fitted, also_blocked)
    ids = _user_ids(users)
    n_users, n_rows = _write(fitted, ids, k, None if repeats == "auto" else repeats, out)
    say(f"{out}: {n_rows:,} rows for {n_users:,} users, {fitted.manifest.plan.rung} as of {fitted.as_of:%Y-%m-%d}")
    if json:
        emit({"out": str(out), "users": n_users, "rows": n_rows, **_facts(fitted)})


def _refreshed(model: Model, place: Home, as_of: datetime) -> Model:
    """Bring a model to a later instant, and say how much is new since it was learned.

    Raises:
        LeakageError: if the model was learned as of a later instant.
        ConfigError: if the home is read with other rewards or another state than the model's.
    """
    require_earlier(model, as_of)
    _require_same_reading(model.manifest, place.config)
    knowledge = place.knowledge(as_of)
    later = refresh(model, knowledge, log_version=place.log_version, item_version=place.item_version)
    new = {
        f"{name}s": getattr(later, f"{name}s").join(getattr(model, f"{name}s"), on=f"{name}_id", how="anti").height
        for name in ("user", "item")
    }
    say(f"new since the model of {format_instant(model.as_of)}: {new['users']:,} users and {new['items']:,} items")
    return later


def _require_same_reading(manifest: Manifest, config: Config) -> None:
    """Refuse a configuration under which the log says something else than what the model learned."""
    sections = {"rewards": config.rewards, "state": config.state}
    other = [name for name, section in sections.items() if getattr(manifest, name) != section]
    if other:
        raise ConfigError(
            f"--config: {len(other)} section(s) differ from what the model was trained with; first: [{other[0]}]; name "
            "the configuration of the model, or train it again"
        )


def _facts(model: Model) -> dict[str, object]:
    origin = model.manifest.refreshed_from
    return {
        "rung": model.manifest.plan.rung,
        "as_of": format_instant(model.as_of),
        "learned_as_of": format_instant(origin.as_of if origin else model.as_of),
    }


def _say_unknown(model: Model, blocked: tuple[str, ...]) -> None:
    """Say which blocked ids the model does not know: they may be of a later item, or misspelt."""
    unknown = sorted(set(blocked) - set(model.items["item_id"]))
    if unknown:
        say(f"blocked: {len(unknown)} of {len(set(blocked))} ids are not among the model's items; first: {unknown[0]}")


def _keep_inputs(out: Path, model: Path, files: tuple[Path, ...]) -> None:
    """Refuse an output that would replace what the run reads.

    Raises:
        ConfigError: if `out` is one of the files, or the model's folder or anything inside it.
    """
    target = os.path.realpath(out)
    same = [file for file in files if os.path.realpath(file) == target]
    if same:
        raise ConfigError(f"--out {out}: is the file that is read as {same[0]}; name another file")
    if Path(target).is_relative_to(os.path.realpath(model)):
        raise ConfigError(f"--out {out}: lies inside the model folder {model}; name a file outside it")


def _write(model: Model, ids: pl.Series, k: int, repeats: str | None, out: Path) -> tuple[int, int]:
    """Write slates chunk by chunk, so that memory does not grow with the users."""
    n_users = n_rows = 0
    with replacing_file(out) as scratch, progress() as display:
        task = display.add_task("users", total=ids.len())
        writer: pq.ParquetWriter | None = None
        for slates in model.recommend(ids, k, repeats=repeats):
            table = slates.to_arrow()
            writer = writer or pq.ParquetWriter(scratch, table.schema)
            writer.write_table(table)
            n_rows += slates.height
            n_users += slates["user_id"].n_unique()
            display.update(task, completed=n_users)
        if writer is None:
            raise DataError("--users: the file names 0 users; give at least one user_id")
        writer.close()
    return n_users, n_rows


def _user_ids(path: Path) -> pl.Series:
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: is no readable Parquet file ({str(error).splitlines()[0]})") from error
    if "user_id" not in table.columns:
        raise SchemaError(f"{path}: has no column user_id but {', '.join(table.columns)}; rename the one that holds it")
    ids = table["user_id"]
    if not (ids.dtype.is_integer() or ids.dtype in (pl.String, pl.Null, pl.Categorical)):
        raise SchemaError(f"{path}: user_id is {ids.dtype}, not text or an integer; cast it first")
    return ids.cast(pl.String).drop_nulls().unique()
