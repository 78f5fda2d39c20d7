"""Reads a table that should have the columns of another one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable


def read_like(source: Any, columns: Sequence[Column], *, partial: bool = False) -> dict[str, ColumnValues]:  # noqa: ANN401 (a path or a frame)
    """The values of a table's columns, read as columns of the same kinds as in another table. Columns of its own are left out.

    `partial`: columns that are not there, or empty, are missing in every row. A DataError names all columns that are not there otherwise,
    and all that cannot be read as what they should be.
    """
    raw = read_table(source)
    names = raw.table.column_names
    absent = [column.name for column in columns if column.name not in names]
    if absent and not partial:
        raise DataError(listed(f"{raw.name} lacks columns:", [f"{name!r}. {did_you_mean(name, names)}" for name in absent]))
    if partial and len(absent) == len(columns):
        raise DataError(f"{raw.name} has none of the columns {', '.join(column.name for column in columns[:8])}: is it the right file?")
    kept = [column for column in columns if column.name in names and not (partial and is_empty(raw, column.name))]
    table = RawTable(raw.table.select([column.name for column in kept]), raw.format, raw.name)
    found = values_of(table, _columns_like(table, kept))
    missing = np.full(raw.rows, np.nan)
    for column in columns:
        if column.name not in found:
            found[column.name] = ColumnValues(numbers=missing) if column.is_numeric else ColumnValues(codes=np.full(raw.rows, -1, np.int32))
    return {column.name: found[column.name] for column in columns}


def _columns_like(table: RawTable, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Columns of the same kinds, and dates in the same pattern where they can be read so: 03/02 alone does not tell day from month."""
    kinds: dict[str, dict[str, Any]] = {column.name: {"kind": column.kind} for column in columns}
    patterns = {column.name: pattern for column in columns if (pattern := (column.text or {}).get("pattern"))}
    dated = {name: wanted | ({"pattern": patterns[name]} if name in patterns else {}) for name, wanted in kinds.items()}
    try:
        return infer_columns(table, dated)
    except DataError:
        return infer_columns(table, kinds)


def is_empty(raw: RawTable, name: str) -> bool:
    """Whether a column has no value in any row."""
    values = raw.table.column(name)
    return values.null_count == len(values) or all(value in ("", None) for value in values.unique().to_pylist())
