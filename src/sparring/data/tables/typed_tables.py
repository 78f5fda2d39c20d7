"""Tables whose columns have types: Parquet, Feather, Excel, JSON lines and frames."""

import base64
from collections import Counter
from dataclasses import replace
from typing import Any

from sparring.core.errors import DataError, listed
from sparring.data.tables.arrow import pa, pc
from sparring.data.tables.table_format import RawTable, TableFormat, TableKind


def typed_table(table: pa.Table, kind: TableKind, name: str) -> RawTable:
    """`table` with its schema remembered. Raises a DataError for columns of the same name, and lists those which hold no single values."""
    repeated = [f"{column!r} is there {count} times" for column, count in Counter(table.column_names).items() if count > 1]
    if repeated:
        raise DataError(listed(f"{name} has columns of the same name. Give each a name of its own:", repeated))
    if table.num_columns == 0:
        raise DataError(f"{name} has no columns.")
    if table.num_rows == 0:
        raise DataError(f"{name} has {table.num_columns} columns and no rows. A table needs rows.")
    columns, fields, nan_columns = [], [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        values = _plain(column)
        if pa.types.is_floating(values.type) and values.null_count == 0 and pc.any(pc.is_nan(values)).as_py():
            nan_columns.append(field.name)
        columns.append(values)
        fields.append(field.with_type(values.type))
    schema = pa.schema(fields, table.schema.metadata)
    form = TableFormat(kind, schema=base64.b64encode(schema.serialize().to_pybytes()).decode(), nan_columns=tuple(nan_columns))
    return RawTable(pa.table(columns, schema=schema), form, name)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in a type that Arrow's functions know: views of text become text, run-ends are unrolled."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        if str(column.type.value_type) == "string_view":
            column = column.cast(pa.dictionary(pa.int32(), pa.large_string(), column.type.ordered))
        return column
    if str(column.type) == "string_view":
        return column.cast(pa.large_string())
    if str(column.type) == "binary_view":
        return column.cast(pa.large_binary())
    if pa.types.is_run_end_encoded(column.type):
        return pc.run_end_decode(column)
    return column


def schema_of(form: TableFormat) -> "pa.Schema | None":
    """The schema of the source, if it had types."""
    return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(form.schema))) if form.schema else None


def table_of_rows(rows: dict[str, list[Any]], kind: TableKind, name: str, **about: Any) -> RawTable:  # noqa: ANN401
    """A table of Python's values, column by column. Columns of several kinds become text."""
    columns = {}
    for column, values in rows.items():
        try:
            columns[column] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            columns[column] = pa.array([None if value is None else str(value) for value in values], pa.string())
    raw = typed_table(pa.table(columns), kind, name)
    return replace(raw, format=replace(raw.format, **about))
