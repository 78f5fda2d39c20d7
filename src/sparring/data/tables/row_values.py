"""Values of rows, which constraints compare: numbers, categories, and parts of dates."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool

from sparring.data.tables.columns import ColumnValues, TableValues
from sparring.data.tables.date_text import zone_offsets

Value = str | float | None
"""One value: the text of a category, a number, or None where it is missing."""
Part = Literal["year", "quarter", "month", "day", "weekday", "isoweekday", "hour", "minute", "second"]
"""A part of a date. Weekdays count from Monday, as 0 (weekday) or 1 (isoweekday)."""
UNITS: Mapping[str, float] = {"day": 86_400, "weekday": 86_400, "isoweekday": 86_400, "hour": 3600, "minute": 60, "second": 1}
"""Seconds by which a date moves when one of its parts goes up by 1, where that is always the same."""

Rows = Bool[np.ndarray, " n"]


def numbers_in(values: TableValues, name: str) -> np.ndarray:
    """The numbers of a numeric column."""
    numbers = values[name].numbers
    assert numbers is not None, name
    return numbers


def same_values(one: ColumnValues, other: ColumnValues) -> Rows:
    """In which rows two columns of the same kind and categories have the same value; missing is the same as missing."""
    if one.numbers is not None and other.numbers is not None:
        return (one.numbers == other.numbers) | (np.isnan(one.numbers) & np.isnan(other.numbers))
    assert one.codes is not None
    assert one.categories == other.categories
    return one.codes == other.codes


def ends_at(ends: Sequence[Value], places: np.ndarray, categories: tuple[str, ...]) -> ColumnValues:
    """The values at places of a list: of these categories, or numbers if there are none."""
    if categories:
        index = {text: code for code, text in enumerate(categories)}
        codes = np.array([-1 if end is None else index[str(end)] for end in ends], np.int32)
        return ColumnValues(codes=codes[places], categories=categories)
    return ColumnValues(numbers=np.array([np.nan if end is None else float(str(end)) for end in ends], np.float64)[places])


def calendar_part(seconds: np.ndarray, part: Part, zone: str | None) -> np.ndarray:
    """A part of dates (seconds since 1970, NaN where missing) in a time zone; None is UTC."""
    missing = np.isnan(seconds)
    whole = np.floor(np.where(missing, 0, seconds))
    if zone:
        whole = whole + zone_offsets(whole, zone)
    days, rest = np.divmod(whole.astype(np.int64), 86_400)
    dates = days.astype("M8[D]")
    months = dates.astype("M8[M]").astype(np.int64)
    parts = {
        "year": lambda: months // 12 + 1970,
        "quarter": lambda: months % 12 // 3 + 1,
        "month": lambda: months % 12 + 1,
        "day": lambda: (dates - dates.astype("M8[M]").astype("M8[D]")).astype(np.int64) + 1,
        "weekday": lambda: (days + 3) % 7,
        "isoweekday": lambda: (days + 3) % 7 + 1,
        "hour": lambda: rest // 3600,
        "minute": lambda: rest % 3600 // 60,
        "second": lambda: rest % 60,
    }
    return np.where(missing, np.nan, parts[part]())
