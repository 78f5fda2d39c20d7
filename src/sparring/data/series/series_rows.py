"""The rows of a table while they become series: sorted, checked, and brought to equal steps."""

import shlex
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from sparring.core.formatting import plural
from sparring.data.series.frequency import (
    DAY,
    REGULAR,
    Frequency,
    find_frequency,
    interval_seconds,
    interval_text,
    on_grid,
    usual_interval,
)
from sparring.data.series.series_reading import SeriesReading
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.date_parts import local_times, offsets, zone_of
from sparring.data.tables.table_format import RawTable

SPARSE = 4
"""A grid with more than this many steps for each row is not filled: the times are taken to be irregular."""
MOST_CATEGORIES = 256
"""Largest number of categories of a static column."""
HOLIDAYS = 10
"""Largest number of business days in a row that may be missing without being a gap."""
ONE_SERIES = "all rows"
FEWEST_ROWS = 3


class Rows:
    """The rows of the table while they become series."""

    def __init__(
        self,
        raw: RawTable,
        roles: Mapping[str, Sequence[str]],
        columns: Mapping[str, Column],
        values: Mapping[str, ColumnValues],
        reading: SeriesReading,
    ) -> None:
        self.raw, self.roles, self.columns, self.reading = raw, roles, columns, reading
        self.numbers = np.stack([np.asarray(values[each].numbers) for each in roles["value"]], axis=1)
        count = len(self.numbers)
        self.timed = bool(roles["time"])
        time = values[roles["time"][0]].numbers if self.timed else np.arange(count, dtype=np.float64)
        assert time is not None
        self.is_date = self.timed and columns[roles["time"][0]].kind == "datetime"
        self.times = time.astype(np.float64)
        self.zone = zone_of(columns[roles["time"][0]]) if self.is_date else None
        self.rows = np.arange(count)
        """The row of the table that each row here was."""
        if roles["id"]:
            ids = values[roles["id"][0]]
            assert ids.codes is not None
            self.owner, self.names = ids.codes.astype(np.int64), [str(each) for each in ids.categories]
        elif reading.rows_per_series:
            self.owner = np.arange(count) // reading.rows_per_series
            self.names = [str(number + 1) for number in range(-(-count // reading.rows_per_series))]
        else:
            self.owner, self.names = np.zeros(count, np.int64), [ONE_SERIES]
        self.statics = [values[each] for each in roles["static"]]
        self.begins, self.codes = np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
        self.parted = np.zeros(0, bool)
        """Which rows stand for a gap that is not filled; empty: none."""

    @property
    def categories(self) -> tuple[tuple[str, ...], ...]:
        """Categories of each static column, in the order of their codes."""
        return tuple(tuple(str(text) for text in each.categories) for each in self.statics)

    def sort(self, problems: list[str], notes: list[str]) -> None:
        """Bring rows into the order of series and times, and find where each series begins."""
        per = self.reading.rows_per_series
        if per and len(self.rows) % per:
            problems.append(f"There are {len(self.rows):,} rows, which are no whole number of series of {per} (--rows-per-series).")
        order: Int64[np.ndarray, " rows"] = np.lexsort((self.times, self.owner))
        inside = self.owner[1:] == self.owner[:-1]
        unsorted = int((inside & (np.diff(self.times) < 0)).sum())
        if unsorted:
            notes.append(f"Rows were not in the order of time ({plural(unsorted, 'place', 'places')}) and were sorted.")
        self.times, self.owner = self.times[order], self.owner[order]
        self.numbers, self.rows = self.numbers[order], self.rows[order]
        used, first = np.unique(self.owner, return_index=True)
        self.names = [self.names[number] for number in used]
        self.begins = np.append(first, len(self.rows)).astype(np.int64)
        if not self.timed:  # steps are numbered in each series from 0 on
            self.times = np.arange(len(self.rows)) - np.repeat(self.begins[:-1], np.diff(self.begins)).astype(np.float64)
        if self._interval() >= DAY:  # see Frequency.by_local_clocks
            self.times, self.zone = local_times(self.times, self.zone), None

    def _interval(self) -> float:
        """Length of most steps in seconds, as they will be."""
        asked = None if self.reading.every is None else interval_seconds(self.reading.every)
        return asked or usual_interval([self.times[first:last] for first, last in self._bounds()])[0]

    def check(self, problems: list[str]) -> None:
        """Find what is wrong with single rows and series."""
        if self.reading.every is not None and not self.is_date:
            problems.append("--every needs a column of dates. Name it with --time, or leave --every out.")
        if self.timed and self.reading.every is None:
            self._check_repeated_times(problems)
        if self.reading.returns:
            self._check_positive(problems)
        self._check_statics(problems)

    def _check_repeated_times(self, problems: list[str]) -> None:
        inside = np.ones(max(0, len(self.rows) - 1), bool)
        inside[self.begins[1:-1] - 1] = False
        repeated = np.flatnonzero(inside & (np.diff(self.times) == 0))
        if not len(repeated):
            return
        one, other = self.rows[repeated[0] : repeated[0] + 2] + 1
        when = time_text(float(local_times(self.times[repeated[:1]], self.zone)[0]), self.is_date)
        of, advice = "", "If the table has several series, name the column that tells them apart, with --id. If not, leave"
        if not self.roles["id"] and (found := self._telling_apart()) is not None:
            advice = f"{found!r} tells them apart: --id {shlex.quote(found)}. If it does not say the series, leave"
        elif self.roles["id"]:
            of, advice = f", of {self.names[self._owner_place(int(repeated[0]))]!r}", "Leave"
        problems.append(
            f"{plural(len(repeated), 'time is', 'times are')} there twice: rows {one:,} and {other:,} are both of {when}{of}. {advice} one "
            "out, or take means with --every."
        )

    def _telling_apart(self) -> str | None:
        """The column with fewest values that would tell series apart, none of which has a time twice; None if there is none."""
        counts = {}
        for name in self.raw.table.column_names:
            if any(name in each for each in self.roles.values()) and not (name in self.roles["value"] and len(self.roles["value"]) > 1):
                continue
            codes = self.raw.table.column(name).combine_chunks().dictionary_encode()
            if 1 < len(codes.dictionary) <= len(self.rows) // FEWEST_ROWS and not codes.null_count:
                owner = codes.indices.to_numpy()[self.rows]
                order = np.lexsort((self.times, owner))
                if not ((np.diff(owner[order]) == 0) & (np.diff(self.times[order]) == 0)).any():
                    counts[name] = len(codes.dictionary)
        return min(counts, key=counts.__getitem__) if counts else None

    def _check_positive(self, problems: list[str]) -> None:
        for place, name in enumerate(self.roles["value"]):
            wrong = np.flatnonzero(self.numbers[:, place] <= 0)
            if len(wrong):
                where = row_and_others(int(self.rows[wrong[0]]) + 1, len(wrong) - 1)
                problems.append(
                    f"Returns need positive values, and {name!r} is {self.numbers[wrong[0], place]:g} in row {where}. Leave out these "
                    "rows, or --returns; or name the columns of prices alone, with --value."
                )

    def _owner_place(self, row: int) -> int:
        return int(np.searchsorted(self.begins, row, side="right")) - 1

    def _check_statics(self, problems: list[str]) -> None:
        """Find the codes of the statics of each series, which must not change within it."""
        found = np.full((len(self.names), len(self.statics)), -1, np.int64)
        for place, each in enumerate(self.statics):
            name = self.roles["static"][place]
            assert each.codes is not None
            if len(each.categories) > MOST_CATEGORIES:
                problems.append(f"Column {name!r} has {len(each.categories):,} categories; statics have at most {MOST_CATEGORIES}.")
                continue
            codes = each.codes[self.rows].astype(np.int64)
            found[:, place] = codes[self.begins[:-1]]
            changing = [
                number for number, first in enumerate(self.begins[:-1]) if (codes[first : self.begins[number + 1]] != codes[first]).any()
            ]
            if changing:
                count = plural(len(changing), "series", "series")
                problems.append(
                    f"Column {name!r} changes within {count}, for example in {self.names[changing[0]]!r}, so it is no attribute of them. "
                    "Leave it out of --static, or say what a series is, with --id or --rows-per-series."
                )
        self.codes = found

    def regulate(self, notes: list[str]) -> Frequency:
        """Bring steps to equal intervals where that was asked for, or where some are missing; say how far apart they are."""
        pieces = [self.times[first:last] for first, last in self._bounds()]
        if not self.is_date:
            return Frequency("steps", usual_interval(pieces)[0] if self.timed else 1.0)
        if self.reading.every is not None:
            size = interval_seconds(self.reading.every)
            assert size is not None
            self._rebuild([self._means(first, last, size) for first, last in self._bounds()])
            notes.append(f"Values are means of {interval_text(size)}, which is {plural(len(self.times), 'step', 'steps')} (--every).")
            return Frequency("seconds", size)
        frequency, share = find_frequency(pieces)
        notes.append(f"There is a step {frequency}.")
        if frequency.kind == "seconds" and share < 1:
            grids = [grid for piece in pieces if (grid := on_grid(piece, frequency.size)) is not None]
            steps = sum(int(grid[-1]) + 1 for grid in grids)
            if len(grids) == len(pieces) and steps <= SPARSE * len(self.times):
                notes.append(f"{plural(steps - len(self.times), 'step is', 'steps are')} missing in between.")
                self._rebuild([self._spread(*bounds, grid, frequency.size) for bounds, grid in zip(self._bounds(), grids, strict=True)])
                return frequency
        if share < REGULAR:
            notes.append(
                f"Times are irregular: only {share:.0%} of the intervals are so long. They are taken as equal steps; to resample them, use "
                "--every."
            )
        else:
            self._part(frequency, notes)
        return frequency

    def _part(self, frequency: Frequency, notes: list[str]) -> None:
        """Put missing steps into gaps, so that no window goes across: all that are missing of months, else one in each gap, which is not
        filled.
        """
        most = {"months": 1.0, "business days": HOLIDAYS + 1.0}.get(frequency.kind, 1.5)
        pieces, parted, gaps = [], [], 0
        for first, last in self._bounds():
            between = frequency.between(self.times[first:last])
            wide = np.flatnonzero(between > most)
            gaps += len(wide)
            counts = np.rint(between[wide]).astype(np.int64) - 1 if frequency.kind == "months" else np.ones(len(wide), np.int64)
            places = np.repeat(wide + 1, counts)
            missing = [frequency.after(float(self.times[first + row]), int(count)) for row, count in zip(wide, counts, strict=True)]
            times = np.insert(self.times[first:last], places, np.concatenate(missing) if missing else [])
            pieces.append((times, np.insert(self.numbers[first:last], places, np.nan, axis=0)))
            parted.append(np.insert(np.zeros(last - first, bool), places, frequency.kind != "months"))
        if gaps:
            added = sum(len(times) for times, _ in pieces) - len(self.times)
            notes.append(
                f"{plural(added, 'step is', 'steps are')} missing in between."
                if frequency.kind == "months"
                else f"{plural(gaps, 'gap', 'gaps')} in time: no window goes across."
            )
            self._rebuild(pieces)
            self.parted = np.concatenate(parted)

    def _bounds(self) -> list[tuple[int, int]]:
        return [(int(first), int(last)) for first, last in zip(self.begins[:-1], self.begins[1:], strict=True)]

    def _means(self, first: int, last: int, size: float) -> tuple[np.ndarray, np.ndarray]:
        """Times and means of the intervals from the first to the last that has a row."""
        ahead = offsets(self.times[:1], self.zone)[0]  # hours begin with those of local clocks, also where these are half an hour apart
        bins = np.floor((self.times[first:last] + ahead) / size).astype(np.int64)
        count = int(bins[-1] - bins[0]) + 1
        place = bins - bins[0]
        values = self.numbers[first:last]
        found = np.full((count, values.shape[1]), np.nan)
        for column, numbers in enumerate(values.T):
            there = ~np.isnan(numbers)
            totals = np.bincount(place[there], numbers[there], count)
            counts = np.bincount(place[there], minlength=count)
            found[:, column] = np.divide(totals, counts, out=np.full(count, np.nan), where=counts > 0)
        return (bins[0] + np.arange(count)) * size - ahead, found

    def _spread(self, first: int, last: int, grid: Int64[np.ndarray, " n"], size: float) -> tuple[np.ndarray, np.ndarray]:
        """Times and values with a row for each step, missing where there was none."""
        found = np.full((int(grid[-1]) + 1, self.numbers.shape[1]), np.nan)
        found[grid] = self.numbers[first:last]
        return self.times[first] + np.arange(len(found)) * size, found

    def _rebuild(self, pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self.times, self.numbers = np.concatenate([each for each, _ in pieces]), np.concatenate([each for _, each in pieces])
        self.begins = np.concatenate([[0], np.cumsum([len(each) for each, _ in pieces])]).astype(np.int64)

    def fill(self, notes: list[str]) -> None:
        """Fill gaps between values along straight lines, if that was asked for, and say how many there are."""
        gaps = np.isnan(self.numbers)
        if not gaps.any():
            return
        share = f"{gaps.any(axis=1).mean():.1%} of the steps have missing values"
        if self.reading.gaps == "leave out":
            notes.append(f"{share}: windows with any are left out. (--gaps fill: filled along straight lines.)")
            return
        for first, last in self._bounds():
            for column in self.numbers[first:last].T:
                there = np.flatnonzero(~np.isnan(column))
                if len(there) > 1:
                    inner = np.arange(there[0], there[-1] + 1)
                    column[inner] = np.interp(inner, there, column[there])
        if len(self.parted):
            self.numbers[self.parted] = np.nan
        notes.append(f"{share}: filled along straight lines.")


def row_and_others(first: int, others: int) -> str:
    """The number of a row, and how many others there are."""
    return f"{first:,}" + (f" and {plural(others, 'other', 'others')}" if others else "")


def time_text(time: float, is_date: bool) -> str:
    """A time as messages write it: a date, with the time of day unless that is midnight; or a number where times are no dates."""
    if not is_date:
        return f"{time:g}"
    text = str(np.datetime64(round(time), "s")).replace("T", " ")
    return text.removesuffix(" 00:00:00")
