"""Small tables for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.find_constraints import find_constraints
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable
from sparring.data.tables.table_plan import TablePlan, plan_of


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def csv_of(folder: Path, columns: Mapping[str, list[Any]], name: str = "t.csv") -> Path:
    """A CSV file of these columns; None is an empty field."""
    lines = [",".join(columns)]
    lines += [",".join("" if value is None else str(value) for value in row) for row in zip(*columns.values(), strict=True)]
    return written(folder, "\n".join(lines) + "\n", name)


def column_of(folder: Path, values: list[Any], **override: str) -> Column:
    """What a single column of a CSV file is taken for, beside a column of numbers."""
    raw = read_table(csv_of(folder, {"x": values, "beside": [1.5 + i % 7 for i in range(len(values))]}))
    return infer_columns(raw, {"x": override} if override else {})[0]


def opened(source: object) -> tuple[RawTable, tuple[Column, ...], dict[str, ColumnValues]]:
    """A source as raw table, columns and values."""
    raw = read_table(source)
    columns = infer_columns(raw)
    return raw, columns, values_of(raw, columns)


def planned(source: object) -> tuple[TablePlan, dict[str, ColumnValues]]:
    """The plan of a source of any number of rows, and its values."""
    raw, columns, values = opened(source)
    return plan_of(columns, find_constraints(values, columns), raw.format, values), values
