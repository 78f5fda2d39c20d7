"""Where in the season each step of a series is."""

import numpy as np
from jaxtyping import Float64, Int64

from sparring.data.series.frequency import DAY, YEAR, Frequency

ROUNDING = 1e-3
"""Part of a step by which the number of a step may be wrong: features of the calendar have single precision."""


def whole_steps(numbers: Float64[np.ndarray, "*n"]) -> Int64[np.ndarray, "*n"]:
    """Numbers of steps without their fractions, which every step has where steps begin at half past the hour, or at noon."""
    return np.floor(numbers + ROUNDING).astype(np.int64)


def phases_of(times: Float64[np.ndarray, "*n"], frequency: Frequency, season: int) -> Int64[np.ndarray, "*n"]:
    """The phase of each step in a season of so many steps, from 0 to `season` - 1. `times`: of local clocks, in seconds since 1970 (without
    times: numbers of steps). A week of business days begins on Monday, a year with its first day, and other seasons with the first step of
    1970. A step that begins between two of these counts as the earlier one.
    """
    if frequency.kind == "business days" and season == 5:
        weekday = (np.floor(times / DAY).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        return np.minimum(weekday, 4)
    if frequency.kind == "business days":
        days = np.floor(times / DAY).astype(np.int64).astype("datetime64[D]")
        return np.busday_count(np.datetime64("1970-01-01"), days) % season
    if frequency.kind == "months":
        months = np.floor(times / DAY).astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return months // int(frequency.size) % season
    if frequency.kind == "seconds" and season == frequency.season and season * frequency.size > 8 * DAY:  # a year, of a fractional number
        return np.minimum((times / YEAR % 1 * season).astype(np.int64), season - 1)
    return whole_steps(times / frequency.size) % season
