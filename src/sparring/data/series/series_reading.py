"""How a table becomes series: settings."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sparring.core.settings_checks import Ranges
from sparring.data.series.frequency import interval_seconds


@dataclass(frozen=True, kw_only=True)
class SeriesReading:
    """How a table becomes series."""

    ranges: ClassVar[Ranges] = {
        "window": {"at least": 4, "at most": 2**16},
        "past": {"at least": 0, "at most": 2**16},
        "rows_per_series": {"at least": 2},
        "period": {"at least": 2},
    }

    time: str | None = None
    """Column of the time. None: the only column of dates; without any, rows are steps in their order."""
    value: tuple[str, ...] = ()
    """Columns of the values. None given: all columns of numbers."""
    id: str | None = None
    """Column that says which series a row is of. None: all rows are one series."""
    static: tuple[str, ...] = ()
    """Columns of attributes that are constant in each series (DoppelGANger's form)."""
    returns: bool = False
    """Learn log returns in place of values, such as prices. Samples come back as values."""
    window: int | None = None
    """Number of steps in a window. None: as many as the recipe usually has, or fewer of short series."""
    past: int | None = None
    """Number of steps at the beginning of a window that the generator is given. None: as many as the recipe usually has. 0 for recipes
    that generate whole windows."""
    every: str | None = None
    """Interval to which series are resampled, by the mean of the values in each: 30min, 1h, 1d, 1w. None: steps stay as they are."""
    gaps: Literal["leave out", "fill"] = "leave out"
    """What happens to missing values: windows with any are left out; or they are filled along straight lines."""
    rows_per_series: int | None = None
    """Number of rows of each series, where no column says which series a row is of."""
    period: int | None = None
    """Number of steps after which a season comes round. None: a day, a week or a year, as the steps are."""

    def problems(self) -> list[str]:
        """Settings that do not work together, each a sentence."""
        found = []
        if self.every is not None and interval_seconds(self.every) is None:
            found.append(f"every={self.every!r} is no interval. Write a number and a unit: 30s, 15min, 1h, 1d or 1w.")
        if self.id is not None and self.rows_per_series is not None:
            found.append("id and rows_per_series both say which series a row is of. Leave one of them out.")
        if self.window is not None and self.past is not None and self.past >= self.window:
            found.append(
                f"past ({self.past}) must leave steps of a window of {self.window} to generate. Make window larger, or past smaller."
            )
        return found

    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns that are named, by what for."""
        named: dict[str, Any] = {"time": self.time, "id": self.id, "value": self.value, "static": self.static}
        return {use: (name,) if isinstance(name, str) else tuple(name) for use, name in named.items() if name}
