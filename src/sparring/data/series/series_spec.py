"""What one window of a series is, as networks see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
from jaxtyping import Float32, Float64, Int64

from sparring.core.data_spec import Spec
from sparring.data.series.frequency import Frequency, calendar_features
from sparring.data.series.scaling import Scaling
from sparring.data.tables.columns import Column
from sparring.data.tables.date_parts import local_times, utc_times, zone_of

REGIMES = ("low-volatility", "middle-volatility", "high-volatility")
"""Thirds of the windows by how much the first column moves in the steps after the past."""


@dataclass(frozen=True)
class ValueColumn:
    """A column of values that change from step to step."""

    name: str
    scaling: Scaling
    """Of its values; of its log returns, if `returns`."""
    returns: bool
    """Whether networks see log returns in place of values."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"name": self.name, "scaling": self.scaling.to_json(), "returns": self.returns}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ValueColumn":
        """The inverse of `to_json`."""
        return cls(str(value["name"]), Scaling.from_json(value["scaling"]), bool(value["returns"]))


@dataclass(frozen=True)
class StaticColumn:
    """An attribute that does not change within a series: a category."""

    name: str
    categories: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"name": self.name, "categories": list(self.categories)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "StaticColumn":
        """The inverse of `to_json`."""
        return cls(str(value["name"]), tuple(map(str, value["categories"])))


@dataclass(frozen=True)
class SeriesSpec(Spec):
    """Windows of series. Channels of a sample, in order: values, calendar features (cosine and sine of each), indicators of the statics,
    indicators of the regime. All but the values are known of any window, and constant within it but for the calendar.
    """

    kind: ClassVar[str] = "series"

    steps: int
    """Number of steps of a window."""
    past: int
    """Number of steps at its beginning that a forecaster is given; 0: windows are generated whole."""
    values: tuple[ValueColumn, ...]
    calendar: tuple[str, ...]
    """Names of the features of the calendar (see `frequency.calendar_features`)."""
    statics: tuple[StaticColumn, ...]
    regime_bounds: tuple[float, float] | None
    """Standard deviations of the first column's numbers that part the regimes; None: there are none."""
    frequency: Frequency
    season: int | None
    """Number of steps after which a season comes round; None: none is known."""
    times: tuple[float, float]
    """First and last time of the data, in seconds since 1970 (see `Frequency.by_local_clocks`; without times: numbers of steps)."""
    profiles: tuple[tuple[int, ...], ...]
    """Codes of the statics of the series, one row for each that occurs."""
    profile_counts: tuple[int, ...]
    """How many series have each profile."""
    source: Mapping[str, Any]
    """How the data was stored: the columns and format of the table, which are time and identifier, and how they became steps."""
    classes: tuple[str, ...] = ()

    @property
    def static_width(self) -> int:
        """Number of channels of the statics."""
        return sum(len(each.categories) for each in self.statics)

    @property
    def known_width(self) -> int:
        """Number of channels that are known of any window."""
        return 2 * len(self.calendar) + self.static_width + (len(REGIMES) if self.regime_bounds else 0)

    @property
    def season_length(self) -> float | None:
        """How much time passes from one season to the next, where steps have no dates: in numbers of the time column, or of steps."""
        return None if self.season is None else self.season * self.frequency.size

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, steps)."""
        return len(self.values) + self.known_width, self.steps

    def to_json(self) -> dict[str, Any]:
        """See Spec."""
        return {
            "kind": self.kind,
            "steps": self.steps,
            "past": self.past,
            "values": [each.to_json() for each in self.values],
            "calendar": list(self.calendar),
            "statics": [each.to_json() for each in self.statics],
            "regime_bounds": None if self.regime_bounds is None else list(self.regime_bounds),
            "frequency": self.frequency.to_json(),
            "season": self.season,
            "times": list(self.times),
            "profiles": [list(each) for each in self.profiles],
            "profile_counts": list(self.profile_counts),
            "source": dict(self.source),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "SeriesSpec":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no series."""
        bounds = value["regime_bounds"]
        spec = cls(
            steps=int(value["steps"]),
            past=int(value["past"]),
            values=tuple(map(ValueColumn.from_json, value["values"])),
            calendar=tuple(map(str, value["calendar"])),
            statics=tuple(map(StaticColumn.from_json, value["statics"])),
            regime_bounds=None if bounds is None else (float(bounds[0]), float(bounds[1])),
            frequency=Frequency.from_json(value["frequency"]),
            season=None if value["season"] is None else int(value["season"]),
            times=(float(value["times"][0]), float(value["times"][1])),
            profiles=tuple(tuple(map(int, each)) for each in value["profiles"]),
            profile_counts=tuple(map(int, value["profile_counts"])),
            source=value["source"],
        )
        if not spec.values or not 0 <= spec.past < spec.steps or len(spec.profiles) != len(spec.profile_counts):
            raise ValueError("a window has values, and steps after its past")
        return spec

    def __str__(self) -> str:
        known = f", {self.known_width} known" if self.known_width else ""
        names = ", ".join(each.name for each in self.values[:4]) + (", ..." if len(self.values) > 4 else "")
        return f"windows of {self.steps} steps of {names} ({len(self.values)} generated{known})"

    # ------------------------------------------------------------------------------------------------------------------ times

    @cached_property
    def time_column(self) -> Column | None:
        """The column of the time, if there is one."""
        name = self.source.get("time")
        return None if name is None else next(Column.from_json(each) for each in self.source["columns"] if each["name"] == name)

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone of the times; None: they have none, or are no dates."""
        return zone_of(self.time_column) if self.time_column is not None and self.time_column.kind == "datetime" else None

    def local(self, times: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Times by local clocks, which the calendar goes by."""
        return times if self.frequency.by_local_clocks else local_times(times, self.zone)

    def from_local(self, times: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """The inverse of `local`."""
        return times if self.frequency.by_local_clocks else utc_times(times, self.zone)

    def utc(self, times: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Times as UTC, which tables are written from."""
        return utc_times(times, self.zone) if self.frequency.by_local_clocks else times

    # ------------------------------------------------------------------------------------------------ what is known of windows

    def statics_of(self, codes: Int64[np.ndarray, "n statics"]) -> Float32[np.ndarray, "n width"]:
        """Indicators of the statics; all 0 where a code is -1 (unknown)."""
        found = np.zeros((len(codes), self.static_width), np.float32)
        start = 0
        for number, column in enumerate(self.statics):
            rows = np.flatnonzero(codes[:, number] >= 0)
            found[rows, start + codes[rows, number]] = 1
            start += len(column.categories)
        return found

    def known_of(
        self, times: Float64[np.ndarray, "n t"], codes: Int64[np.ndarray, "n statics"], regimes: Int64[np.ndarray, " n"]
    ) -> Float32[np.ndarray, "n known t"]:
        """What is known of windows. `times`: by local clocks; `codes`: of the statics; `regimes`: their numbers. -1: unknown."""
        n, steps = times.shape
        found = np.zeros((n, self.known_width, steps), np.float32)
        place = 2 * len(self.calendar)
        found[:, :place] = np.moveaxis(calendar_features(self.calendar, times, self.season_length), -1, 1)
        found[:, place : place + self.static_width] = self.statics_of(codes)[:, :, None]
        if self.regime_bounds:
            rows = np.flatnonzero(regimes >= 0)
            found[rows, place + self.static_width + regimes[rows]] = 1
        return found

    def regimes_of(self, values: Float32[np.ndarray, "n c t"]) -> Int64[np.ndarray, " n"]:
        """The number of the regime of windows, by the values that networks see."""
        if self.regime_bounds is None:
            return np.full(len(values), -1)
        return np.searchsorted(np.asarray(self.regime_bounds), values[:, 0, self.past :].std(axis=1), side="right")
