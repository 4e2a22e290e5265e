"""MovieLens as GroupLens ships it: 1M (`ratings.dat`), latest and latest-small (`ratings.csv`).

A rating is an event of type `rating` whose `value` is its stars. A movie's category is its first genre and all of them
stand in `genres`. Tags are not imported: they are text about movies rather than interactions with them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from recsys.data.importers.delimited import read_delimited
from recsys.data.importers.files import collect_chunks, find_files, read_table, require_columns, unreadable
from recsys.data.importers.protocol import Arrivals
from recsys.errors import DataError
from recsys.tables import ITEM_DTYPES, conform
from recsys.timeline import INSTANT

RATINGS = ("ratings.csv", "ratings.dat")
NO_GENRE = "(no genres listed)"


class MovieLensImporter:
    """Reads a MovieLens folder, or its ratings file with the movies file beside it."""

    name = "movielens"

    def find(self, paths: Sequence[Path]) -> list[Path]:
        """Return the ratings files among `paths`, sorted by path.

        Raises:
            DataError: if a path does not exist or holds none.
        """
        return find_files(paths, lambda file: file.name in RATINGS, self.name)

    def read_events(self, path: Path) -> Iterator[Arrivals]:
        """Yield ratings; their timestamps are seconds since 1970 in UTC.

        Raises:
            SchemaError: if a column is missing.
            DataError: if the file cannot be read.
        """
        for ratings in _read_ratings(path):
            yield replace(ratings, frame=ratings.frame.with_columns(event_type=pl.lit("rating")))

    def read_items(self, paths: Sequence[Path]) -> pl.DataFrame:
        """Return one version of each movie: `ITEM_DTYPES` and `genres`.

        Time:
            The catalogue has no times of its own. A movie is known at its first rating, so that it never appears
            before anyone could have seen it; a movie that nobody rated is known at the last rating of the file.

        Returns:
            Item versions, one row per movie, sorted by item_id. A movie in several folders is the first one's.

        Raises:
            DataError: if a ratings file has no movies file beside it.
        """
        catalogues = [_known_movies(path) for path in self.find(paths)]
        movies = pl.concat(catalogues).unique("item_id", keep="first", maintain_order=True).sort("item_id")
        declared = conform(movies.drop("genres"), ITEM_DTYPES, "movies")
        return declared.with_columns(movies["genres"])


def _read_ratings(path: Path) -> Iterator[Arrivals]:
    """Yield ratings as text columns user_id, item_id, value, event_time."""
    if path.suffix == ".csv":
        yield from read_delimited(path, lambda present: _columns(path, present))
        return
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; deliver the file again, or leave it out")
    # `1::1193::5::978300760`: read with `:` as separator, every second column is empty.
    names = ["user_id", "1", "item_id", "2", "value", "3", "event_time"]
    schema = pl.Schema(dict.fromkeys(names, pl.String()))
    lines_lf = pl.scan_csv(path, has_header=False, separator=":", quote_char=None, schema=schema)
    for chunk in collect_chunks(lines_lf, path):
        yield Arrivals(chunk.select("user_id", "item_id", "value", "event_time"))


def _columns(path: Path, present: Sequence[str]) -> dict[str, str]:
    columns = {"userId": "user_id", "movieId": "item_id", "rating": "value", "timestamp": "event_time"}
    require_columns(path, present, list(columns))
    return columns


def _known_movies(ratings: Path) -> pl.DataFrame:
    """Read the movies beside a ratings file, with the time from which each was known."""
    path = ratings.with_name("movies" + ratings.suffix)
    if not path.is_file():
        raise DataError(f"{path}: does not exist; MovieLens ships it beside {ratings.name}, unpack it there")
    seconds = pl.col("event_time").cast(pl.Int64, strict=False)
    bounds = [seconds.min().alias("first"), seconds.max().alias("last")]
    parts = pl.concat(chunk.frame.group_by("item_id").agg(bounds) for chunk in _read_ratings(ratings))
    rated = parts.group_by("item_id").agg(pl.col("first").min(), pl.col("last").max())
    known_at = pl.from_epoch(pl.coalesce("first", pl.lit(rated["last"].max())), "s").cast(INSTANT)
    return (
        _read_movies(path)
        .join(rated.select("item_id", "first"), on="item_id", how="left", maintain_order="left")
        .select(
            "item_id",
            known_at.alias("known_at"),
            "title",
            pl.when(pl.col("genres") != NO_GENRE).then(pl.col("genres").str.split("|").list.first()).alias("category"),
            pl.when(pl.col("genres") != NO_GENRE).then("genres").alias("genres"),
        )
    )


def _read_movies(path: Path) -> pl.DataFrame:
    """Read movies as text columns item_id, title, genres."""
    if path.suffix == ".csv":
        columns = {"movieId": "item_id", "title": "title", "genres": "genres"}
        return pl.concat(read_table(path, list(columns))).rename(columns)
    try:
        lines = pl.Series("line", path.read_text(encoding="latin-1").splitlines(), dtype=pl.String)
    except OSError as error:
        raise unreadable(path, error) from error
    parts = lines.str.splitn("::", 3).struct.rename_fields(["item_id", "title", "genres"])
    return parts.struct.unnest()
