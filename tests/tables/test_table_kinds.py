"""What columns are taken for, and why: the complaints of users of other programs, each with its smallest input."""

import uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sparring.core.errors import DataError
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from support.tables import column_of, csv_of, opened

RANDOM = np.random.default_rng(0)


def kinds(source: object) -> dict[str, str]:
    return {column.name: column.kind for column in opened(source)[1]}


def test_strings_need_no_declaration(tmp_path: Path) -> None:
    """CTGAN 93, 98."""
    assert column_of(tmp_path, ["a", "b", "b", "a"] * 5).kind == "category"


def test_infinity_is_named_with_its_row(tmp_path: Path) -> None:
    """CTGAN 24; all columns at once."""
    path = csv_of(tmp_path, {"x": ["1.5", "inf", "2"], "y": ["1", "2", "-Infinity"]})
    with pytest.raises(DataError) as error:
        infer_columns(read_table(path))
    assert "'x' is infinite in row 2" in str(error.value)
    assert "'y' is infinite in row 3" in str(error.value)
    with pytest.raises(DataError, match="row 3"):
        opened(pa.table({"x": [1.0, 2.0, float("inf")]}))


def test_leading_zeros_make_a_category(tmp_path: Path) -> None:
    """SDV 2780."""
    column = column_of(tmp_path, ["02116", "10001", "02116", "00501"])
    assert column.kind == "category"
    assert "leading zeros" in column.reason


def test_names_of_columns_decide_nothing(tmp_path: Path) -> None:
    """SDV 1515: city-mpg became places; ids became sdv-pii."""
    rows = 60
    path = csv_of(
        tmp_path,
        {"city-mpg": [10 + i % 30 for i in range(rows)], "id": [i % 5 for i in range(rows)], "zip": [1.5 + i % 9 for i in range(rows)]},
    )
    assert kinds(path) == {"city-mpg": "number", "id": "number", "zip": "number"}


def test_a_kind_can_be_chosen_in_one_place(tmp_path: Path) -> None:
    """SDV 2413."""
    column = column_of(tmp_path, [1, 2, 3, 1, 2, 3], kind="category")
    assert (column.kind, column.reason) == ("category", "chosen by you")


def test_all_wrong_choices_are_listed(tmp_path: Path) -> None:
    raw = read_table(csv_of(tmp_path, {"x": ["a", "b"], "y": [1, 2]}))
    with pytest.raises(DataError) as error:
        infer_columns(raw, {"x": {"kind": "number"}, "z": {"kind": "category"}, "y": {"kind": "numbr"}})
    assert all(word in str(error.value) for word in ("'x'", "'z'", "'numbr'", "'number'"))


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        (["20230623", "20231231", "20240229"], "%Y%m%d"),
        (["1655-02-17", "2020-01-31", "9999-12-31"], "%Y-%m-%d"),
        (["2020-01-01T10:00:00Z", "2020-01-02T11:30:00Z"], "%Y-%m-%dT%H:%M:%S%z"),
        (["31.12.2019 08:15", "01.02.2020 23:59"], "%d.%m.%Y %H:%M"),
        (["12/31/2019", "1/2/2020"], "%-m/%-d/%Y"),
        (["05-Mar-2020", "06-Dec-2021"], "%d-%b-%Y"),
    ],
)
def test_dates_are_recognized(tmp_path: Path, values: list[str], pattern: str) -> None:
    """SDV 1477, 2536."""
    column = column_of(tmp_path, values)
    assert (column.kind, (column.text or {})["pattern"]) == ("datetime", pattern)


def test_dates_are_seconds_since_1970(tmp_path: Path) -> None:
    _, columns, values = opened(csv_of(tmp_path, {"d": ["1655-02-17", "1970-01-02", "2020-02-29"], "n": [1, 2, 3]}))
    # independent: Python's proleptic calendar
    expected = [
        (datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds() for text in ("1655-02-17", "1970-01-02", "2020-02-29")
    ]
    assert values["d"].numbers is not None
    assert values["d"].numbers.tolist() == expected
    assert columns[0].step == 86_400


def test_digits_that_are_no_dates_stay_numbers(tmp_path: Path) -> None:
    assert column_of(tmp_path, ["20231301", "20230623", "20231231"]).kind == "number"


def test_no_month_13(tmp_path: Path) -> None:
    """SDV 423."""
    assert column_of(tmp_path, ["2020-13-01", "2020-01-01"] * 3).kind == "category"


def test_day_first_can_be_chosen(tmp_path: Path) -> None:
    found = column_of(tmp_path, ["01/02/2020", "03/04/2020"])
    assert "%d/%m/%Y" in found.reason
    chosen = column_of(tmp_path, ["01/02/2020", "03/04/2020"], pattern="%d/%m/%Y")
    assert (chosen.text or {})["pattern"] == "%d/%m/%Y"


def test_mixed_offsets_are_a_time_zone(tmp_path: Path) -> None:
    """SDV 1576."""
    column = column_of(tmp_path, ["2020-01-01T10:00:00+01:00", "2020-07-01T10:00:00+02:00", "2020-12-01T10:00:00+01:00"])
    assert column.kind == "datetime"
    assert (column.text or {})["zone"] == "Europe/Paris"


def test_times_are_durations(tmp_path: Path) -> None:
    of_day = column_of(tmp_path, ["08:15", "23:59", "00:00"])
    assert of_day.kind == "duration"
    assert "times of day" in of_day.reason
    assert column_of(tmp_path, ["27:30:00", "1:00:00"]).kind == "duration"


@pytest.mark.parametrize("words", [("True", "False"), ("yes", "no"), ("t", "f"), ("Y", "N"), ("1", "0")])
def test_booleans(tmp_path: Path, words: tuple[str, str]) -> None:
    """SDV 1528."""
    path = csv_of(tmp_path, {"x": [words[0], words[1], words[1], None], "n": [1.5, 2, 3, 4]})
    _, columns, values = opened(path)
    assert columns[0].kind == "boolean"
    assert values["x"].categories == ("false", "true")
    assert values["x"].codes is not None
    assert values["x"].codes.tolist() == [1, 0, 0, -1]


def test_constants_and_empty_columns(tmp_path: Path) -> None:
    """SDV 574, 2473, 1592."""
    path = csv_of(tmp_path, {"c": ["7.5"] * 4, "none": [None] * 4, "n": [1, 2, 3, 4]})
    assert kinds(path) == {"c": "constant", "none": "constant", "n": "number"}
    assert kinds(pa.table({"c": [7.5] * 4, "none": pa.nulls(4), "nan": [float("nan")] * 4})) == dict.fromkeys(
        ("c", "none", "nan"), "constant"
    )


def test_identifiers_are_recognized(tmp_path: Path) -> None:
    """SDV 1431 and others: 5,000 distinct values were 5,000 columns."""
    rows = 400
    path = csv_of(
        tmp_path,
        {
            "uuid": [str(uuid.UUID(int=int.from_bytes(RANDOM.bytes(16), "little"))) for _ in range(rows)],
            "mail": [f"user{i}@example.com" for i in range(rows)],
            "count": list(range(1, rows + 1)),
            "serial": RANDOM.permutation(np.arange(1000, 1000 + rows)).tolist(),
            "customer": RANDOM.choice(np.arange(10_000_000, 99_999_999), rows, replace=False).tolist(),
            "code": [f"C{i:05d}" for i in RANDOM.permutation(rows)],
        },
    )
    assert set(kinds(path).values()) == {"identifier"}


def test_measures_are_no_identifiers(tmp_path: Path) -> None:
    """All values are different, and yet they measure."""
    rows = 400
    path = csv_of(
        tmp_path,
        {
            "income": np.unique(RANDOM.lognormal(10, 1, rows * 2).astype(int))[:rows].tolist(),
            "height": RANDOM.normal(170, 10, rows).round(6).tolist(),
            "population": (RANDOM.pareto(1, rows) * 1e6).astype(int).tolist(),
        },
    )
    assert set(kinds(path).values()) == {"number"}


def test_few_integers_are_still_numbers(tmp_path: Path) -> None:
    column = column_of(tmp_path, [9, 10, 13, 9, 10, 16] * 10)
    assert (column.kind, column.step) == ("number", 1.0)
    assert column.reason == "integers from 9 to 16 with 4 distinct values"


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1.25, 2.5, 3.1], 0.01),
        ([0.1 + 0.2, 0.7, 1.1], 0.1),
        ([i * 0.25 for i in range(20)], 0.25),
        ([i * 100 for i in range(20)], 100.0),
        (RANDOM.normal(size=20).tolist(), None),
        ([1, 2.5, 1e9 + 0.5], 0.1),
    ],
)
def test_steps(tmp_path: Path, values: list[float], step: float | None) -> None:
    assert column_of(tmp_path, values).step == step


def test_free_text(tmp_path: Path) -> None:
    reviews = [f"The {i}th time that I bought this and it was as good as all the other {i} times" for i in range(30)]
    assert column_of(tmp_path, reviews).kind == "text"


@pytest.mark.parametrize("word", ["NA", "N/A", "NaN", "null", "NULL", "?"])
def test_ways_to_write_a_missing_number(tmp_path: Path, word: str) -> None:
    """CTGAN 21, 414."""
    path = csv_of(tmp_path, {"x": ["1", word, "3", "4"], "c": ["a", word, "b", "long"], "n": [1, 2, 3, 4]})
    _, columns, values = opened(path)
    assert [column.kind for column in columns] == ["number", "category", "number"]
    assert values["x"].missing.tolist() == [False, True, False, False]
    assert values["c"].missing.tolist() == [False, True, False, False]
    assert f"{word!r} means missing" in columns[0].reason


def test_namibia_is_not_missing(tmp_path: Path) -> None:
    _, _, values = opened(csv_of(tmp_path, {"country": ["NA", "DE", "FR", "NA"], "n": [1, 2, 3, 4]}))
    assert values["country"].categories == ("DE", "FR", "NA")


def test_latitude_and_longitude_are_numbers_that_are_said(tmp_path: Path) -> None:
    path = csv_of(tmp_path, {"lat": [48.8566, 51.5074, 40.7128], "lon": [2.3522, -0.1278, -74.006], "latent": [1.1234, 2.1234, 3.1234]})
    _, columns, _ = opened(path)
    assert [column.kind for column in columns] == ["number"] * 3
    assert "latitude" in columns[0].reason
    assert "longitude" in columns[1].reason
    assert "latitude" not in columns[2].reason


def test_column_names_with_spaces(tmp_path: Path) -> None:
    """REaLTabFormer 51."""
    assert kinds(csv_of(tmp_path, {"X1 house age": [1, 2, 3], "Weiß ich?": ["a", "b", "a"]})) == {
        "X1 house age": "number",
        "Weiß ich?": "category",
    }


def test_typed_columns() -> None:
    table = pa.table({
        "decimal": pa.array([Decimal("1.50"), Decimal("2.25")]),
        "big": pa.array([2**60, 2**60 + 1]),
        "words": pa.array(["a", "b"]).dictionary_encode(),
        "zone": pa.array([0, 3600], pa.timestamp("us", "Europe/Paris")),
        "length": pa.array([0, 3600], pa.duration("s")),
        "flag": pa.array([True, None]),
    })  # fmt: skip
    assert list(kinds(table).values()) == ["number", "identifier", "category", "datetime", "duration", "boolean"]


def test_lists_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="--drop tags"):
        opened(pa.table({"tags": [["a"], ["b", "c"]], "n": [1, 2]}))


def test_many_distinct_values_take_little_memory() -> None:
    """CTGAN 52: 5,000 distinct categories made 1.9 GB."""
    import tracemalloc

    table = pa.table({"x": [f"{'ab'[i % 2]}{i // 2}" for i in range(5000)] * 2})
    tracemalloc.start()
    _, columns, values = opened(table)
    assert columns[0].kind == "category"
    assert len(values["x"].categories) == 5000
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_two_thousand_columns() -> None:
    """CTGAN 1."""
    table = pa.table({f"c{i}": RANDOM.integers(0, 9, 50) for i in range(2000)})
    assert len(values_of(read_table(table), infer_columns(read_table(table)))) == 2000
