"""Files and frames are read, or refused with what is wrong."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from sparring.core.errors import DataError
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_files import is_table
from sparring.data.tables.table_format import TableFormat
from support.tables import csv_of, written


def read(folder: Path, text: str | bytes, name: str = "t.csv") -> dict[str, list[str]]:
    return read_table(written(folder, text, name)).table.to_pydict()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    rows = [["name", "note", "n"], ["a", '"x,y;z"', "1"], ["b", "w", "2"]]
    text = "\n".join(delimiter.join(row) for row in rows) + "\n"
    table = read_table(written(tmp_path, text, "t.txt"))
    assert table.format.delimiter == delimiter
    assert table.table.to_pydict() == {"name": ["a", "b"], "note": ["x,y;z", "w"], "n": ["1", "2"]}


def test_quotes_and_lines_within_values(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n"x ""y""","two\nlines"\n') == {"a": ['x "y"'], "b": ["two\nlines"]}


def test_an_empty_text_is_not_a_missing_one(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n"",1\n,2\n')["a"] == ["", None]


def test_one_column_with_gaps(tmp_path: Path) -> None:
    assert read(tmp_path, "x\n1\n\n3\n") == {"x": ["1", None, "3"]}


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("cp1252", "cp1252")]
)
def test_encodings(tmp_path: Path, encoding: str, found: str) -> None:
    table = read_table(written(tmp_path, "città,n\nWürzburg,1\n".encode(encoding)))
    assert table.format.encoding == found
    assert table.table.to_pydict() == {"città": ["Würzburg"], "n": ["1"]}


def test_gzip(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz") == {"a": ["1"], "b": ["2"]}


def test_rows_without_a_header(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "1.5,2\n3,4\n"))
    assert not table.format.header
    assert table.table.to_pydict() == {"column 1": ["1.5", "3"], "column 2": ["2", "4"]}


def test_names_that_count_are_a_header(tmp_path: Path) -> None:
    assert read(tmp_path, "0,1\n1.5,2\n") == {"0": ["1.5"], "1": ["2"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"\n\n", ["empty"]),
        (b"a,b\n", ["2 columns", "no rows"]),
        (b"a,a,b,b\n1,2,3,4\n", ["'a'", "'b'"]),
        (b"a,b\n1,2\n1,2,3\n4\n", ["row 2", "3 fields", "row 3", "1 fields"]),
        (b"a,b\n1,\x81\xff\n", ["line 2", "0x81", "UTF-8"]),
        (b"\x00\x01\x02", ["no text"]),
    ],
)
def test_what_is_wrong_is_said_at_once(tmp_path: Path, content: bytes, words: list[str]) -> None:
    with pytest.raises(DataError) as error:
        read_table(written(tmp_path, content))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    for content, name in ((b"PAR1 torn", "t.parquet"), (b"ARROW1 torn", "t.feather"), (b"{}\n[1]\n{", "t.jsonl"), (b"x", "t.xlsx")):
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            read_table(written(tmp_path, content, name))
    with pytest.raises(DataError, match=r"t\.csv"):
        read_table(written(tmp_path, "a,b\n1,2\n").with_name("t.cvs"))
    with pytest.raises(DataError, match="pandas"):
        read_table([1, 2])


def test_json_lines(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    table = read_table(written(tmp_path, "\n".join(map(json.dumps, rows)), "t.jsonl"))
    assert table.table.to_pylist() == rows
    with pytest.raises(DataError, match=r"'b'.*1 rows"):
        read_table(written(tmp_path, '{"a": 1, "b": [1]}\n', "t.jsonl"))


def test_excel(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["name", "n", "flag"], ["a", 1, True], ["b", 2, None]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    assert read_table(tmp_path / "t.xlsx").table.to_pydict() == {"name": ["a", "b"], "n": [1, 2], "flag": [True, None]}


def test_frames_with_whole_numbers_as_names() -> None:
    """SDV 1935."""
    pandas = pytest.importorskip("pandas")
    assert read_table(pandas.DataFrame({0: [1, 2], 1: ["a", "b"]})).table.column_names == ["0", "1"]


def test_frames_that_cannot_be_tables() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="'a'"):
        read_table(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="kind"):
        read_table(pandas.DataFrame({"a": [1, "x", None]}))
    with pytest.raises(DataError, match="no rows"):
        read_table(pandas.DataFrame({"a": []}))


def test_the_bundled_table() -> None:
    table = read_table("flights")
    assert (table.rows, table.table.num_columns) == (2000, 19)


def test_formats_go_to_json_and_back(tmp_path: Path) -> None:
    for source in (csv_of(tmp_path, {"a": [1], "b": [2]}), pa.table({"a": [1.0, float("nan")]})):
        form = read_table(source).format
        assert TableFormat.from_json(json.loads(json.dumps(form.to_json()))) == form


def test_what_is_a_table(tmp_path: Path) -> None:
    assert is_table(csv_of(tmp_path, {"a": [1], "b": [2]}))
    assert is_table(written(tmp_path, "a\tb\n1\t2\n", "t.txt"))
    assert is_table("flights")
    assert not is_table(written(tmp_path, "Dear all,\n\nthis is a letter.\n", "t.txt"))
    assert not is_table(tmp_path)
    assert not is_table("fashion10k")
    pyarrow.parquet.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet.brotli")
    assert is_table(tmp_path / "t.parquet.brotli")


def test_one_column_whose_rows_have_several_fields(tmp_path: Path) -> None:
    """What is after the first comma is not cut off in silence."""
    file = tmp_path / "texts.csv"
    file.write_text('text\n"cozy, large"\nroom, near park\nhello\n')
    with pytest.raises(DataError, match=r"(?s)one column.*quotes.*\n.*row 2: 2 fields rather than 1: room, near park$"):
        read_table(file)
