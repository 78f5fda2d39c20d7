"""Values of columns as people read them."""

from datetime import UTC, datetime, timedelta

import numpy as np

from sparring.data.tables.columns import Column, ColumnValues


def cell_text(column: Column, values: ColumnValues, row: int) -> str:
    """One value as people read it; empty where it is missing."""
    if values.numbers is None:
        assert values.codes is not None
        code = values.codes[row]
        return "" if code < 0 else values.categories[code]
    return number_text(column, float(values.numbers[row]))


def number_text(column: Column, value: float) -> str:
    """A number of a column in its kind's way of writing: as a date, a duration or a number; empty for NaN."""
    if np.isnan(value):
        return ""
    if column.kind == "duration":
        return str(timedelta(seconds=value)) if abs(value) < 8e13 else f"{value:g} s"
    if column.kind == "datetime":
        if not -6e10 < value < 2.5e11:
            return f"{value:g} s"
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
        return when.strftime("%Y-%m-%d") if column.step and column.step % 86_400 == 0 else when.strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"
