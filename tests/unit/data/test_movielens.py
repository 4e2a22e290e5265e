"""MovieLens in its two layouts: ratings as events, movies as items known from their first rating."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.data.importers import files
from recsys.data.importers.movielens import MovieLensImporter
from recsys.errors import DataError, SchemaError

RATINGS = [("1", "31", "2.5", "1000"), ("1", "7", "3", "2000"), ("2", "31", "4", "500")]
MOVIES = [("7", "Amélie: a film (2001)", "Comedy|Romance"), ("31", "Dangerous Minds (1995)", "Drama"), ("99", "X", "")]


def write_latest(folder: Path) -> Path:
    folder.mkdir()
    rows = [",".join(row) for row in RATINGS]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows]) + "\n")
    rows = [f'{movie},"{title}",{genres or "(no genres listed)"}' for movie, title, genres in MOVIES]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *rows]) + "\n", encoding="utf-8")
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,31,fun,1000\n")
    return folder


def write_1m(folder: Path) -> Path:
    folder.mkdir()
    (folder / "ratings.dat").write_text("\n".join("::".join(row) for row in RATINGS) + "\n")
    rows = [f"{movie}::{title}::{genres or '(no genres listed)'}" for movie, title, genres in MOVIES]
    (folder / "movies.dat").write_text("\n".join(rows) + "\n", encoding="latin-1")
    return folder


def read(folder: Path) -> pl.DataFrame:
    importer = MovieLensImporter()
    return pl.concat(chunk.frame for file in importer.find([folder]) for chunk in importer.read_events(file))


def test_a_rating_is_an_event_whose_value_is_its_stars(tmp_path: Path) -> None:
    events = read(write_latest(tmp_path / "latest"))
    first = events.select("user_id", "item_id", "event_type", "event_time", "value").row(0)
    assert first == ("1", "31", "rating", "1000", "2.5")
    assert events.height == 3  # the tag is no event


def test_both_layouts_give_the_same_events_and_items(tmp_path: Path) -> None:
    latest, one_million = write_latest(tmp_path / "latest"), write_1m(tmp_path / "1m")
    assert_frame_equal(read(latest), read(one_million), check_column_order=False)
    importer = MovieLensImporter()
    assert_frame_equal(importer.read_items([latest]), importer.read_items([one_million]))


def test_a_movie_is_known_from_its_first_rating_and_an_unrated_one_from_the_last(tmp_path: Path) -> None:
    items = MovieLensImporter().read_items([write_latest(tmp_path / "latest")])
    moments = {row["item_id"]: row["known_at"] for row in items.to_dicts()}
    assert moments == {
        "31": datetime(1970, 1, 1, 0, 8, 20, tzinfo=UTC),  # rated at 500 s and 1000 s
        "7": datetime(1970, 1, 1, 0, 33, 20, tzinfo=UTC),  # rated at 2000 s
        "99": datetime(1970, 1, 1, 0, 33, 20, tzinfo=UTC),  # never rated: the last rating of the file
    }


def test_the_first_genre_is_the_category_and_all_are_kept(tmp_path: Path) -> None:
    items = MovieLensImporter().read_items([write_1m(tmp_path / "1m")])
    assert items.select("item_id", "title", "category", "genres").rows() == [
        ("31", "Dangerous Minds (1995)", "Drama", "Drama"),
        ("7", "Amélie: a film (2001)", "Comedy", "Comedy|Romance"),
        ("99", "X", None, None),
    ]


def test_a_movie_of_two_folders_is_one_item(tmp_path: Path) -> None:
    folders = [write_latest(tmp_path / "latest"), write_1m(tmp_path / "1m")]
    assert MovieLensImporter().read_items(folders)["item_id"].to_list() == ["31", "7", "99"]


def test_ratings_without_the_movies_file_are_refused_as_items(tmp_path: Path) -> None:
    folder = write_latest(tmp_path / "latest")
    (folder / "movies.csv").unlink()
    with pytest.raises(DataError, match=r"movies.csv: does not exist; MovieLens ships it beside ratings.csv"):
        MovieLensImporter().read_items([folder])


def test_a_missing_column_and_an_empty_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId\n1,2\n")
    with pytest.raises(SchemaError, match=r"ratings.csv: 2 column\(s\) missing: rating, timestamp"):
        list(MovieLensImporter().read_events(tmp_path / "ratings.csv"))
    (tmp_path / "ratings.dat").write_text("")
    with pytest.raises(DataError, match=r"ratings.dat: is empty"):
        list(MovieLensImporter().read_events(tmp_path / "ratings.dat"))


def test_the_catalogue_is_read_in_chunks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_latest(tmp_path / "latest")
    whole = MovieLensImporter().read_items([folder])
    monkeypatch.setattr(files, "CHUNK_ROWS", 1)
    assert_frame_equal(MovieLensImporter().read_items([folder]), whole)


def test_a_line_of_another_shape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n1::2::3::4::5\n")
    with pytest.raises(DataError, match=r"ratings.dat: cannot be read .*more fields"):
        list(MovieLensImporter().read_events(tmp_path / "ratings.dat"))


def test_a_movies_file_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_1m(tmp_path / "1m")

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(DataError, match=r"movies.dat: cannot be read .*Permission denied"):
        MovieLensImporter().read_items([folder])
