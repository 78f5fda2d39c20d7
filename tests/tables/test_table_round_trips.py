"""What was read is written as it was: bytes of text files, types of Parquet and frames."""

import gzip
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sparring.core.errors import SettingsError
from sparring.data.tables.arrow_values import table_of
from sparring.data.tables.reading import read_table
from sparring.data.tables.writing import save_values, to_frame, write_table
from support.tables import opened, written

TEXTS = {
    "numbers": "a,b,c\n1,2.50,1.0\n-3,0.00,2.5\n20,11.75,1e-05\n",
    "numbers of any length": "a,b\n1,2.5\n3,0.125\n4,12\n",
    "significant digits": "a,b\n1.23e+06,2\n45.6,3\n0.00123,4\n",
    "gaps": "a,b,c\n1,,x\n,2.5,\n3,4.0,y\n",
    "words for gaps": "a,b,c\nNA,1.5,?\n2,NA,x\n3,2.5,y\n",
    "leading zeros": "zip,n\n02116,1\n00501,2\n10001,3\n02116,4\n",
    "booleans": "a,b,c\nTrue,yes,1\nFalse,no,0\nTrue,,1\n",
    "dates": "a,b\n2020-02-29,1655-02-17\n2021-12-31,9999-12-31\n",
    "times": "a,b,c\n2020-01-01T10:00:00Z,08:15,1 day 02:00:00\n2020-06-01T23:59:59Z,23:59,2 days 00:00:01\n",
    "fractions of seconds": "a,n\n2020-01-01 10:00:00.123,1\n2020-01-01 10:00:00.007,2\n",
    "summer time": "a,n\n2020-01-01T10:00:00+01:00,1\n2020-07-01T10:00:00+02:00,2\n",
    "days as numbers": "a,n\n20230623,1\n20240229,2\n",
    "American dates": "a,n\n1/2/2020 3:05 PM,1\n12/31/2019 12:00 AM,2\n",
    "signs and thousands": 'a,b,c\n+1,"1,234.50",$5\n-2,"12,345.00",$17\n+0,1.00,$300\n',
    "decimal commas": "a;b;c\n1,5;x;1.000\n2,25;y;2.500\n",
    "quotes": 'a,b\n"x, y",1\n"say ""no""",2\nplain,3\n',
    "all text in quotes": '"a","b"\n"x",1\n"y",2\n',
    "everything in quotes": '"a","b"\n"x","1"\n"y","2"\n',
    "empty texts": 'a,b\n"",1\nx,2\n"",3\n',
    "no header": "1.5,2\n3.0,4\n",
    "constants": "a,b,c\n7.5,x,1\n7.5,x,2\n",
    "no final line end": "a,b\n1,2\n3,4",
    "Windows": "a,b\r\n1,x\r\n2,y\r\n",
    "one column": "x\n1\n\n3\n",
    "spaces after commas": "age, job, pay\n39, State-gov, 77516\n50, ?, 83311\n",
    "tabs": "a\tb\n1\tx y\n2\tz\n",
    "identifiers": "id,n\n" + "".join(f"C{i:04d},{i % 7}\n" for i in range(30)),
    "other letters": "città,n\nWürzburg,1\n東京,2\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_files_are_written_as_they_were(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, TEXTS[name])
    raw, columns, values = opened(path)
    write_table(table_of(values, columns, raw.format), tmp_path / "out.csv", raw.format)
    assert (tmp_path / "out.csv").read_bytes().decode() == TEXTS[name]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_kept(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "a,b\nWürzburg,1\nx,2\n".encode(encoding))
    raw, columns, values = opened(path)
    save_values(values, columns, tmp_path / "out.csv", raw.format)
    assert (tmp_path / "out.csv").read_bytes() == path.read_bytes()


def test_the_bundled_table_and_gzip(tmp_path: Path) -> None:
    raw, columns, values = opened("flights")
    save_values(values, columns, tmp_path / "out.csv.gz", raw.format)
    save_values(values, columns, tmp_path / "out.csv", raw.format)
    text = (tmp_path / "out.csv").read_bytes()
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == text
    assert text.startswith(b"year,month") and len(text.splitlines()) == 2001  # noqa: PT018
    assert read_table(tmp_path / "out.csv").table.equals(raw.table)


def test_random_numbers_come_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for seed in range(20):
        decimals = int(random.integers(0, 7))
        numbers = random.normal(0, 10.0 ** random.integers(0, 6), 50).round(decimals)
        form = f"{{:.{decimals}f}}" if seed % 2 else "{!r}"
        text = "x,n\n" + "".join(f"{form.format(float(number) + 0.0)},{i}\n" for i, number in enumerate(numbers)).replace("-0.0,", "0.0,")
        raw, columns, values = opened(written(tmp_path, text))
        save_values(values, columns, tmp_path / "out.csv", raw.format)
        assert values["x"].numbers is not None
        assert (tmp_path / "out.csv").read_text().replace("-0", "0") == text.replace("-0", "0"), seed


TYPED = pa.table(
    {
        "int8": pa.array([1, None, -3], pa.int8()),
        "int64": pa.array([1, 2, 3], pa.int64()),
        "uint16": pa.array([1, 2, 65535], pa.uint16()),
        "float32": pa.array([0.1, None, 2.5], pa.float32()),
        "float64": pa.array([0.1 + 0.2, 1e300, -1.0]),
        "decimal": pa.array([Decimal("1.50"), Decimal("-2.25"), None], pa.decimal128(10, 2)),
        "bool": pa.array([True, None, False]),
        "category": pa.array(["b", None, "a"]).dictionary_encode(),
        "numbers as category": pa.array([10, 20, 10]).dictionary_encode(),
        "large_string": pa.array(["b", None, "a"], pa.large_string()),
        "date32": pa.array([date(1655, 2, 17), None, date(2020, 2, 29)]),
        "date64": pa.array([date(1655, 2, 17), None, date(2020, 2, 29)], pa.date64()),
        "seconds": pa.array([datetime(2020, 1, 1), None, datetime(1600, 1, 1)], pa.timestamp("s")),
        "zone": pa.array([0, None, 1_600_000_000_123_456], pa.timestamp("us", "Europe/Paris")),
        "nanoseconds": pa.array([0, None, 1_600_000_000_123_456_000], pa.timestamp("ns")),
        "time32": pa.array([time(8, 15), None, time(23, 59)], pa.time32("s")),
        "time64": pa.array([time(8, 15, 0, 7), None, time(23, 59)], pa.time64("us")),
        "duration": pa.array([timedelta(days=3), None, timedelta(microseconds=-5)], pa.duration("us")),
        "constant": pa.array([7.3, 7.3, 7.3], pa.float32()),
        "constant date": pa.array([date(2020, 2, 29)] * 3),
        "constant zone": pa.array([1, 1, 1], pa.timestamp("us", "Europe/Paris")),
        "nothing": pa.nulls(3),
        "missing": pa.nulls(3, pa.int32()),
        "big": pa.array([2**60, 2**60 + 1, None]),
        "digits": pa.array(["007", None, "012"]),
        "written": pa.array(["1.50", None, "2.25"]),
    }
)


def test_types_of_arrow_come_back() -> None:
    raw, columns, values = opened(TYPED)
    table = table_of(values, columns, raw.format)
    assert table.schema.equals(TYPED.schema)
    for name in TYPED.column_names:
        assert table.column(name).to_pylist() == TYPED.column(name).to_pylist(), name


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow"])
def test_files_with_types(tmp_path: Path, ending: str) -> None:
    write_table(TYPED, tmp_path / f"a.{ending}", read_table(TYPED).format)
    raw, columns, values = opened(tmp_path / f"a.{ending}")
    save_values(values, columns, tmp_path / f"b.{ending}", raw.format)
    again = read_table(tmp_path / f"b.{ending}").table
    assert again.schema.equals(raw.table.schema)
    assert again.to_pylist() == raw.table.to_pylist()


def test_nan_and_null_are_told_apart() -> None:
    for missing in (float("nan"), None):
        source = pa.table({"x": pa.array([1.0, missing, 2.5]), "c": pa.array([5.0, missing, 5.0])})
        raw, columns, values = opened(source)
        table = table_of(values, columns, raw.format)
        assert table.column("x").null_count == source.column("x").null_count
        assert values["x"].missing.tolist() == [False, True, False]


def test_json_lines_and_excel(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = written(
        tmp_path,
        '{"a": 1, "b": "x", "c": true, "d": 1.5}\n{"a": 2, "c": false, "d": 2.0}\n{"a": 3, "b": "x", "c": true, "d": 0.1}\n',
        "a.jsonl",
    )
    raw, columns, values = opened(path)
    save_values(values, columns, tmp_path / "b.jsonl", raw.format)
    assert (tmp_path / "b.jsonl").read_bytes() == path.read_bytes()
    save_values(values, columns, tmp_path / "b.xlsx", raw.format)
    again = opened(tmp_path / "b.xlsx")
    assert again[0].table.column("a").to_pylist() == [1, 2, 3]
    save_values(again[2], again[1], tmp_path / "c.xlsx", again[0].format)
    assert read_table(tmp_path / "c.xlsx").table.to_pylist() == again[0].table.to_pylist()


def frames() -> dict[str, Callable[[], object]]:
    def pandas_frame() -> object:
        pandas = pytest.importorskip("pandas")
        return pandas.DataFrame(
            {
                "int": np.array([1, 2, 3]),
                "Int64": pandas.array([1, None, 3], dtype="Int64"),
                "small": np.array([1, 2, 3], np.int8),
                "float": [1.5, np.nan, 2.5],
                "bool": [True, False, True],
                "boolean": pandas.array([True, None, False], dtype="boolean"),
                "object": pandas.Series(["a", None, "b"], dtype=object),
                "string": pandas.array(["a", None, "b"], dtype="string"),
                "category": pandas.Categorical(["a", "b", None], categories=["b", "a", "unused"], ordered=True),
                "zone": pandas.to_datetime(["2020-01-01", None, "2020-07-01"]).tz_localize("Europe/Paris"),
                "when": pandas.to_datetime(["2020-01-01 10:00", None, "2020-07-01 12:30"]),
                "length": pandas.to_timedelta(["1 day", None, "2 hours"]),
                7: [1, 5, 2],
            }
        )

    def polars_frame() -> object:
        polars = pytest.importorskip("polars")
        return polars.DataFrame(
            {
                "int": [1, None, 3],
                "text": ["a", None, "b"],
                "bool": [True, None, False],
                "date": [date(2020, 1, 1), None, date(1600, 1, 1)],
                "float": [1.5, None, 2.5],
                "time": [time(1, 2), None, time(3, 4)],
                "category": polars.Series(["a", None, "b"], dtype=polars.Categorical),
                "enum": polars.Series(["a", None, "b"], dtype=polars.Enum(["b", "a"])),
                "zone": polars.Series([datetime(2020, 1, 1), None, datetime(2021, 1, 1)], dtype=polars.Datetime("us", "Europe/Paris")),
                "small": polars.Series([1, 2, 3], dtype=polars.UInt8),
            }
        )

    return {"pandas": pandas_frame, "polars": polars_frame}


@pytest.mark.parametrize("library", frames())
def test_frames_come_back_as_they_were(library: str) -> None:
    """SDV 2349, 1154, 1570: integers came back as floats, zones were lost."""
    frame: Any = frames()[library]()
    raw, columns, values = opened(frame)
    again = to_frame(table_of(values, columns, raw.format), raw.format)
    assert type(again) is type(frame)
    assert list(again.columns) == list(frame.columns)
    assert list(again.dtypes) == list(frame.dtypes)
    assert again.equals(frame)


def test_a_frame_may_have_another_number_of_rows() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1, 2, 3], "c": list("aba")}, index=[5, 7, 9])
    raw, columns, values = opened(frame)
    more = {name: column.take(np.array([0, 1, 2, 1, 0])) for name, column in values.items()}
    again = to_frame(table_of(more, columns, raw.format), raw.format)
    assert again.shape == (5, 2)
    assert list(again.dtypes) == list(frame.dtypes)


def test_text_becomes_types_in_files_that_have_them(tmp_path: Path) -> None:
    raw, columns, values = opened(
        written(tmp_path, "i,f,b,d,z,c\n1,1.50,yes,2020-01-01,2020-01-01T00:00:00Z,x\n,2.25,no,2020-01-02,2020-01-01T00:00:01Z,y\n")
    )
    save_values(values, columns, tmp_path / "t.parquet", raw.format)
    table = read_table(tmp_path / "t.parquet").table
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "bool", "date32[day]", "timestamp[us, tz=UTC]", "string"]
    assert table.to_pylist()[0]["d"] == date(2020, 1, 1)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.parquet"):
        write_table(TYPED, tmp_path / "t.pdf", read_table(TYPED).format)
    assert not list(tmp_path.iterdir())
