"""What holds between the columns of a table in every row. Finding them: `find_constraints`; making them hold: `plan`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, get_args

import numpy as np

from sparring.data.tables.columns import ColumnValues, TableValues
from sparring.data.tables.row_values import Part, Rows, Value, calendar_part, ends_at, numbers_in, same_values

TOLERANCE = 1e-9
"""Relative error of sums: floats that are shown with the same digits are equal."""


@dataclass(frozen=True)
class Determines:
    """Rows with the same value of one column have the same value of another."""

    kind: ClassVar[str] = "determines"

    source: str
    target: str
    mapping: tuple[tuple[Value, Value], ...]
    """Every value of the source, with the target's. Numbers in ascending order, and a missing value last."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.source, self.target)

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds."""
        wanted = self.targets(values[self.source], values[self.target].categories)
        return same_values(wanted, values[self.target])

    def targets(self, source: ColumnValues, categories: tuple[str, ...]) -> ColumnValues:
        """The target's values for those of the source. Numbers between known ones have the target of the nearest."""
        return ends_at([end for _, end in self.mapping], self.places(source), categories)

    def places(self, source: ColumnValues) -> np.ndarray:
        """Index in `mapping` of each value of the source, the nearest one for numbers; of the last where a value is not known."""
        starts = [start for start, _ in self.mapping]
        if source.codes is not None:
            index = {start: place for place, start in enumerate(starts)}
            unknown = len(starts) - 1
            known = [index.get(text, unknown) for text in source.categories]
            return np.array([*known, index.get(None, unknown)])[source.codes]
        assert source.numbers is not None
        known = self.known_numbers
        right = np.clip(np.searchsorted(known, source.numbers), 0, len(known) - 1)
        left = np.maximum(right - 1, 0)
        nearer_left = np.abs(source.numbers - known[left]) <= np.abs(known[right] - source.numbers)
        return np.where(np.isnan(source.numbers), len(starts) - 1, np.where(nearer_left, left, right))

    @property
    def known_numbers(self) -> np.ndarray:
        """The source's known values in ascending order, if it is numeric."""
        return np.array([start for start, _ in self.mapping if start is not None], np.float64)

    def __str__(self) -> str:
        return f"{self.source} determines {self.target}"


@dataclass(frozen=True)
class PairDetermines:
    """Rows with the same categories in two columns have the same value of another, and only some pairs of categories occur."""

    kind: ClassVar[str] = "pair determines"

    sources: tuple[str, str]
    target: str
    mapping: tuple[tuple[Value, Value, Value], ...]
    """Every pair of the sources that occurs, with the target's value."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (*self.sources, self.target)

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds."""
        places = self.places(values[self.sources[0]], values[self.sources[1]])
        return (places >= 0) & same_values(self.targets(places, values[self.target].categories), values[self.target])

    def places(self, first: ColumnValues, second: ColumnValues) -> np.ndarray:
        """Index in `mapping` of each row's pair; -1 for a pair that does not occur."""
        assert first.codes is not None
        assert second.codes is not None
        pairs = self.pairs(first.categories, second.categories)
        table = np.full((len(first.categories) + 1, len(second.categories) + 1), -1)
        table[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
        return table[first.codes, second.codes]

    def pairs(self, first: tuple[str, ...], second: tuple[str, ...]) -> np.ndarray:
        """The codes of both sources in `mapping`, (pairs, 2)."""
        one, other = ({text: code for code, text in enumerate(each)} for each in (first, second))
        pairs = [(one.get(str(a), -1) if a is not None else -1, other.get(str(b), -1) if b is not None else -1) for a, b, _ in self.mapping]
        return np.array(pairs, np.int64).reshape(-1, 2)

    def targets(self, places: np.ndarray, categories: tuple[str, ...]) -> ColumnValues:
        """The target's values at places of `mapping`."""
        return ends_at([end for _, _, end in self.mapping], places, categories)

    def __str__(self) -> str:
        return f"{self.sources[0]} and {self.sources[1]} determine {self.target}"


@dataclass(frozen=True)
class CalendarPart:
    """A column of integers is a part of a date, such as its month."""

    kind: ClassVar[str] = "calendar part"

    source: str
    target: str
    part: Part
    zone: str | None = None
    """Time zone in which the date is read; None: as it is written (UTC)."""
    seen: tuple[float, ...] = ()
    """The values that the part has in the source, in ascending order, such as the hours in which a shop is open."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.source, self.target)

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds."""
        return same_values(ColumnValues(numbers=self.of(numbers_in(values, self.source))), values[self.target])

    def of(self, seconds: np.ndarray) -> np.ndarray:
        """The part of dates that are seconds since 1970 (NaN where missing)."""
        return calendar_part(seconds, self.part, self.zone)

    def nearest_seen(self, parts: np.ndarray) -> np.ndarray:
        """For each part of a date the nearest that the source has; NaN stays."""
        known = np.array(self.seen)
        nearest = known[np.searchsorted((known[1:] + known[:-1]) / 2, np.nan_to_num(parts))]
        return np.where(np.isnan(parts), np.nan, nearest)

    def __str__(self) -> str:
        return f"{self.target} is the {self.part} of {self.source}" + (f" in {self.zone}" if self.zone else "")


@dataclass(frozen=True)
class SumOf:
    """A column is the weighted sum of others: total = price + tax; end = start + 86,400 x days; kilometers = 1.609 x miles."""

    kind: ClassVar[str] = "sum"

    target: str
    parts: tuple[str, ...]
    weights: tuple[float, ...]
    """Of the parts: mostly 1 and -1, or seconds in the unit of a part where the target is a date."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.target, *self.parts)

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds: both sides are equal, or the target and one of its parts are missing."""
        target, total = numbers_in(values, self.target), self.of(values)
        scale = np.maximum(np.abs(target), sum(np.abs(numbers_in(values, part)) for part in self.parts))
        return (np.abs(target - total) <= TOLERANCE * np.maximum(scale, 1)) | (np.isnan(target) & np.isnan(total))

    def of(self, values: TableValues) -> np.ndarray:
        """The sum in each row."""
        pairs = zip(self.parts, self.weights, strict=True)
        return np.sum([numbers_in(values, part) * weight for part, weight in pairs], axis=0)

    def __str__(self) -> str:
        words = []
        for part, weight in zip(self.parts, self.weights, strict=True):
            factor = "" if abs(weight) == 1 else f"{abs(weight):,.6g} x "
            words.append(f"{'- ' if weight < 0 else '+ '}{factor}{part}")
        return f"{self.target} = {' '.join(words).removeprefix('+ ')}"


@dataclass(frozen=True)
class Ordered:
    """One column is never above another where both are present."""

    kind: ClassVar[str] = "ordered"

    low: str
    high: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.low, self.high)

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds."""
        return ~(numbers_in(values, self.low) > numbers_in(values, self.high))

    def __str__(self) -> str:
        return f"{self.low} <= {self.high}"


@dataclass(frozen=True)
class MissingTogether:
    """Columns are missing in the same rows."""

    kind: ClassVar[str] = "missing together"

    names: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return self.names

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds."""
        first = values[self.names[0]].missing
        return np.all([values[name].missing == first for name in self.names[1:]], axis=0)

    def __str__(self) -> str:
        return f"{', '.join(self.names[:-1])} and {self.names[-1]} are missing together"


@dataclass(frozen=True)
class MissingWhen:
    """A column is missing in all rows where another one has certain values."""

    kind: ClassVar[str] = "missing when"

    target: str
    source: str
    values: tuple[str | None, ...]
    """Categories of the source; None: it is missing itself."""
    only: bool
    """Whether the target is present in all other rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.source, self.target)

    def holds(self, values: TableValues) -> Rows:
        """In which rows it holds."""
        wanted, found = self.when(values[self.source]), values[self.target].missing
        return wanted == found if self.only else ~wanted | found

    def when(self, source: ColumnValues) -> Rows:
        """In which rows the target is missing for sure."""
        if source.numbers is not None:
            return source.missing & (None in self.values)
        assert source.codes is not None
        return np.array([*(text in self.values for text in source.categories), None in self.values])[source.codes]

    def __str__(self) -> str:
        words = " or ".join("missing" if value is None else repr(value) for value in self.values)
        return f"{self.target} is missing {'exactly ' if self.only else ''}when {self.source} is {words}"


@dataclass(frozen=True)
class Unique:
    """No two rows have the same value of a column."""

    kind: ClassVar[str] = "unique"

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.name,)

    def holds(self, values: TableValues) -> Rows:
        """In which rows the value is present in no row before."""
        column = values[self.name]
        array = column.codes if column.codes is not None else column.numbers
        assert array is not None
        first = np.zeros(len(array), bool)
        first[np.unique(array, return_index=True)[1]] = True
        return first | column.missing

    def __str__(self) -> str:
        return f"{self.name} is a key: no value is there twice"


Constraint = Determines | PairDetermines | CalendarPart | SumOf | Ordered | MissingTogether | MissingWhen | Unique
_KINDS: Mapping[str, type[Constraint]] = {kind.kind: kind for kind in get_args(Constraint)}


def constraint_to_json(constraint: Constraint) -> dict[str, Any]:
    """A form that JSON can hold."""
    return {"kind": constraint.kind, **asdict(constraint)}


def constraint_from_json(value: Mapping[str, Any]) -> Constraint:
    """The inverse of `constraint_to_json`. KeyError, TypeError or ValueError for what is no constraint."""
    given = {name: _tuples(each) for name, each in value.items() if name != "kind"}
    if value["kind"] not in _KINDS:
        raise ValueError(f"there is no constraint {value['kind']!r}")
    return _KINDS[value["kind"]](**given)


def _tuples(value: Any) -> Any:  # noqa: ANN401 (of JSON)
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value
