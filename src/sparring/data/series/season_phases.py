"""Where in the season each step of a series is."""

import numpy as np
from jaxtyping import Float64, Int64

from sparring.data.series.frequency import DAY, YEAR, Frequency


def phases_of(times: Float64[np.ndarray, "*n"], frequency: Frequency, season: int) -> Int64[np.ndarray, "*n"]:
    """The phase of each step in a season of so many steps, from 0 to `season` - 1. `times`: of local clocks, in seconds since 1970 (without
    times: numbers of steps). A week of business days begins on Monday, a year with its first day, and other seasons with the first step of
    1970.
    """
    if frequency.kind == "business days" and season == 5:
        weekday = (np.floor(times / DAY).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        return np.minimum(weekday, 4)
    if frequency.kind == "business days":
        days = np.floor(times / DAY).astype(np.int64).astype("datetime64[D]")
        return np.busday_count(np.datetime64("1970-01-01"), days) % season
    if frequency.kind == "months":
        months = np.floor(times / DAY).astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return np.round(months / frequency.size).astype(np.int64) % season
    if frequency.kind == "seconds" and season == frequency.season and season * frequency.size > 8 * DAY:  # a year, of a fractional number
        return np.minimum((times / YEAR % 1 * season).astype(np.int64), season - 1)
    return np.round(times / frequency.size).astype(np.int64) % season
