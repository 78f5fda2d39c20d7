"""Whether a table looks like time series, and how it would be read as such."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sparring.data.series.frequency import find_frequency, usual_interval
from sparring.data.series.series_rows import MOST_CATEGORIES
from sparring.data.tables.columns import DISCRETE, Column, ColumnValues
from sparring.data.tables.date_parts import local_times, zone_of

FEWEST_STEPS, FEWEST_OF_BLOCKS, FEWEST_BLOCKS = 20, 8, 10
"""Steps that series have at least; those of series that no time or name tells apart, and how many of these there are at least."""
REGULAR_SHARE = 0.5
"""Share of the intervals that have to be the usual one: events come when they like, series in steps."""
WALK_STEPS, WALK_RATIOS, LARGEST_STEP, STEPS_ALIKE = 20, (0.4, 2.5), 0.2, 0.25
"""What prices do: logarithms move in so many steps that many times as much, in variance, as in one (within these factors); one step's
deviation is small; and a step says little of the next one, by their correlation."""
COUNTERS = ("time", "timestamp", "t", "step", "tick", "unix", "epoch", "year", "month", "week", "day", "hour")
"""Names of columns of numbers that are times."""


@dataclass(frozen=True)
class SeriesSuggestion:
    """How a table would be read as series."""

    settings: Mapping[str, Any]
    """Those of SeriesReading that have to be named."""
    value: tuple[str, ...]
    static: tuple[str, ...]
    id: str | None
    count: int
    """Number of series."""
    returns: bool
    """Whether the values move like prices."""
    interval: str
    """How far apart steps are, in words: "every day"."""

    @property
    def sentence(self) -> str:
        """What the table looks like."""
        several = f"{self.count:,} time series" + (f" (one for each {self.id})" if self.id else "")
        prices = ", which moves like a price" if len(self.value) == 1 else ", which move like prices"
        names = ", ".join(self.value[:4]) + (", ..." if len(self.value) > 4 else "")
        series = "a time series" if self.count == 1 else several
        return f"This looks like {series} of {names}, {self.interval}{prices if self.returns else ''}."


def suggest_series(columns: Sequence[Column], values: Mapping[str, ColumnValues]) -> SeriesSuggestion | None:
    """How a table with these columns would be read as series; None if it does not look like any."""
    times = [column for column in columns if column.kind == "datetime"]
    named = [column for column in columns if column.kind == "number" and column.name.lower() in COUNTERS]
    if not times and len(named) == 1 and _counts(np.asarray(values[named[0].name].numbers)):
        times = named
    if len(times) == 1:
        return _timed(times[0], columns, values)
    return None if times else _in_blocks(columns, values)


def _timed(time: Column, columns: Sequence[Column], values: Mapping[str, ColumnValues]) -> SeriesSuggestion | None:
    moments = np.asarray(values[time.name].numbers, np.float64)
    if len(moments) < FEWEST_STEPS or np.isnan(moments).any():
        return None
    if time.kind == "datetime" and usual_interval([np.unique(moments)])[0] >= 86_400:
        moments = local_times(moments, zone_of(time))
    for candidate in (None, *id_candidates(columns, values)):
        owner = np.zeros(len(moments), np.int64) if candidate is None else codes_of(candidate, values)
        order = np.lexsort((moments, owner))
        if not _tells_apart(owner[order], moments[order]):
            continue
        begins = np.flatnonzero(np.diff(owner[order], prepend=-1))
        pieces = np.split(moments[order], begins[1:])
        if np.median([len(piece) for piece in pieces]) < FEWEST_STEPS:
            continue
        frequency, share = find_frequency(pieces)
        if share < REGULAR_SHARE:
            continue
        named = {} if time.kind == "datetime" else {"time": time.name}
        interval = f"a step {frequency}" if time.kind == "datetime" else f"by {time.name}"
        return _suggestion(named, candidate, interval, columns, values, order, begins, {time.name})
    return None


def _in_blocks(columns: Sequence[Column], values: Mapping[str, ColumnValues]) -> SeriesSuggestion | None:
    """Series one below the other that are equally long, which attributes tell apart, and nothing else."""
    categories = [column for column in columns if column.kind in DISCRETE]
    if not categories:
        return None
    codes = np.stack([codes_of(column, values) for column in categories])
    changes = np.flatnonzero((np.diff(codes, axis=1) != 0).any(axis=0)) + 1
    rows = codes.shape[1]
    length = int(np.gcd.reduce(np.append(changes, rows)))
    if length < FEWEST_OF_BLOCKS or rows // length < FEWEST_BLOCKS or len(changes) < FEWEST_BLOCKS:
        return None
    begins = np.arange(0, rows, length)
    return _suggestion({"rows_per_series": length}, None, f"{length} rows each", columns, values, np.arange(rows), begins, set())


def _suggestion(
    named: dict[str, Any],
    owner: Column | None,
    interval: str,
    columns: Sequence[Column],
    values: Mapping[str, ColumnValues],
    order: Int64[np.ndarray, " rows"],
    begins: Int64[np.ndarray, " series"],
    used: set[str],
) -> SeriesSuggestion | None:
    """What the columns that are left are for. `order`: rows by series and time; `begins`: where in it series begin."""
    used = used | ({owner.name} if owner is not None else set())
    inside = np.ones(len(order), bool)
    inside[begins] = False
    numbers = {column.name: np.asarray(values[column.name].numbers)[order] for column in columns if column.kind == "number"}
    learned = [name for name, each in numbers.items() if name not in used and _varies(each, inside) and not _counts(each)]
    if not learned:
        return None
    static = tuple(
        column.name
        for column in columns
        if column.name not in used
        and column.kind in DISCRETE
        and len(values[column.name].categories) <= MOST_CATEGORIES
        and len(begins) > 1
        if not _varies(codes_of(column, values)[order].astype(np.float64), inside)
    )
    walking = [name for name in learned if walks(numbers[name], inside)]
    value = tuple(walking or learned)
    settings = dict(named)
    if owner is not None:
        settings["id"] = owner.name
    if len(value) < len([name for name in numbers if name not in used]):
        settings["value"] = value
    if static:
        settings["static"] = static
    if walking:
        settings["returns"] = True
    return SeriesSuggestion(settings, value, static, None if owner is None else owner.name, len(begins), bool(walking), interval)


def id_candidates(columns: Sequence[Column], values: Mapping[str, ColumnValues]) -> list[Column]:
    """Columns that may say which series a row is of, those with few values first."""
    counts = {}
    for column in columns:
        codes = codes_of(column, values) if column.kind in DISCRETE or (column.kind == "number" and column.step == 1) else None
        if codes is not None and 1 < (count := len(np.unique(codes))) <= len(codes) // FEWEST_STEPS and codes.min() >= 0:
            counts[column.name] = (column.kind == "number", count)
    return sorted((column for column in columns if column.name in counts), key=lambda column: counts[column.name])


def codes_of(column: Column, values: Mapping[str, ColumnValues]) -> Int64[np.ndarray, " rows"]:
    """Each row's value as a number from 0 on; -1: missing."""
    each = values[column.name]
    if each.codes is not None:
        return each.codes.astype(np.int64)
    numbers = np.asarray(each.numbers)
    return np.where(np.isnan(numbers), -1, np.unique(numbers, return_inverse=True)[1]).astype(np.int64)


def _tells_apart(owner: Int64[np.ndarray, " rows"], moments: Float64[np.ndarray, " rows"]) -> bool:
    """Whether no series has a time twice. Both are sorted."""
    return not ((np.diff(owner) == 0) & (np.diff(moments) == 0)).any()


def _varies(numbers: Float64[np.ndarray, " rows"], inside: Bool[np.ndarray, " rows"]) -> bool:
    """Whether a column changes within series."""
    return bool((np.abs(np.diff(numbers, prepend=np.nan))[inside] > 0).any())


def _counts(numbers: Float64[np.ndarray, " rows"]) -> bool:
    """Whether a column rises by the same from row to row, as the numbers of rows do."""
    steps = np.diff(numbers)
    return len(steps) > 1 and bool(steps[0] > 0) and bool(np.isclose(steps, steps[0]).all())


def walks(numbers: Float64[np.ndarray, " rows"], inside: Bool[np.ndarray, " rows"]) -> bool:
    """Whether a column moves like a price: positive, by small steps that are independent of each other."""
    there = ~np.isnan(numbers)
    if not (numbers[there] > 0).all() or len(numbers) <= 2 * WALK_STEPS:
        return False
    logs = np.log(np.where(there, numbers, 1.0))
    series = np.cumsum(~inside)
    far = (series[WALK_STEPS:] == series[:-WALK_STEPS]) & there[WALK_STEPS:] & there[:-WALK_STEPS]
    steps = np.where(inside[1:] & there[1:] & there[:-1], np.diff(logs), np.nan)
    present = ~np.isnan(steps)
    both = present[1:] & present[:-1]
    if far.sum() < WALK_STEPS or both.sum() < WALK_STEPS or not (variance := float(np.var(steps[present]))) > 0:
        return False
    alike = float(np.mean(steps[1:][both] * steps[:-1][both])) / variance
    ratio = float(np.var((logs[WALK_STEPS:] - logs[:-WALK_STEPS])[far])) / (WALK_STEPS * variance)
    return abs(alike) < STEPS_ALIKE and WALK_RATIOS[0] <= ratio <= WALK_RATIOS[1] and variance**0.5 < LARGEST_STEP
