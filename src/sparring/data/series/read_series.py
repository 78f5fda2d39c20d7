"""Reads series out of a table, and says everything that is wrong with them at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.series.frequency import (
    Frequency,
)
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_rows import FEWEST_ROWS, Rows, row_and_others
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable

OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
"""How far a clock is ahead of UTC, at the end of a time."""


@dataclass(frozen=True, eq=False)
class RawSeries:
    """Series as they were read, sorted by time, one after the other."""

    names: tuple[str, ...]
    begins: Int64[np.ndarray, " series_and_one"]
    times: Float64[np.ndarray, " rows"]
    """In seconds since 1970 (see `Frequency.by_local_clocks`; without times: numbers of steps)."""
    values: Float64[np.ndarray, "rows values"]
    """In their units; NaN: missing."""
    value_names: tuple[str, ...]
    codes: Int64[np.ndarray, "series statics"]
    static_names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    """Categories of each static column, in the order of their codes."""
    frequency: Frequency
    source: Mapping[str, Any]
    """What `SeriesSpec.source` holds: how the table was read, for models to write and read tables like it."""
    notes: tuple[str, ...]
    """What was found and done, in sentences."""


def read_series(source: Any, reading: SeriesReading) -> RawSeries:  # noqa: ANN401 (a path or any library's frame)
    """Read series out of a table (see `read_table`). A DataError lists everything that keeps it from being read."""
    raw = read_table(source)
    if raw.rows < FEWEST_ROWS:
        raise DataError(f"{raw.name} has {plural(raw.rows, 'row', 'rows')}: too few for a series, which needs at least {FEWEST_ROWS}.")
    roles = choose_columns(raw, reading)
    used = [name for names in roles.values() for name in names]
    columns = {each.name: each for each in infer_columns(RawTable(raw.table.select(used), raw.format, raw.name), _kinds(raw, roles))}
    values = values_of(raw, list(columns.values()))
    problems, notes = _refused_columns(columns, values, roles), _column_notes(raw, columns, roles)
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as series:", problems))
    table = Rows(raw, roles, columns, values, reading)
    table.sort(problems, notes)
    table.check(problems)
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as series:", problems))
    frequency = table.regulate(notes)
    table.fill(notes)
    statics = [columns[name] for name in roles["static"]]
    source_json = {
        "columns": [each.to_json() for each in columns.values()],
        "format": raw.format.to_json(),
        "time": next(iter(roles["time"]), None),
        "id": next(iter(roles["id"]), None),
        "every": reading.every,
        "gaps": reading.gaps,
        "rows_per_series": reading.rows_per_series,
    }
    return RawSeries(
        names=tuple(table.names), begins=table.begins, times=table.times, values=table.numbers, value_names=tuple(roles["value"]),
        codes=table.codes, static_names=tuple(each.name for each in statics), categories=table.categories, frequency=frequency,
        source=source_json, notes=tuple(notes),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------- columns


def choose_columns(raw: RawTable, reading: SeriesReading) -> dict[str, list[str]]:
    """Names of the columns by what they are for: "time", "id", "value", "static". What is not named is found by the kinds of values."""
    names = raw.table.column_names
    chosen = reading.columns()
    problems = [
        f"There is no column {name!r} for {use}. {did_you_mean(name, names)}"
        for use, each in chosen.items()
        for name in each
        if name not in names
    ]
    every = [name for each in chosen.values() for name in each]
    problems += [f"Column {name!r} is named twice: each has one use." for name in sorted({name for name in every if every.count(name) > 1})]
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as series:", problems))
    roles = {use: list(chosen.get(use, ())) for use in ("time", "id", "value", "static")}
    if roles["time"] and roles["value"]:
        return roles
    kinds = {name: _kind_of(raw, name) for name in names if name not in every}
    if not roles["time"]:
        dates = [name for name, kind in kinds.items() if kind == "datetime"]
        if len(dates) > 1:
            raise DataError(f"{raw.name} has {len(dates)} columns of dates ({', '.join(dates)}). Say which is the time, with --time.")
        roles["time"] = dates
    if not roles["value"]:
        numbers = [name for name, kind in kinds.items() if kind == "number"]
        roles["value"] = [name for name in numbers if len(numbers) == 1 or not _counts_rows(raw, name)]
    if not roles["value"]:
        reasons = [f"{name}: {_reason_of(raw, name)}" for name in names if name not in every]
        raise DataError(listed(f"{raw.name} has no column of numbers to learn (--value):", reasons))
    return roles


def _reason_of(raw: RawTable, name: str) -> str:
    """Why a column is what it is, in words."""
    column = infer_columns(RawTable(raw.table.select([name]), raw.format, raw.name))[0]
    return f"{column.kind}, {column.reason}"


def _counts_rows(raw: RawTable, name: str) -> bool:
    """Whether a column of numbers rises by the same from row to row, as an index does that was saved with the table."""
    table = RawTable(raw.table.select([name]), raw.format, raw.name)
    try:
        column = infer_columns(table, {name: {"kind": "number"}})[0]
    except DataError:
        return False  # it is refused with its reason
    numbers = values_of(table, [column])[name].numbers
    steps = np.diff(numbers) if numbers is not None else np.zeros(0)
    return len(steps) > 1 and bool(steps[0] > 0) and bool(np.isclose(steps, steps[0]).all())


def _column_notes(raw: RawTable, columns: Mapping[str, Column], roles: Mapping[str, Sequence[str]]) -> list[str]:
    """What was done without columns that were not named, and times that are written in several ways."""
    unused = [name for name in raw.table.column_names if not any(name in each for each in roles.values())]
    counting = [name for name in unused if _kind_of(raw, name) == "number" and _counts_rows(raw, name)]
    others = [name for name in unused if name not in counting]
    notes = []
    if not roles["time"]:
        notes.append("No column is taken for the time: rows are steps in their order. (If one is the time, name it with --time.)")
    if counting:
        notes.append(f"Not learned, because it counts rows: {', '.join(counting)}.")
    if others:
        notes.append(f"Not used: {', '.join(others)}. (What says the series: --id; attributes that a series keeps: --static.)")
    for name in roles["time"]:
        offsets_found = _written_offsets(raw, columns[name])
        if len(offsets_found) > 1:
            several = ", ".join(offsets_found)
            notes.append(f"{name} is written with several offsets ({several}), which no time zone explains: times are UTC.")
    return notes


def _written_offsets(raw: RawTable, column: Column) -> list[str]:
    """The offsets that a column of dates is written with, where no time zone explains them."""
    form = column.text or {}
    if not form.get("offset") or form.get("zone"):
        return []
    found = {match.group() for text in raw.table.column(column.name).to_pylist() if text and (match := OFFSET.search(str(text).strip()))}
    return sorted(found)


def _kind_of(raw: RawTable, name: str) -> str:
    """The kind of a column's values; numbers that are all different are numbers, and not the identifiers that they would be in a table."""
    table = RawTable(raw.table.select([name]), raw.format, raw.name)
    try:
        kind = infer_columns(table)[0].kind
    except DataError:
        return "number"  # it is refused with its reason, unless others are named
    if kind != "identifier":
        return kind
    try:
        return infer_columns(table, {name: {"kind": "number"}})[0].kind
    except DataError:
        return kind


def _kinds(raw: RawTable, roles: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    kinds = {name: {"kind": "number"} for name in roles["value"] if _kind_of(raw, name) != "constant"}
    for name in [*roles["id"], *roles["static"]]:
        kinds[name] = {"kind": "category"}
    return kinds


def _refused_columns(columns: Mapping[str, Column], values: Mapping[str, ColumnValues], roles: Mapping[str, Sequence[str]]) -> list[str]:
    """Columns that cannot be what they are to be, with the reason."""
    found = []
    for name in roles["time"]:
        if columns[name].kind not in {"datetime", "number"}:
            found.append(f"Column {name!r} is no time: {columns[name].reason}. Dates and numbers work.")
        elif values[name].missing.any():
            found.append(f"Column {name!r}, the time, is missing in row {_row(values[name].missing)}. Each row needs a time.")
    for name in roles["value"]:
        numbers = values[name].numbers
        if numbers is None or np.isnan(numbers).all() or np.nanmin(numbers) == np.nanmax(numbers):
            found.append(f"Column {name!r} has nothing to learn: {columns[name].reason}. Leave it out of --value.")
    for name in roles["id"]:
        if values[name].missing.any():
            found.append(f"Column {name!r}, which says the series, is missing in row {_row(values[name].missing)}. Each row needs one.")
    return found


def _row(where: np.ndarray) -> str:
    """The first row where something holds, counted from 1 below the names, and how many others there are."""
    rows = np.flatnonzero(where)
    return row_and_others(int(rows[0]) + 1, len(rows) - 1)
