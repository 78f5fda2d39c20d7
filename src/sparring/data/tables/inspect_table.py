"""`sparring data inspect` for tables: what each column is and why, its gaps, and what holds in all rows."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.core.formatting import plural
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.constraints import Constraint
from sparring.data.tables.find_constraints import find_constraints
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import TableFormat
from sparring.data.tables.table_json import write_table_json
from sparring.data.tables.table_plan import TablePlan, plan_of


@dataclass(frozen=True, eq=False)
class TableInspection:
    """What was found in a table."""

    name: str
    rows: int
    columns: tuple[Column, ...]
    gaps: dict[str, int]
    """Number of missing values of each column."""
    plan: TablePlan
    """Of all columns but free text."""
    values: dict[str, ColumnValues]
    """Of every column."""

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """All that holds in every row."""
        return (*self.plan.constraints, *self.plan.seen_only)

    def lines(self) -> list[str]:
        """The summary for the terminal."""
        form = _described(self.plan.format)
        lines = [f"{self.name}: {plural(self.rows, 'row', 'rows')} x {plural(len(self.columns), 'column', 'columns')}{form}", ""]
        width = min(max(len(column.name) for column in self.columns), 32)
        kind_width = max(len(column.kind) for column in self.columns)
        for column in self.columns:
            gaps = self.gaps[column.name]
            missing = f"; {_share(gaps, self.rows)} missing" if gaps and gaps < self.rows else ""
            lines.append(f"  {column.name:{width}}  {column.kind:{kind_width}}  {column.reason}{missing}")
        if self.plan.constraints:
            lines += ["", "In every row, and so in every synthetic row:", *(f"  {each}" for each in self.plan.constraints)]
        if self.plan.seen_only:
            lines += [
                "",
                "In every row here, but not promised, because it clashes with the above:",
                *(f"  {each}" for each in self.plan.seen_only),
            ]
        return [*lines, "", *self._advice()]

    def _advice(self) -> list[str]:
        learned = len(self.plan.modeled)
        said = [f"A model learns {plural(learned, 'column', 'columns')}; the others are constant, made fresh, or follow from these."]
        if learned == len(self.columns):
            said = [f"A model learns all {learned} columns."]
        if texts := [column.name for column in self.columns if column.kind == "text"]:
            said.append(f"Free text is not learned: leave it out with --drop {shlex.join(texts)}.")
        said += [
            f"{column.name!r} has {count:,} categories in {self.rows:,} rows: most of them are rare, and hard to learn."
            for column in self.columns
            if column.kind == "category" and (count := len(self.plan.facts[column.name].categories)) > 1000
        ]
        if self.rows < 100:
            said.append(f"{plural(self.rows, 'row is', 'rows are')} few: a model may only repeat them.")
        return said


def _described(form: TableFormat) -> str:
    if form.kind != "csv":
        return f" ({form.kind})"
    names = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
    header = "" if form.header else ", without names of columns"
    encoding = "" if form.encoding == "utf-8" else f", in {form.encoding}"
    return f" (text, separated by {names.get(form.delimiter, form.delimiter)}{encoding}{header})"


def _share(count: int, total: int) -> str:
    """A count and its share, which is never rounded to none."""
    percent = 100 * count / total
    return f"{count:,} ({percent:.1f}%)" if percent >= 0.05 else f"{count:,} (under 0.1%)"


def inspect_table(source: Any) -> TableInspection:  # noqa: ANN401 (any library's frame)
    """Read a table and find out all about it. Raises a DataError for what cannot be read."""
    raw = read_table(source)
    columns = infer_columns(raw)
    values: dict[str, ColumnValues] = values_of(raw, columns)
    kept = [column for column in columns if column.kind != "text"]
    known = {column.name: values[column.name] for column in kept}
    plan = plan_of(kept, find_constraints(known, kept), raw.format, known)
    gaps = {name: int(column.missing.sum()) for name, column in values.items()}
    return TableInspection(raw.name, raw.rows, columns, gaps, plan, values)


def write_choices(inspection: TableInspection, path: Path) -> None:
    """Write a table.json with what was found, to be changed by a person."""
    write_table_json(path, inspection.columns, inspection.constraints)
