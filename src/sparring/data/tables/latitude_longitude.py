"""Pairs of columns that are latitude and longitude."""

import re
from collections.abc import Sequence
from dataclasses import replace

from sparring.data.tables.columns import Column

_LATITUDE, _LONGITUDE = re.compile(r"lat(itude)?", re.IGNORECASE), re.compile(r"(lon|lng|long)(itude)?", re.IGNORECASE)
_RANGE = re.compile(r"numbers from (-?[\d.]+) to (-?[\d.]+)")


def with_coordinates(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns, with pairs of latitude and longitude said to be so in their reasons.

    Values must allow it (within 90 and 180 degrees, three decimals or more), and names must say so: neither decides alone. The columns
    stay numbers.
    """
    found = list(columns)
    fits = {index: span for index, column in enumerate(columns) if (span := _degrees(column)) is not None}
    for first, second in zip(fits, list(fits)[1:], strict=False):
        for latitude, longitude in ((first, second), (second, first)):
            if fits[latitude] <= 90 and _named(columns[latitude], _LATITUDE) and _named(columns[longitude], _LONGITUDE):
                for index, what in ((latitude, "latitude"), (longitude, "longitude")):
                    other = columns[longitude if index == latitude else latitude].name
                    found[index] = replace(columns[index], reason=f"{columns[index].reason}: {what}, with {other!r} a place on the globe")
    return tuple(found)


def _named(column: Column, pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(part) for part in re.split(r"[^A-Za-z]+", column.name))


def _degrees(column: Column) -> float | None:
    """The largest absolute value of a column of numbers with decimals that could be degrees."""
    span = _RANGE.match(column.reason)
    if column.kind != "number" or span is None or (column.step is not None and column.step > 0.001):
        return None
    largest = max(abs(float(each)) for each in span.groups())
    return largest if largest <= 180 else None
