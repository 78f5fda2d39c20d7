"""Tells what each column of a table is, from its values alone, with the reason."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.data.tables.arrow import pa
from sparring.data.tables.columns import Column, ColumnKind
from sparring.data.tables.distinct_values import DistinctTexts, distinct_texts, is_numeric, is_text, numbers_of
from sparring.data.tables.latitude_longitude import with_coordinates
from sparring.data.tables.number_kinds import date_column, duration_column, number_column
from sparring.data.tables.table_format import RawTable
from sparring.data.tables.text_kinds import text_column

EXACT = 2**53
"""Integers beyond this are not exact as 64-bit numbers."""


def infer_columns(raw: RawTable, overrides: Mapping[str, Mapping[str, Any]] = {}) -> tuple[Column, ...]:
    """The columns of a table with their kinds, in order.

    `overrides` says otherwise for single columns, by name: {"zip": {"kind": "category"}}, or {"day": {"pattern": "%d/%m/%Y"}} for how dates
    are written. Raises a DataError that lists every column which cannot be used, or not in that way: infinite values, lists, names that do
    not exist.
    """
    problems = _wrong_overrides(raw, overrides)
    columns: list[Column] = []
    for name in raw.table.column_names:
        wanted = overrides.get(name, {})
        if wanted.get("kind") not in {None, *get_args(ColumnKind)}:
            wanted = {}  # it is among the problems
        try:
            columns.append(_chosen(raw, name, wanted) if wanted else _column(raw, name, {}))
        except DataError as problem:
            problems.append(str(problem))
    if problems:
        raise DataError(problems[0] if len(problems) == 1 else listed(f"{raw.name} cannot be used as it is:", problems))
    return with_coordinates(columns)


def _wrong_overrides(raw: RawTable, overrides: Mapping[str, Mapping[str, Any]]) -> list[str]:
    kinds = get_args(ColumnKind)
    problems = []
    for name, wanted in overrides.items():
        if name not in raw.table.column_names:
            problems.append(f"{raw.name} has no column {name!r}. {did_you_mean(name, raw.table.column_names)}")
        if "kind" in wanted and wanted["kind"] not in kinds:
            problems.append(f"Column {name!r} cannot be of the kind {wanted['kind']!r}. {did_you_mean(str(wanted['kind']), kinds)}")
    return problems


def _chosen(raw: RawTable, name: str, wanted: Mapping[str, Any]) -> Column:
    """A column of which a person has said what it is: as found, if that is the same."""
    try:
        found = _column(raw, name, {})
    except DataError:
        if wanted.get("kind") is None:
            raise
        found = None
    same_kind = found is not None and wanted.get("kind", found.kind) == found.kind
    if found is not None and same_kind and wanted.get("pattern") in {None, (found.text or {}).get("pattern")}:
        return found
    return replace(_column(raw, name, wanted), reason="chosen by you")


def _column(raw: RawTable, name: str, wanted: Mapping[str, Any]) -> Column:
    values = raw.table.column(name)
    kind = values.type
    found = Column(name, "text", "", str(kind))
    if pa.types.is_null(kind) or values.null_count == len(values):
        found = replace(found, kind="constant", reason="every value is missing")
    elif is_text(kind):
        return text_column(found, distinct_texts(values), len(values), wanted, comma_is_free=_comma_is_free(raw))
    elif pa.types.is_dictionary(kind):
        found = _category(found, distinct_texts(values), "declared to be categories")
    elif pa.types.is_boolean(kind):
        found = _boolean(found, distinct_texts(values))
    elif is_numeric(kind):
        return _typed_number(found, values, wanted)
    else:
        raise DataError(
            f"Column {name!r} holds values of the type {kind}, which are not single ones. Leave it out with --drop {shlex.quote(name)}."
        )
    return _overridden(found, wanted, ("category", "identifier") if found.kind != "boolean" else ("category",))


def _comma_is_free(raw: RawTable) -> bool:
    return raw.format.kind == "csv" and raw.format.delimiter != ","


def _category(column: Column, distinct: DistinctTexts, why: str) -> Column:
    used = int((distinct.counts > 0).sum())
    if used == 1 and (distinct.codes >= 0).all() and len(distinct.texts) == 1:
        return replace(column, kind="constant", reason=f"the only value is {distinct.texts[0]!r}")
    return replace(column, kind="category", reason=f"{used:,} distinct {'value' if used == 1 else 'values'}, {why}")


def _boolean(column: Column, distinct: DistinctTexts) -> Column:
    if len(distinct.texts) == 1 and (distinct.codes >= 0).all():
        return replace(column, kind="constant", reason=f"the only value is {distinct.texts[0]}")
    return replace(column, kind="boolean", reason="two values, true and false")


def _typed_number(column: Column, values: pa.ChunkedArray, wanted: Mapping[str, Any]) -> Column:
    kind = values.type
    if pa.types.is_integer(kind) and _is_huge(values):
        return _overridden(_huge_integers(column, distinct_texts(values)), wanted, ("category", "identifier"))
    numbers = numbers_of(values, column.name)
    chosen = wanted.get("kind")
    if chosen in {"category", "identifier", "constant", "boolean", "text"}:
        return _overridden(replace(column, kind="number"), wanted, ("category", "identifier"))
    if pa.types.is_integer(kind) and chosen != "number":
        dates = date_column(column, numbers)
        if dates is not None:
            return dates
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _overridden(date_column(column, numbers, typed=True) or column, wanted, ("datetime",))
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        return _overridden(duration_column(column, numbers, of_day=pa.types.is_time(kind)), wanted, ("duration",))
    return _overridden(number_column(column, numbers, keep=chosen == "number"), wanted, ("number", "identifier"))


def _is_huge(values: pa.ChunkedArray) -> bool:
    if values.type.bit_width < 64:
        return False
    numbers = values.drop_null().to_numpy()
    return bool(len(numbers)) and (int(numbers.max()) > EXACT or int(numbers.min()) < -EXACT)


def _huge_integers(column: Column, distinct: DistinctTexts) -> Column:
    counts = distinct.counts
    if len(counts) > 1 and counts.max() == 1:
        return replace(column, kind="identifier", reason="every value is different, integers beyond what a 64-bit number holds exactly")
    return _category(column, distinct, "integers beyond what a 64-bit number holds exactly")


def _overridden(column: Column, wanted: Mapping[str, Any], possible: tuple[str, ...]) -> Column:
    chosen = wanted.get("kind", column.kind)
    if chosen == column.kind:
        return column
    if chosen not in possible:
        raise DataError(f"Column {column.name!r} cannot be of the kind {chosen!r}: its type is {column.arrow_type}.")
    return replace(column, kind=chosen, step=None, text=None, reason="chosen by you")
