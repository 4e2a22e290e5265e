"""CSV files as anyone may have written them."""

import gzip
import zipfile
from pathlib import Path

import pytest

from recsys.data.importers import delimited
from recsys.data.importers.delimited import read_delimited
from recsys.data.importers.protocol import MalformedLine
from recsys.errors import DataError, SchemaError

Rows = list[tuple[str | None, ...]]


def read(path: Path) -> tuple[Rows, list[MalformedLine]]:
    rows: Rows = []
    malformed: list[MalformedLine] = []
    for arrivals in read_delimited(path, lambda names: {name: name.upper() for name in names}):
        assert all(name.isupper() for name in arrivals.frame.columns)
        rows += arrivals.frame.rows()
        malformed += arrivals.malformed
    return rows, malformed


def written(folder: Path, content: bytes, name: str = "f.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_everything_is_text_and_an_empty_field_is_null(tmp_path: Path) -> None:
    rows, malformed = read(written(tmp_path, b'a,b\n01,2.50\n,"x, ""y"""\n'))
    assert rows == [("01", "2.50"), (None, 'x, "y"')]
    assert malformed == []


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfa,b\n1,2\n", b"a,b\r\n1,2\r\n", b"a,b\n1,2", b"a,b\n\n1,2\n\n"],
    ids=["byte order mark", "windows line ends", "no last line end", "blank lines"],
)
def test_spelling_of_the_file_does_not_matter(tmp_path: Path, content: bytes) -> None:
    assert read(written(tmp_path, content)) == ([("1", "2")], [])


def test_a_quoted_line_break_is_part_of_the_field(tmp_path: Path) -> None:
    assert read(written(tmp_path, b'a,b\n1,"x\ny"\n3,4\n'))[0] == [("1", "x\ny"), ("3", "4")]


def test_lines_with_too_few_or_too_many_fields_are_handed_over_with_their_place(tmp_path: Path) -> None:
    rows, malformed = read(written(tmp_path, b"a,b\n1,2\n3\n4,5,6\n7,8\n9"))
    assert rows == [("1", "2"), ("7", "8")]
    assert malformed == [MalformedLine(2, "3"), MalformedLine(3, "4,5,6"), MalformedLine(5, "9")]


def test_places_of_malformed_lines_hold_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 16)
    rows, malformed = read(written(tmp_path, b"a,b\n" + b"1,2\n" * 9 + b"3\n" + b"1,2\n" * 5 + b"4,4,4\n"))
    assert len(rows) == 14
    assert [line.row_number for line in malformed] == [10, 16]


@pytest.mark.parametrize("content", [b"a,b\n", b"a,b", b"\xef\xbb\xbfa,b"])
def test_a_header_alone_is_a_file_without_rows(tmp_path: Path, content: bytes) -> None:
    assert read(written(tmp_path, content)) == ([], [])


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"f\.csv: is empty, without even a header"):
        read(written(tmp_path, content))


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"1 column\(s\) are there more than once: a"):
        read(written(tmp_path, b"a,b,a\n1,2,3\n"))


@pytest.mark.parametrize("content", ["a,b\nü,2\n".encode("latin-1"), "a,b\n1,2\n".encode("utf-16")])
def test_text_that_is_no_utf8_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"f\.csv: is no UTF-8 text; convert it, e\.g\. iconv"):
        read(written(tmp_path, content))


@pytest.mark.parametrize("before", [b"", b"1,2\n"])
def test_a_line_longer_than_a_block_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1024 * 1024)
    with pytest.raises(DataError, match="a line is longer than 1 MB, or a quote is not closed"):
        read(written(tmp_path, b"a,b\n" + before + b"x" * 3_000_000 + b",4\n5,6\n"))


def test_a_field_of_a_million_characters_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"a,b\n" + b"x" * 10**6 + b",2\n"))[0] == [("x" * 10**6, "2")]


def test_gzip_and_zip_are_unpacked_on_the_way(tmp_path: Path) -> None:
    gzipped = written(tmp_path, gzip.compress(b"a,b\n1,2\n"), "f.csv.gz")
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/f.csv", "a,b\n1,2\n")
        archive.writestr("__MACOSX/f.csv", "junk")
    assert read(gzipped) == read(tmp_path / "f.zip") == ([("1", "2")], [])


def test_a_zip_that_is_not_one_csv_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(DataError, match=r"f\.zip: holds 2 files \(a\.csv, b\.csv\), not one CSV; unpack it"):
        read(tmp_path / "f.zip")


@pytest.mark.parametrize("name", ["f.csv.gz", "f.zip"])
def test_a_truncated_archive_is_refused(tmp_path: Path, name: str) -> None:
    content = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919 % 10007) for i in range(2000))
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(content)[:-500])
    else:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("f.csv", content)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:200] + b"\xff" * 100 + whole[300:])
    with pytest.raises(DataError, match=r"cannot be read .*; deliver the file again, or leave it out"):
        read(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none.csv")
