"""How far apart the steps of series are: which times come next, and what the calendar says of each."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float32, Float64, Int64

DAY = 86_400.0
YEAR = 365.2425 * DAY
FrequencyKind = Literal["seconds", "business days", "months", "steps"]
UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": DAY, "day": DAY, "w": 7 * DAY, "week": 7 * DAY}
"""Seconds of the units that intervals are written in."""
REGULAR = 0.9
"""Share of the intervals that have to be the usual one for steps to count as regular."""


@dataclass(frozen=True)
class Frequency:
    """How far apart steps are."""

    kind: FrequencyKind
    """Equal intervals; days without weekends; months; or steps that have no time."""
    size: float = 1.0
    """Length of a step: in seconds, or in months."""

    def __str__(self) -> str:
        if self.kind == "seconds":
            return f"every {interval_text(self.size)}"
        if self.kind == "months":
            return "every month" if self.size == 1 else f"every {self.size:g} months"
        return {"business days": "every business day", "steps": "without times"}[self.kind]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Frequency":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no frequency."""
        found = cls(value["kind"], float(value["size"]))
        if found.kind not in get_args(FrequencyKind) or not found.size > 0:
            raise ValueError(f"no frequency is {value}")
        return found

    @property
    def by_local_clocks(self) -> bool:
        """Whether times are of local clocks. Those of steps shorter than a day are UTC: local clocks leave out an hour and repeat one."""
        return self.kind != "seconds" or self.size >= DAY

    @property
    def season(self) -> int | None:
        """Number of steps after which a season usually comes round: a day, a week (of days) or a year (of months). None: none is known."""
        if self.kind == "business days":
            return 5
        if self.kind == "months":
            return max(2, round(12 / self.size)) if self.size < 12 else None
        if self.kind == "steps":
            return None
        round_trip = DAY if self.size <= DAY / 2 else 7 * DAY if self.size <= 3.5 * DAY else YEAR
        steps = round(round_trip / self.size)
        return steps if steps > 1 else None

    def after(self, last: float, count: int) -> Float64[np.ndarray, " {count}"]:
        """The times of the next `count` steps after `last`, in seconds since 1970 (without times: whole numbers)."""
        numbers = np.arange(1, count + 1)
        if self.kind in {"seconds", "steps"}:
            return last + numbers * self.size
        day, rest = divmod(last, DAY)
        date = np.datetime64(int(day), "D")
        if self.kind == "business days":
            return np.busday_offset(date, numbers, roll="backward").astype(np.int64) * DAY + rest
        month = date.astype("datetime64[M]")
        months = month + (numbers * int(self.size)).astype("timedelta64[M]")
        firsts = months.astype("datetime64[D]")
        lengths = ((months + np.timedelta64(1, "M")).astype("datetime64[D]") - firsts).astype(np.int64)
        of_month = int((date - month.astype("datetime64[D]")).astype(np.int64))
        was_last = of_month + 1 == int(
            ((month + np.timedelta64(1, "M")).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(int)
        )
        days = lengths - 1 if was_last else np.minimum(of_month, lengths - 1)
        return (firsts.astype(np.int64) + days) * DAY + rest

    def between(self, times: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " less_one"]:
        """Number of steps from each time to the next one, which is 1 where none is missing."""
        if self.kind in {"seconds", "steps"}:
            return np.diff(times) / self.size
        days = np.floor(times / DAY).astype(np.int64).astype("datetime64[D]")
        if self.kind == "business days":
            return np.busday_count(days[:-1], days[1:]).astype(np.float64)
        return np.diff(days.astype("datetime64[M]").astype(np.int64)) / self.size

    def calendar(self, span: float, season: int | None) -> tuple[str, ...]:
        """Which features of the calendar steps can have: where data of `span` seconds sees each of them more than once."""
        if self.kind == "steps":
            return ("season",) if season else ()
        step = self.size if self.kind == "seconds" else DAY if self.kind == "business days" else 30 * DAY
        found = []
        if step <= DAY / 2 and span >= 2 * DAY:
            found.append("time of day")
        if step <= 2 * DAY and span >= 14 * DAY:
            found.append("day of week")
        if step <= 92 * DAY and span >= 2 * YEAR:
            found.append("time of year")
        return tuple(found)


def interval_text(seconds: float) -> str:
    """An interval in words: "30 minutes"."""
    for name, unit in (("week", 7 * DAY), ("day", DAY), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= unit and math.isclose(seconds / unit, round(seconds / unit), rel_tol=1e-9):
            count = round(seconds / unit)
            return name if count == 1 else f"{count} {name}s"
    return f"{seconds:g} seconds" if seconds != 1 else "second"


def interval_seconds(text: str) -> float | None:
    """Seconds of an interval as people write it: "30min", "1 h", "2 days". None for what is none."""
    text = text.strip().lower()
    number = "".join(letter for letter in text if letter.isdigit() or letter == ".")
    unit = text[len(number) :].strip() if text.startswith(number) else ""
    scale = UNITS.get(unit) or UNITS.get(unit.removesuffix("s")) or UNITS.get(unit.removesuffix("utes").removesuffix("ute"))
    try:
        found = (float(number) if number else 1.0) * scale if scale else None
    except ValueError:
        return None
    return found if found and found > 0 else None


def find_frequency(times: Sequence[Float64[np.ndarray, " _"]]) -> tuple[Frequency, float]:
    """The usual interval of steps of series (sorted times of each, in seconds since 1970), and the share of intervals that are so long."""
    usual, share = usual_interval(times)
    if usual == DAY:
        weekdays = np.concatenate([(np.floor(each / DAY) + 3) % 7 for each in times])  # 1970-01-01 was a Thursday; Monday is 0
        if not np.isin(weekdays, (5, 6)).any() and len(weekdays) >= 5:
            between = np.concatenate([Frequency("business days").between(each) for each in times])
            return Frequency("business days"), float(np.mean(between == 1)) if len(between) else 1.0
    count = sum(max(0, len(each) - 1) for each in times)
    if 28 * DAY <= usual <= 366 * DAY and (share < REGULAR or count < 3 or usual >= 365 * DAY):  # months are not all as long
        between = np.concatenate([Frequency("months").between(each) for each in times])
        sizes, counts = np.unique(between, return_counts=True)
        if sizes[counts.argmax()] >= 1:
            return Frequency("months", float(sizes[counts.argmax()])), float(counts.max() / counts.sum())
    return Frequency("seconds", usual), share


def usual_interval(times: Sequence[Float64[np.ndarray, " _"]]) -> tuple[float, float]:
    """The most frequent interval between steps of series (1 if there is none), and the share of intervals that are so long."""
    steps = np.concatenate([np.diff(each) for each in times])
    sizes, counts = np.unique(np.round(steps, 3), return_counts=True)
    return (float(sizes[counts.argmax()]), float(counts.max() / counts.sum())) if len(sizes) else (1.0, 1.0)


def on_grid(times: Float64[np.ndarray, " n"], size: float) -> Int64[np.ndarray, " n"] | None:
    """The number of each time on the grid of that interval from the first one; None if they do not all lie on it."""
    numbers = (times - times[0]) / size
    whole = np.round(numbers)
    return whole.astype(np.int64) if np.abs(numbers - whole).max() < 1e-3 else None


def calendar_features(names: Sequence[str], times: Float64[np.ndarray, "*n"], season: float | None) -> Float32[np.ndarray, "*n two_each"]:
    """Where each time stands in each round of the calendar, as a point on the unit circle: cosine and sine. `times`: of local clocks, in
    seconds since 1970 (without dates: numbers). `season`: how much time passes from one "season" to the next.
    """
    found = []
    for name in names:
        if name == "time of day":
            turn = times / DAY
        elif name == "day of week":
            turn = np.floor(times / DAY) / 7
        elif name == "time of year":
            turn = times / YEAR
        else:
            assert season, "steps without dates have a season"
            turn = times / season
        angle = 2 * np.pi * (turn % 1)
        found += [np.cos(angle), np.sin(angle)]
    return np.stack(found, axis=-1).astype(np.float32) if found else np.zeros((*times.shape, 0), np.float32)
