"""What a model of a table has to learn, and how all columns are made from that, with every constraint met in every row."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparring.data.tables.column_facts import ColumnFacts, facts_of
from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.constraint_order import Arrangement, arranged
from sparring.data.tables.constraints import Constraint, Ordered, constraint_from_json, constraint_to_json
from sparring.data.tables.restoring import base_of, restored
from sparring.data.tables.row_values import numbers_in
from sparring.data.tables.table_format import TableFormat

TRIED_ROWS = 2_000


@dataclass(frozen=True)
class TablePlan:
    """The columns of a table, what holds between them, and how it was stored."""

    columns: tuple[Column, ...]
    """All columns that are kept, in the order of the source."""
    constraints: tuple[Constraint, ...]
    """What holds in all rows, of the source and of those made by `restore`."""
    format: TableFormat
    dropped: tuple[str, ...] = ()
    """Names of the source's other columns."""
    facts: Mapping[str, ColumnFacts] = field(default_factory=dict)
    """By name of the column: its range, categories and so on."""
    seen_only: tuple[Constraint, ...] = ()
    """What holds in all rows of the source, and is not promised for others, because it cannot be met together with `constraints`."""

    @cached_property
    def arrangement(self) -> Arrangement:
        """How the constraints are met."""
        return arranged(self.columns, self.constraints)

    @cached_property
    def modeled(self) -> tuple[str, ...]:
        """Names of the columns that a model must learn: not those which are constant, made fresh, or follow from others."""
        return tuple(column.name for column in self.columns if column.is_modeled and column.name not in self.arrangement.computed)

    def column(self, name: str) -> Column:
        """The column of that name. KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    def reduce(self, values: TableValues) -> dict[str, ColumnValues]:
        """What a model must learn: of `values`, those of `modeled`. A column which is not below others is replaced by how much it is above
        the largest of them (a number that is not negative; above its own smallest value where they are missing).
        """
        reduced = {name: values[name] for name in self.modeled}
        for high, lows in self.arrangement.lows.items():
            base = base_of([numbers_in(values, low) for low in lows], self.facts[high].low)
            reduced[high] = ColumnValues(numbers=numbers_in(values, high) - base)
        return reduced

    def restore(self, reduced: TableValues, n: int, seed: int, first: int = 0) -> dict[str, ColumnValues]:
        """All columns of `n` rows from what `reduce` gives, or what a model has made of it, for the rows `first`, `first` + 1 and so on.

        In every row all constraints hold, numbers are in the source's range and on its grid, and categories are the source's. Identifiers
        are new. A row depends on its own reduced values, its number and the seed alone; of values from `reduce` the result is what they
        were.
        """
        return restored(self.columns, self.facts, self.arrangement, reduced, n, seed, first)

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "columns": [column.to_json() for column in self.columns],
            "constraints": [constraint_to_json(each) for each in self.constraints],
            "format": self.format.to_json(),
            "dropped": list(self.dropped),
            "facts": {name: each.to_json() for name, each in self.facts.items()},
            "seen_only": [constraint_to_json(each) for each in self.seen_only],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TablePlan":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no plan."""
        return cls(
            tuple(Column.from_json(each) for each in value["columns"]),
            tuple(constraint_from_json(each) for each in value["constraints"]),
            TableFormat.from_json(value["format"]),
            tuple(value["dropped"]),
            {name: ColumnFacts.from_json(each) for name, each in value["facts"].items()},
            tuple(constraint_from_json(each) for each in value["seen_only"]),
        )


def plan_of(
    columns: Sequence[Column], constraints: Sequence[Constraint], form: TableFormat, values: TableValues, dropped: Sequence[str] = ()
) -> TablePlan:
    """A plan for a table of these values, whose constraints are those that can be met together.

    It is tried on rows whose columns have nothing to do with each other: a constraint that is then broken in any row, or breaks the range
    of a column, is moved to `seen_only`.
    """
    facts = {column.name: facts_of(column, values[column.name]) for column in columns}
    plan = TablePlan(tuple(columns), tuple(constraints), form, tuple(dropped), facts)
    trial = _shuffled(values, np.random.default_rng(0))
    while plan.constraints:
        broken = broken_constraints(plan, trial)
        if not broken:
            break
        kept = tuple(each for each in plan.constraints if each not in broken)
        plan = replace(plan, constraints=kept, seen_only=(*plan.seen_only, *broken))
    return plan


def _shuffled(values: TableValues, random: np.random.Generator) -> dict[str, ColumnValues]:
    return {name: column.take(random.integers(0, len(column), TRIED_ROWS)) for name, column in values.items()}


def broken_constraints(plan: TablePlan, trial: TableValues) -> tuple[Constraint, ...]:
    """The constraints of a plan that do not hold in rows made from such values of its columns, the ones to give up first."""
    reduced = _anything(plan.reduce(trial), plan.arrangement.lows)
    rows = plan.restore(reduced, TRIED_ROWS, 0)
    left = plan.arrangement.left
    broken = tuple(each for each in plan.constraints if not each.holds(rows).all())
    # What is met in no way of its own goes first: it may be what is broken only because another was.
    if loose := tuple(each for each in broken if each in left):
        return loose
    outside = {name for name in rows if _leaves_range(rows[name], plan.facts[name])}
    culprits = tuple(each for name, each in plan.arrangement.computed.items() if name in outside)
    culprits += tuple(each for each in plan.constraints if isinstance(each, Ordered) and each.high in outside)
    return broken or culprits


def _anything(reduced: TableValues, differences: Collection[str]) -> dict[str, ColumnValues]:
    """The same with half of the numbers replaced by any in their range, as a model may draw them. Differences are not negative."""
    random, anything = np.random.default_rng(1), {}
    for name, column in reduced.items():
        if column.numbers is None or column.missing.all():
            anything[name] = column
            continue
        low, high = np.nanmin(column.numbers), np.nanmax(column.numbers)
        drawn = np.where(random.random(len(column)) < 0.5, random.uniform(low, high, len(column)), column.numbers)
        drawn = np.where(column.missing, np.nan, drawn)
        anything[name] = ColumnValues(numbers=np.abs(drawn) if name in differences else drawn)
    return anything


def _leaves_range(values: ColumnValues, facts: ColumnFacts) -> bool:
    if values.numbers is None:
        return False
    present = values.numbers[~values.missing]
    return bool(((present < facts.low) | (present > facts.high)).any())
