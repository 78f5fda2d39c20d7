"""Frames of pandas, polars, duckdb and others, which hand over their columns through Arrow."""

import sys
from collections import Counter
from dataclasses import replace
from typing import Any

from sparring.core.errors import DataError, listed, missing_extra
from sparring.data.tables.arrow import pa
from sparring.data.tables.distinct_values import is_text
from sparring.data.tables.table_format import RawTable, TableFormat, TableKind
from sparring.data.tables.typed_tables import typed_table


def read_frame(frame: Any) -> RawTable:  # noqa: ANN401 (any library's frame)
    """Read a frame: any object with `__arrow_c_stream__`. Raises a DataError for columns that Arrow cannot hold."""
    library = type(frame).__module__.partition(".")[0]
    if library == "pandas":
        raw = typed_table(_from_pandas(frame), "pandas", "frame")
        integers = tuple(str(name) for name in frame.columns if not isinstance(name, str) and str(name).lstrip("-").isdigit())
        kinds = zip(frame.columns, frame.dtypes, strict=True)
        objects = tuple(str(name) for name, kind in kinds if str(kind) == "object" and is_text(raw.table.schema.field(str(name)).type))
        return replace(raw, format=replace(raw.format, integer_names=integers, object_columns=objects))
    try:
        table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as problem:
        raise DataError(f"This {library} frame cannot be read: {problem}") from None
    kind: TableKind = "polars" if library == "polars" else "arrow"
    return typed_table(table, kind, "frame")


def _from_pandas(frame: Any) -> pa.Table:  # noqa: ANN401
    names = [str(name) for name in frame.columns]
    problems = [f"{name!r} is there {count} times" for name, count in Counter(names).items() if count > 1]
    if problems:
        raise DataError(listed("This frame has columns of the same name. Give each a name of its own:", problems))
    # An index without a name only counts rows: it is no column of the table.
    keep = any(name is not None for name in frame.index.names)
    try:
        return pa.Table.from_pandas(frame, preserve_index=None if keep else False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as problem:
        detail = " ".join(str(argument) for argument in problem.args)
        raise DataError(
            f"A column of this frame holds values of several kinds: {detail}. Give it one kind, for example frame[name].astype(str)."
        ) from None


def to_frame(table: pa.Table, form: TableFormat) -> Any:  # noqa: ANN401
    """The table as a frame of the library it came from: of pandas, polars, or else a `pyarrow.Table`. What was read from a file becomes a
    `pyarrow.Table`, too. SparringError if the library is not installed.
    """
    if form.kind == "pandas":
        _need("pandas")
        frame = table.to_pandas()
        for name in form.object_columns:
            texts = frame[name].astype(object)
            frame[name] = texts.where(texts.notna(), None)
        return frame.rename(columns={name: int(name) for name in form.integer_names})
    if form.kind == "polars":
        polars = _need("polars")
        return polars.from_arrow(table)
    return table


def _need(package: str) -> Any:  # noqa: ANN401 (a module)
    try:
        __import__(package)
    except ModuleNotFoundError:
        raise missing_extra(package, "tables", f"A frame of {package}") from None
    return sys.modules[package]
