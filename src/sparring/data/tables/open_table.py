"""Opens a table for a model: reads it, tells kinds, finds constraints, and plans what is to be learned."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.find_constraints import find_constraints
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable, TableFormat
from sparring.data.tables.table_json import TableChoices, read_table_json
from sparring.data.tables.table_plan import TablePlan, plan_of

FEWEST_ROWS = 2


def open_table(
    source: Any,  # noqa: ANN401 (any library's frame)
    *,
    table: Path | None = None,
    drop: Sequence[str] = (),
) -> tuple[TablePlan, dict[str, ColumnValues]]:
    """Read a table (see `read_table`) and give its plan and the values of its columns.

    `table` is a table.json that a person has changed; `drop` names columns to leave out. Raises a DataError that lists all which keeps the
    table from being learned: free text, a single row, columns or kinds that do not exist.
    """
    opened = read_columns(source, table=table, drop=drop)
    columns, values = opened.columns, opened.values
    found = find_constraints(values, columns)
    off = [name for name in opened.choices.off if not any(dropped in name for dropped in opened.dropped)]
    refuse_unknown_constraints(table, off, [str(each) for each in found])
    constraints = [each for each in found if str(each) not in opened.choices.off]
    plan = plan_of(columns, constraints, opened.format, values, opened.dropped)
    refuse_nothing_to_learn(opened.name, plan)
    return plan, values


@dataclass(frozen=True, eq=False)
class OpenedTable:
    """The columns of a table that are kept, with their values, before anything is said of what holds between them."""

    name: str
    columns: tuple[Column, ...]
    values: dict[str, ColumnValues]
    format: TableFormat
    dropped: tuple[str, ...]
    choices: TableChoices


def read_columns(source: Any, *, table: Path | None = None, drop: Sequence[str] = ()) -> OpenedTable:  # noqa: ANN401 (any library's frame)
    """Read a table and tell the kinds of its columns. See `open_table`."""
    raw = read_table(source)
    names = raw.table.column_names
    problems = [f"There is no column {name!r} to leave out. {did_you_mean(name, names)}" for name in drop if name not in names]
    if problems:
        raise DataError(problems[0] if len(problems) == 1 else listed(f"{raw.name}:", problems))
    choices = read_table_json(table, names) if table is not None else TableChoices()
    dropped = tuple(name for name in names if name in {*drop, *choices.drop})
    kept = RawTable(raw.table.drop_columns(list(dropped)) if dropped else raw.table, raw.format, raw.name)
    if kept.table.num_columns == 0:
        raise DataError(f"All columns of {raw.name} are left out. Keep at least one.")
    if raw.rows < FEWEST_ROWS:
        raise DataError(
            f"{raw.name} has {plural(raw.rows, 'row', 'rows')}. A model needs at least {FEWEST_ROWS}, and learns little from under 100."
        )
    columns = infer_columns(kept, {name: each for name, each in choices.overrides.items() if name not in dropped})
    check_no_free_text(raw.name, columns)
    said = choices.known
    columns = tuple(
        replace(column, step=said[column.name].step) if column.name in said and said[column.name].has_step and column.is_numeric else column
        for column in columns
    )
    return OpenedTable(raw.name, columns, values_of(kept, columns), raw.format, dropped, choices)


def refuse_unknown_constraints(table: Path | None, off: Sequence[str], found: Sequence[str]) -> None:
    """Raise a DataError if a table.json switches off what does not hold in the table anyway, and may be misspelled."""
    unknown = [name for name in off if name not in found]
    problems = [f"{name!r} is switched off, and is not found in the table. {did_you_mean(name, found)}" for name in unknown]
    if problems:
        raise DataError(listed(f"{table} names constraints that are not there:", problems))


def refuse_nothing_to_learn(name: str, plan: TablePlan) -> None:
    """Raise a DataError if a plan has no column that a model learns."""
    if not plan.modeled:
        raise DataError(f"{name} has nothing to learn: every column is constant, or an identifier that is made fresh.")


def check_no_free_text(name: str, columns: Sequence[Column]) -> None:
    """Raise a DataError that names all columns of free text."""
    problems = [
        f"Column {column.name!r} is free text ({column.reason}). A model of tables does not learn text: "
        f"leave it out with --drop {shlex.quote(column.name)}, or make it a category in table.json."
        for column in columns
        if column.kind == "text"
    ]
    if problems:
        raise DataError(problems[0] if len(problems) == 1 else listed(f"{name} has free text:", problems))
