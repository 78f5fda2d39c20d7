"""Makes all columns of a table from those that a model has learned."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from sparring.data.tables.column_facts import ColumnFacts, emptied, filled, on_grid, unmodeled
from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.constraint_order import Arrangement
from sparring.data.tables.constraints import (
    CalendarPart,
    Determines,
    MissingTogether,
    MissingWhen,
    PairDetermines,
    SumOf,
)
from sparring.data.tables.identifiers import uniform_rows
from sparring.data.tables.row_values import UNITS, numbers_in, same_values


def base_of(lows: Sequence[Float64[np.ndarray, " n"]], otherwise: float) -> Float64[np.ndarray, " n"]:
    """The largest of the columns that another is not below; `otherwise` where all of them are missing."""
    largest = np.fmax.reduce(lows)
    return np.where(np.isnan(largest), otherwise, largest)


def restored(
    columns: Sequence[Column],
    facts: Mapping[str, ColumnFacts],
    arrangement: Arrangement,
    reduced: TableValues,
    n: int,
    seed: int,
    first: int,
) -> dict[str, ColumnValues]:
    """See `TablePlan.restore`."""
    work = _Rows({column.name: column for column in columns}, facts, arrangement, np.arange(first, first + n), seed)
    for name in arrangement.order:
        work.make(name, reduced)
    return {column.name: work.values[column.name] for column in columns}


class _Rows:
    """Rows in the making."""

    def __init__(
        self, columns: Mapping[str, Column], facts: Mapping[str, ColumnFacts], arrangement: Arrangement, rows: np.ndarray, seed: int
    ) -> None:
        self.columns, self.facts, self.arrangement, self.rows, self.seed = columns, facts, arrangement, rows, seed
        self.values: dict[str, ColumnValues] = {}

    def make(self, name: str, reduced: TableValues) -> None:
        """Make one column, for which all that it depends on is there."""
        column, ways = self.columns[name], self.arrangement
        if not column.is_modeled:
            self.values[name] = unmodeled(column, self.facts[name], self.rows, self.seed)
        elif name in ways.computed:
            self._compute(ways.computed[name])
        else:
            self.values[name] = self._with_gaps(name, reduced[name])
            if name in ways.lows:
                self._raise_above(name, ways.lows[name])
            elif column.is_numeric:
                self.values[name] = ColumnValues(numbers=on_grid(numbers_in(self.values, name), column, self.facts[name]))
                self._into_calendar(name)
            if name in ways.agreeing:
                self._agree(ways.agreeing[name])
            if name in ways.partners:
                self._partner(name, ways.partners[name])
            for constraint in ways.known.get(name, ()):
                self._to_known(constraint)

    def _chance(self, name: str) -> Float64[np.ndarray, " n"]:
        return uniform_rows(self.rows, self.seed, f"fill/{name}")

    def _with_gaps(self, name: str, values: ColumnValues) -> ColumnValues:
        """A column with the gaps that follow from others."""
        exact, missing = False, np.zeros(len(self.rows), bool)
        for constraint in self.arrangement.gaps.get(name, ()):
            if isinstance(constraint, MissingTogether):
                exact, missing = True, self.values[constraint.names[0]].missing
            elif isinstance(constraint, MissingWhen):
                exact |= constraint.only
                missing = missing | constraint.when(self.values[constraint.source])
        if exact:
            values = self._filled(name, values, values.missing & ~missing)
        return emptied(values, missing) if missing.any() else values

    def _filled(self, name: str, values: ColumnValues, where: np.ndarray) -> ColumnValues:
        full = filled(values, where, self.facts[name], self._chance(name))
        lows = self.arrangement.lows.get(name)
        if not lows or not where.any():
            return full
        # What is learned of this column is a difference: a typical value less what it is above.
        base = base_of([numbers_in(self.values, low) for low in lows], self.facts[name].low)
        assert full.numbers is not None
        return ColumnValues(numbers=np.where(where, np.maximum(full.numbers - base, 0), full.numbers))

    def _raise_above(self, name: str, lows: tuple[str, ...]) -> None:
        """From differences to values: not below any of `lows`, in the column's own range and on its grid."""
        column, facts = self.columns[name], self.facts[name]
        base = base_of([numbers_in(self.values, low) for low in lows], facts.low)
        numbers = on_grid(base + np.maximum(numbers_in(self.values, name), 0), column, facts, always=True)
        if column.step is not None and facts.decimals is not None:
            below = numbers < base
            numbers = np.where(below, np.round(numbers + column.step, facts.decimals), numbers)
        self.values[name] = ColumnValues(numbers=np.where(numbers < base, base, numbers))

    def _partner(self, name: str, constraint: PairDetermines) -> None:
        """Where a category does not occur with that of the other column, take one by chance that does."""
        second = constraint.sources[1] == name
        one, other = (self.values[each] for each in constraint.sources)
        places = constraint.places(one, other)
        own, fixed = (other, one) if second else (one, other)
        pairs = constraint.pairs(one.categories, other.categories)[:, :: 1 if second else -1]
        assert own.codes is not None
        assert fixed.codes is not None
        codes, chance = own.codes.copy(), self._chance(name)
        for code in np.unique(fixed.codes[places < 0]):
            rows, options = np.flatnonzero((places < 0) & (fixed.codes == code)), pairs[pairs[:, 0] == code, 1]
            codes[rows] = options[(chance[rows] * len(options)).astype(int)]
        self.values[name] = ColumnValues(codes=codes, categories=own.categories)

    def _compute(self, constraint: Determines | PairDetermines | CalendarPart | SumOf) -> None:
        target = constraint.target
        if isinstance(constraint, PairDetermines):
            places = constraint.places(*(self.values[name] for name in constraint.sources))
            self.values[target] = constraint.targets(places, self.facts[target].categories)
        elif isinstance(constraint, Determines):
            self.values[target] = constraint.targets(self.values[constraint.source], self.facts[target].categories)
        elif isinstance(constraint, CalendarPart):
            self.values[target] = ColumnValues(numbers=constraint.of(numbers_in(self.values, constraint.source)))
        else:
            self._into_range(constraint)
            total = constraint.of(self.values)
            facts, column = self.facts[target], self.columns[target]
            # Only rounding of floats is taken away: a sum is on the grid if its parts are.
            rounded = np.round(total, facts.decimals) if column.step is not None and facts.decimals is not None else total
            self.values[target] = ColumnValues(numbers=rounded + 0.0)

    def _into_calendar(self, name: str) -> None:
        """Move dates of which a part is never seen in its column (a closed hour of the day) to the nearest that is."""
        parts = [each for each in self.arrangement.computed.values() if isinstance(each, CalendarPart) and each.source == name]
        for constraint in [*parts, *parts]:  # twice, for a move may cross the change to summer time
            unit = UNITS.get(constraint.part)
            seconds = numbers_in(self.values, name)
            found = constraint.of(seconds)
            ahead = constraint.nearest_seen(found) - found
            if unit is not None and np.nan_to_num(ahead).any():
                self.values[name] = ColumnValues(numbers=on_grid(seconds + ahead * unit, self.columns[name], self.facts[name]))

    def _may_move(self, name: str, reader: SumOf) -> bool:
        """Whether a column may be moved when a sum that it is part of is made: nothing is arranged for it, and nothing else reads it."""
        ways = self.arrangement
        arranged = name in ways.computed or name in ways.lows or name in ways.agreeing or name in ways.known or name in ways.partners
        read = any(each is not reader and name in each.columns for each in ways.computed.values())
        return not (arranged or read or any(name in lows for lows in ways.lows.values()))

    def _into_range(self, constraint: SumOf) -> None:
        """Move parts of a sum that is out of its range, those that nothing else depends on, by as much as it is out."""
        facts = self.facts[constraint.target]
        for part, weight in zip(constraint.parts, constraint.weights, strict=True):
            total = constraint.of(self.values)
            out = np.clip(total, facts.low, facts.high) - total
            if not np.nan_to_num(out).any():
                return
            if not self._may_move(part, constraint):
                continue
            column, own = self.columns[part], self.facts[part]
            moved = numbers_in(self.values, part) + out / weight
            if column.step is not None and own.decimals is not None:  # to the side that is in the range
                steps = (moved - own.low) / column.step
                up = (out > 0) == (weight > 0)
                steps = np.where(up, np.ceil(steps - 1e-9), np.floor(steps + 1e-9))
                moved = np.where(np.abs(out) > 0, np.round(own.low + steps * column.step, own.decimals), moved)
            self.values[part] = ColumnValues(numbers=on_grid(moved, column, own))

    def _agree(self, constraint: Determines) -> None:
        """Where a column does not lead to what its target is, take a value that does: the nearest number, or by chance a category."""
        source, target = constraint.source, self.values[constraint.target]
        own = self.values[source]
        places = constraint.places(own)
        leads = constraint.targets(own, target.categories)
        wrong = ~same_values(leads, target)
        if not wrong.any():
            return
        starts = [start for start, _ in constraint.mapping]
        ends = _keys(constraint, target)
        wanted = target.numbers if target.numbers is not None else target.codes
        assert wanted is not None
        places = places.copy()
        for end in np.unique(wanted[wrong]):
            rows = np.flatnonzero(wrong & ((wanted == end) | (np.isnan(wanted) & np.isnan(end))))
            options = np.flatnonzero((ends == end) | (np.isnan(ends) & np.isnan(end)))
            if len(options):
                places[rows] = self._chosen(options, rows, own, starts, source)
        self.values[source] = self._at(places, starts, own)

    def _chosen(self, options: np.ndarray, rows: np.ndarray, own: ColumnValues, starts: Sequence[object], name: str) -> np.ndarray:
        """Which of the options each row takes."""
        by_chance = options[(self._chance(name)[rows] * len(options)).astype(int)]
        if own.numbers is None:
            return by_chance
        known = np.array([np.nan if starts[option] is None else float(str(starts[option])) for option in options])
        order = np.argsort(known)  # NaN comes last
        ascending = known[order][~np.isnan(known[order])]
        if len(ascending) == 0:
            return by_chance
        nearest = options[order[np.searchsorted((ascending[1:] + ascending[:-1]) / 2, own.numbers[rows]).clip(0, len(ascending) - 1)]]
        return np.where(np.isnan(own.numbers[rows]), by_chance, nearest)

    def _at(self, places: np.ndarray, starts: Sequence[object], own: ColumnValues) -> ColumnValues:
        """The source's values at places of a mapping."""
        if own.numbers is not None:
            return ColumnValues(numbers=np.array([np.nan if start is None else float(str(start)) for start in starts])[places])
        index = {text: code for code, text in enumerate(own.categories)}
        codes = np.array([-1 if start is None else index[str(start)] for start in starts], np.int32)
        return ColumnValues(codes=codes[places], categories=own.categories)

    def _to_known(self, constraint: Determines) -> None:
        """Numbers between those that are known to determine others become the nearest of them."""
        own = self.values[constraint.source]
        self.values[constraint.source] = self._at(constraint.places(own), [start for start, _ in constraint.mapping], own)


def _keys(constraint: Determines, target: ColumnValues) -> np.ndarray:
    """The targets of a mapping as numbers, or as codes."""
    ends = [end for _, end in constraint.mapping]
    if target.numbers is not None:
        return np.array([np.nan if end is None else float(str(end)) for end in ends])
    index = {text: code for code, text in enumerate(target.categories)}
    return np.array([-1 if end is None else index[str(end)] for end in ends], np.float64)
