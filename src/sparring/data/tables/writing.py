"""Writes tables in the form of their source, or in another."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from sparring.core.atomic_files import replacing
from sparring.core.errors import SettingsError, missing_extra
from sparring.data.tables.arrow import pa, pc
from sparring.data.tables.arrow_values import table_of
from sparring.data.tables.columns import Column, TableValues
from sparring.data.tables.distinct_values import is_text
from sparring.data.tables.frames import to_frame
from sparring.data.tables.table_files import ENDINGS, FileKind
from sparring.data.tables.table_format import TableFormat
from sparring.data.tables.text_files import needs_quotes

__all__ = ["output_table_kind", "save_values", "to_frame", "write_table"]


def output_table_kind(path: Path) -> FileKind:
    """The kind of table that the ending of `path` names. SettingsError for other endings."""
    kind = ENDINGS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if kind is None or path.is_dir():
        raise SettingsError(f"No table can be written to {path}. What works: {', '.join(ENDINGS)}.")
    return kind


def save_values(values: TableValues, columns: Iterable[Column], path: Path, form: TableFormat) -> None:
    """Write values to `path` in the kind of file that its ending names. See `write_table`."""
    typed = output_table_kind(path) != "csv"
    write_table(table_of(values, columns, form, typed=typed), path, form)


def write_table(table: pa.Table, path: Path, form: TableFormat) -> None:
    """Write a table to `path`, whole or not at all, in the kind of file that its ending names (.csv, .tsv, .txt and these with .gz,
    .parquet, .feather, .arrow, .jsonl, .ndjson, .xlsx). A text file has the delimiter, quotes and encoding of `form`.

    SettingsError for other endings; SparringError if an optional library is needed and not installed.
    """
    writers = {"csv": _write_text, "parquet": _write_parquet, "feather": _write_feather, "jsonl": _write_json_lines, "xlsx": _write_excel}
    writer = writers[output_table_kind(path)]
    with replacing(path) as temporary:
        writer(table, temporary, form, path.name.lower())


def _write_text(table: pa.Table, path: Path, form: TableFormat, name: str) -> None:
    own = form.kind == "csv"
    delimiter = "\t" if name.removesuffix(".gz").endswith(".tsv") else form.delimiter if own else ","
    columns = [
        _quoted(texts_of(column), delimiter, name in form.quoted_columns)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    between = delimiter + (" " if own and form.space_after else "")
    lines = pc.binary_join_element_wise(*columns, between) if len(columns) > 1 else columns[0]
    names = [
        f'"{_doubled(name)}"' if (own and form.header_quoted) or needs_quotes(name, delimiter) else name for name in table.column_names
    ]
    pieces = ([between.join(names)] if form.header else []) + lines.to_pylist()
    text = form.newline.join(pieces) + (form.newline if form.final_newline else "")
    try:
        content = text.encode(form.encoding)
    except UnicodeEncodeError:  # a category that was not in the source
        content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def _doubled(text: str) -> str:
    return text.replace('"', '""')


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text, as CSV has it: dates in ISO 8601, null where missing."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if is_text(column.type):
        return column.cast(pa.string())
    if pa.types.is_duration(column.type):
        return pa.chunked_array([pa.array([None if each is None else str(each) for each in column.to_pylist()], pa.string())])
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return column.cast(pa.string())


def _quoted(texts: pa.ChunkedArray, delimiter: str, every: bool) -> pa.ChunkedArray:
    """Fields in quotes where they need them, or all of them; an empty field where a value is missing."""
    doubled = pc.replace_substring(texts, '"', '""')
    inside = pc.binary_join_element_wise('"', doubled, '"', "")
    if not every:
        special = "".join("\\t" if letter == "\t" else f"\\{letter}" for letter in (delimiter, '"')) + "\\r\\n"
        inside = pc.if_else(pc.match_substring_regex(texts, f"^$|[{special}]"), inside, texts)
    return pc.fill_null(inside, "")


def _write_parquet(table: pa.Table, path: Path, form: TableFormat, name: str) -> None:
    from pyarrow import parquet  # noqa: PLC0415 (an extra)

    del form, name
    parquet.write_table(table, path)


def _write_feather(table: pa.Table, path: Path, form: TableFormat, name: str) -> None:
    from pyarrow import feather  # noqa: PLC0415 (an extra)

    del form, name
    feather.write_feather(table, str(path))


def _write_json_lines(table: pa.Table, path: Path, form: TableFormat, name: str) -> None:
    del name
    omits = form.omits_missing
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in plain_types(table).to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                kept = {name: value for name, value in row.items() if value is not None} if omits else row
                file.write(json.dumps(kept, ensure_ascii=False) + "\n")


def plain_types(table: pa.Table) -> pa.Table:
    """The table with what JSON has no form for (dates, durations, decimals) as text, and NaN as null."""
    columns = []
    for column in table.columns:
        plain = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
        if pa.types.is_floating(column.type):
            columns.append(pc.if_else(pc.is_nan(column), None, column))
        else:
            columns.append(column if plain else texts_of(column))
    return pa.table(columns, names=table.column_names)


def _write_excel(table: pa.Table, path: Path, form: TableFormat, name: str) -> None:
    try:
        import openpyxl  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError:
        raise missing_extra("openpyxl", "excel", "Writing Excel files") from None
    del form, name
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("table")
    sheet.append(table.column_names)
    kinds = [_excel_column(column) for column in table.columns]
    for row in zip(*kinds, strict=True):
        sheet.append(row)
    book.save(path)


def _excel_column(column: pa.ChunkedArray) -> list[object]:
    """Values as Excel can hold them: dates without a zone, and text for dates before 1900."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        values = column.cast(pa.timestamp("us")).to_pylist()
        return [None if each is None else each if each.year >= 1900 else each.isoformat() for each in values]
    if pa.types.is_date(column.type):
        return [None if each is None else each if each.year >= 1900 else each.isoformat() for each in column.to_pylist()]
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type) or is_text(column.type):
        return column.to_pylist()
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), None, column).to_pylist()
    return texts_of(column).to_pylist()
