"""Dates with times as two numbers: the day, and the time of day, each of which a model can learn.

The rank of a moment within years says nothing of its hour. Days and times are local where the column has a time zone.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from jaxtyping import Float64

from sparring.data.tables.columns import Column, ColumnValues, TableValues

DAY = 86_400.0
SHORTEST = 3 * DAY
"""Columns that span less time than this are not split."""
TIME_OF_DAY = " (time of day)"
"""Follows the name of a column in the name of its times."""


def split_dates(
    values: TableValues, columns: Sequence[Column], skipped: Sequence[str] = (), names: Collection[str] | None = None
) -> dict[str, ColumnValues]:
    """Values in which each column of dates with times has become days (under its name) and times of day, in seconds. `names`: of the
    columns of an earlier split, which is repeated; None: columns are split by their values.
    """
    kinds = {column.name: column for column in columns}
    found: dict[str, ColumnValues] = {}
    for name, each in values.items():
        column = kinds[name]
        splits = name not in skipped if names is None else name + TIME_OF_DAY in names
        if each.numbers is None or column.kind != "datetime" or not splits or (names is None and not has_times(each.numbers)):
            found[name] = each
            continue
        local = local_times(each.numbers, zone_of(column))
        days = np.floor(local / DAY) * DAY
        found[name] = ColumnValues(numbers=days)
        found[name + TIME_OF_DAY] = ColumnValues(numbers=local - days)
    return found


def join_dates(values: TableValues, columns: Mapping[str, Column]) -> dict[str, ColumnValues]:
    """The inverse of `split_dates`; a date is missing where its day is. Times that the local clock skips or repeats are the first ones."""
    found: dict[str, ColumnValues] = {}
    for name, each in values.items():
        if name.endswith(TIME_OF_DAY) and name.removesuffix(TIME_OF_DAY) in values:
            continue
        times = values.get(name + TIME_OF_DAY)
        if each.numbers is None or times is None or times.numbers is None:
            found[name] = each
            continue
        zone = zone_of(columns[name])
        local = each.numbers + np.nan_to_num(times.numbers)
        found[name] = ColumnValues(numbers=utc_times(local, zone))
    return found


def has_times(numbers: Float64[np.ndarray, " n"]) -> bool:
    """Whether moments span days and are not all at the same time of day."""
    present = numbers[~np.isnan(numbers)]
    return len(present) > 1 and np.ptp(present) >= SHORTEST and len(np.unique(present[:10_000] % DAY)) > 1


def zone_of(column: Column) -> ZoneInfo | None:
    """The time zone of a column's type; None for dates without one, or at a fixed offset."""
    _, found, rest = column.arrow_type.partition("tz=")
    name = rest.strip(" ]") if found else str((column.text or {}).get("zone", ""))
    try:
        return ZoneInfo(name) if name and name != "UTC" else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def local_times(moments: Float64[np.ndarray, "*n"], zone: ZoneInfo | None) -> Float64[np.ndarray, "*n"]:
    """Moments (seconds since 1970 UTC) by local clocks."""
    return moments + offsets(moments.ravel(), zone).reshape(moments.shape)


def utc_times(local: Float64[np.ndarray, "*n"], zone: ZoneInfo | None) -> Float64[np.ndarray, "*n"]:
    """The inverse of `local_times`. Of times that local clocks skip or repeat, it is the first one."""
    flat = local.ravel()
    return (flat - offsets(flat - offsets(flat, zone), zone)).reshape(local.shape)


def offsets(moments: Float64[np.ndarray, " n"], zone: ZoneInfo | None) -> Float64[np.ndarray, " n"]:
    """Seconds that local clocks are ahead of UTC at these moments (seconds since 1970 UTC); looked up by the hour."""
    if zone is None:
        return np.zeros(len(moments))
    hours = np.floor(np.nan_to_num(moments) / 3600)
    distinct, place = np.unique(hours, return_inverse=True)
    found = []
    for hour in distinct:
        try:
            found.append(datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).utcoffset().total_seconds())  # pyright: ignore[reportOptionalMemberAccess]
        except (OverflowError, ValueError, OSError):
            found.append(0.0)
    return np.asarray(found)[place]
