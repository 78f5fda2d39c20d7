"""Reads a table that should have the columns of another one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.data.tables.arrow import pa, pc
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.distinct_values import is_text
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable
from sparring.data.tables.text_kinds import MISSING_WORDS

LARGEST_EXACT = 2**53
"""The largest whole number up to which all are exact as floats."""


def read_like(source: Any, columns: Sequence[Column], *, partial: bool = False) -> dict[str, ColumnValues]:  # noqa: ANN401 (a path or a frame)
    """The values of a table's columns, read as columns of the same kinds as in another table. Columns of its own are left out.

    `partial`: columns that are not there, or empty, are missing in every row. A DataError names all columns that are not there otherwise,
    and all that cannot be read as what they should be.
    """
    return values_like(read_table(source), columns, partial=partial)


def values_like(raw: RawTable, columns: Sequence[Column], *, partial: bool = False) -> dict[str, ColumnValues]:
    """See `read_like`: of a table that was read before."""
    names = raw.table.column_names
    absent = [column.name for column in columns if column.name not in names]
    if absent and not partial:
        raise DataError(listed(f"{raw.name} lacks columns:", [f"{name!r}. {did_you_mean(name, names)}" for name in absent]))
    if partial and len(absent) == len(columns):
        raise DataError(f"{raw.name} has none of the columns {', '.join(column.name for column in columns[:8])}: is it the right file?")
    there = [column for column in columns if column.name in names]
    found = {column.name: values for column in there if (values := _plain_numbers(raw, column) or _known_booleans(raw, column)) is not None}
    others = [column for column in there if column.name not in found and not (partial and is_empty(raw, column.name))]
    table = RawTable(raw.table.select([column.name for column in others]), raw.format, raw.name)
    found |= values_of(table, _columns_like(table, others)) if others else {}
    missing = np.full(raw.rows, np.nan)
    for column in columns:
        if column.name not in found:
            found[column.name] = ColumnValues(numbers=missing) if column.is_numeric else ColumnValues(codes=np.full(raw.rows, -1, np.int32))
    return {column.name: found[column.name] for column in columns}


def _plain_numbers(raw: RawTable, column: Column) -> ColumnValues | None:
    """The numbers of a column of text that was written plainly (1234.5), read at once; None where how it is written has to be found out."""
    texts, form = raw.table.column(column.name), column.text or {}
    plain = form.get("as") == "number" and form["point"] == "." and not any(form[name] for name in ("thousands", "prefix", "suffix"))
    if column.kind != "number" or not plain or not is_text(texts.type):
        return None
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(trimmed, pa.array([*MISSING_WORDS, ""], pa.string()))
    try:
        numbers = pc.if_else(absent, None, trimmed).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    found = numbers.to_numpy(zero_copy_only=False) if isinstance(numbers, pa.Array) else numbers.to_numpy()
    known = found[~np.isnan(found)]
    if not len(known):
        return None
    return (
        ColumnValues(numbers=np.asarray(found, np.float64)) if np.isfinite(known).all() and (np.abs(known) <= LARGEST_EXACT).all() else None
    )


def _known_booleans(raw: RawTable, column: Column) -> ColumnValues | None:
    """The values of a column of booleans that has no other words than the other table's, though perhaps not both; None for others."""
    texts, form = raw.table.column(column.name), column.text or {}
    if column.kind != "boolean" or "words" not in form or not is_text(texts.type):
        return None
    there = {text for text in texts.unique().to_pylist() if text is not None}
    gone = {text for text in there if text.strip() in {*MISSING_WORDS, ""}}
    if not there - gone <= set(form["words"]) or not there - gone:
        return None
    return values_of(raw, [replace(column, text={**form, "missing_texts": sorted(gone)})])[column.name]


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
