"""Columns of numbers, dates and durations: their steps, and numbers that only count or name."""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from sparring.core.formatting import plural
from sparring.data.tables.columns import Column
from sparring.data.tables.date_text import date_format, read_dates, write_dates

MOST_DECIMALS = 6
NATURAL_STEPS = (86_400.0, 3_600.0, 1_800.0, 900.0, 300.0, 60.0, 1.0, 0.1, 0.01, 0.001, 1e-6)
"""Steps of dates and durations, in seconds."""
DISTINCT_FOR_STEP = 10
"""So many distinct values must have a step that is more than their decimals tell: among fewer it may be chance."""
ROWS_OF_SERIALS = 20
_ROWS_OF_RANDOM_NUMBERS = 100
_NAMES = {86_400.0: "a day", 3_600.0: "an hour", 1_800.0: "half an hour", 900.0: "15 minutes", 300.0: "5 minutes", 60.0: "a minute"}


def step_of(distinct: Float64[np.ndarray, " d"]) -> float | None:
    """The step of sorted distinct numbers: all lie on a grid of it from the smallest one. None if there is none of 0.000001 or more."""
    for decimals in range(MOST_DECIMALS + 1):
        scale = 10.0**decimals
        scaled = distinct * scale
        whole = np.round(scaled)
        if np.abs(whole).max() >= 2**53:
            return None
        # 0.1 + 0.2 and 0.3 are the same number for a person.
        if (np.abs(scaled - whole) <= np.maximum(np.abs(scaled), 1) * 1e-12).all():
            if len(distinct) < DISTINCT_FOR_STEP:
                return 1 / scale
            common = int(np.gcd.reduce((whole - whole[0]).astype(np.int64)))
            return common / scale
    return None


def natural_step(distinct: Float64[np.ndarray, " d"]) -> float | None:
    """The largest of `NATURAL_STEPS` of which all sorted distinct seconds are multiples from the smallest one."""
    differences = distinct - distinct[0]
    for step in NATURAL_STEPS:
        if (np.abs(differences - np.round(differences / step) * step) <= 2e-7).all():
            return step
    return None


def number_column(column: Column, numbers: Float64[np.ndarray, " n"], *, keep: bool = False) -> Column:
    """A column of numbers (NaN where missing): a number, or a constant, a boolean of 0 and 1, or an identifier that only counts rows.

    With `keep` it stays a number.
    """
    present = numbers[~np.isnan(numbers)]
    distinct = np.unique(present)
    whole = bool(len(distinct)) and bool((distinct == np.round(distinct)).all())
    if len(distinct) == 0:
        return replace(column, kind="constant", reason="every value is missing")
    if len(distinct) == 1 and len(present) == len(numbers):
        return replace(column, kind="constant", reason=f"the only value is {_shown(distinct[0])}")
    if not keep and distinct.tolist() == [0.0, 1.0]:
        return replace(column, kind="boolean", reason="two values, 0 and 1")
    if not keep and whole and len(present) == len(numbers) and len(distinct) == len(numbers) and (why := _names_rows(numbers, distinct)):
        return replace(column, kind="identifier", reason=why)
    step = step_of(distinct)
    what = "integers" if whole else "numbers"
    by = f" in steps of {_shown(step)}" if step is not None and (step > 1 if whole else True) else ""
    values = plural(len(distinct), "distinct value", "distinct values")
    return replace(
        column, kind="number", step=step, reason=f"{what} from {_shown(distinct[0])} to {_shown(distinct[-1])}{by} with {values}"
    )


def _names_rows(numbers: Float64[np.ndarray, " n"], distinct: Float64[np.ndarray, " n"]) -> str:
    """Why distinct integers name rows and measure nothing, or an empty text."""
    count, low, high = len(distinct), int(distinct[0]), int(distinct[-1])
    if count < ROWS_OF_SERIALS or low < 0:
        return ""
    in_order = bool((np.diff(numbers) > 0).all())
    if in_order and low in {0, 1} and high - low + 1 == count:
        return f"every value is different: they count the rows from {low} to {high:,}"
    if in_order and low >= 1500 and high <= 2200:
        return ""  # years, one row for each
    # Independent draws of so few integers would have many pairs of the same.
    if (high - low + 1 <= 1.5 * count and count >= 50) or count * (count - 1) / 2 / (high - low + 1) > 30:
        return f"every value is different among the integers from {low} to {high}: serial numbers"
    digits = len(str(high))
    if count >= _ROWS_OF_RANDOM_NUMBERS and digits >= 6 and len(str(low)) == digits and _is_uniform(distinct):
        return f"every value is different, evenly spread over integers of {digits} digits: numbers that name and do not measure"
    return ""


def _is_uniform(distinct: Float64[np.ndarray, " n"]) -> bool:
    """Whether sorted numbers pass Kolmogorov and Smirnov's test for an even spread over all integers of their digits (at 5 %)."""
    low, high = 10.0 ** (len(str(int(distinct[0]))) - 1), 10.0 ** len(str(int(distinct[-1])))
    expected = (distinct - low) / (high - low)
    steps = (np.arange(len(distinct)) + 0.5) / len(distinct)
    return float(np.abs(expected - steps).max()) < 1.36 / math.sqrt(len(distinct))


def date_column(column: Column, numbers: Float64[np.ndarray, " n"], *, typed: bool = False) -> Column | None:
    """A column of dates from seconds (`typed`), or from integers such as 20230623, or None if those are no dates."""
    present = numbers[~np.isnan(numbers)]
    distinct = np.unique(present)
    if not typed:
        if len(distinct) < 2 or distinct[0] < 18_000_101 or distinct[-1] > 22_001_231 or (distinct != np.round(distinct)).any():
            return None
        texts = [f"{number:.0f}" for number in distinct.tolist()]
        form = date_format(texts)
        if form is None or form["pattern"] != "%Y%m%d":
            return None
        seconds = read_dates(texts, form)
        return replace(date_kind(column, seconds, len(present) < len(numbers)), text=form)
    return date_kind(column, distinct, len(present) < len(numbers))


def date_kind(column: Column, distinct: Float64[np.ndarray, " d"], has_gaps: bool, zone: str = "") -> Column:
    """A column of dates (sorted distinct seconds since 1970), or a constant if there is only one and no gaps."""
    if len(distinct) == 0:
        return replace(column, kind="constant", reason="every value is missing")
    zone = zone or (column.arrow_type.partition("tz=")[2].rstrip("]"))
    step = natural_step(distinct)
    days = bool(step == 86_400.0 and distinct[0] % 86_400 == 0)
    first, last = (_moment(number, days) for number in (distinct[0], distinct[-1]))
    if len(distinct) == 1 and not has_gaps:
        return replace(column, kind="constant", reason=f"the only value is {first}")
    by = f" in steps of {_NAMES[step]}" if step in _NAMES and not days else ""
    written = f" in UTC (zone {zone})" if zone and zone not in {"UTC", "Z"} else " in UTC" if zone else ""
    values = plural(len(distinct), "distinct value", "distinct values")
    what = "dates" if days else "dates with times"
    return replace(column, kind="datetime", step=step, reason=f"{what} from {first} to {last}{written}{by} with {values}")


def duration_column(column: Column, numbers: Float64[np.ndarray, " n"], *, of_day: bool) -> Column:
    """A column of durations or of times of day, in seconds."""
    present = numbers[~np.isnan(numbers)]
    distinct = np.unique(present)
    if len(distinct) == 0:
        return replace(column, kind="constant", reason="every value is missing")
    if len(distinct) == 1 and len(present) == len(numbers):
        return replace(column, kind="constant", reason=f"the only value is {_clock(distinct[0])}")
    step = natural_step(distinct)
    by = f" in steps of {_NAMES[step]}" if step in _NAMES else ""
    what = "times of day" if of_day else "durations"
    values = plural(len(distinct), "distinct value", "distinct values")
    return replace(
        column, kind="duration", step=step, reason=f"{what} from {_clock(distinct[0])} to {_clock(distinct[-1])}{by} with {values}"
    )


def _clock(seconds: float) -> str:
    whole = abs(int(seconds))
    days = f"{whole // 86_400} days " if whole >= 86_400 else ""
    return f"{'-' if seconds < 0 else ''}{days}{whole % 86_400 // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _moment(seconds: float, days: bool) -> str:
    pattern = "%Y-%m-%d" if days else "%Y-%m-%d %H:%M:%S"
    return write_dates(np.array([seconds]), {"pattern": pattern})[0]


def _shown(number: float) -> str:
    """A number as a person writes it; no thousands separators, so that it can be searched for."""
    return f"{number:.0f}" if number == round(number) and abs(number) < 1e15 else f"{number:.6g}"
