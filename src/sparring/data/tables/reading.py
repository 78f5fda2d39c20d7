"""Reads tables: files of text or with types, and frames of any library that speaks Arrow."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from sparring.core.errors import DataError, did_you_mean, listed, missing_extra
from sparring.data.tables.arrow import pa
from sparring.data.tables.frames import read_frame
from sparring.data.tables.table_files import BUNDLED_TABLES, ENDINGS, bundled_table, is_table_name, table_kind
from sparring.data.tables.table_format import RawTable, TableFormat
from sparring.data.tables.text_files import read_text_file
from sparring.data.tables.typed_tables import table_of_rows, typed_table

__all__ = ["RawTable", "TableFormat", "read_table"]


def read_table(source: Any) -> RawTable:  # noqa: ANN401 (any library's frame)
    """Read a table: the path of a file (CSV, TSV or other text of columns, gzipped or not, Parquet, Feather, JSON lines, Excel), the
    name of a table that comes with Sparring ("flights"), or a frame with `__arrow_c_stream__` (pandas, polars, pyarrow, duckdb).

    In text files every column is text. Raises a DataError for what cannot be read, with all that is wrong at once.
    """
    if not isinstance(source, str | Path):
        if hasattr(source, "__arrow_c_stream__"):
            return read_frame(source)
        raise DataError(f"A {type(source).__name__} is no table. Give a file, or a frame of pandas, polars, pyarrow or duckdb.")
    path = bundled_table(source) or Path(source).expanduser()
    if not path.is_file():
        siblings = [file.name for file in path.parent.iterdir() if is_table_name(file)][:200] if path.parent.is_dir() else []
        raise DataError(
            f"{path} is a folder, not a table."
            if path.is_dir()
            else f"{path} does not exist. {did_you_mean(path.name, [*siblings, *BUNDLED_TABLES])}"
        )
    kind = table_kind(path)
    if kind is None:
        raise DataError(f"{path} is no table that is read here. What is: {', '.join(ENDINGS)}, and .gz of text files.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty. A table has names of columns, and rows.")
    readers = {"csv": read_text_file, "parquet": _read_parquet, "feather": _read_feather, "jsonl": _read_json_lines, "xlsx": _read_excel}
    return readers[kind](path)


def _read_parquet(path: Path) -> RawTable:
    from pyarrow import parquet  # noqa: PLC0415 (an extra)

    try:
        return typed_table(parquet.ParquetFile(path).read(), "parquet", path.name)
    except (pa.ArrowException, OSError) as problem:
        raise DataError(f"{path} cannot be read as Parquet: {problem}") from None


def _read_feather(path: Path) -> RawTable:
    from pyarrow import feather  # noqa: PLC0415 (an extra)

    try:
        return typed_table(feather.read_table(path), "feather", path.name)
    except (pa.ArrowException, OSError) as problem:
        with contextlib.suppress(pa.ArrowException, OSError), path.open("rb") as file:
            return typed_table(pa.ipc.open_stream(file).read_all(), "feather", path.name)
        raise DataError(f"{path} cannot be read as Feather or Arrow: {problem}") from None


def _read_json_lines(path: Path) -> RawTable:
    rows: list[dict[str, Any]] = []
    problems = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as problem:
        raise DataError(f"{path} is not in UTF-8: {problem}. Save it as UTF-8.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as problem:
            problems.append(f"line {number}: {problem}")
            continue
        if isinstance(row, dict):
            rows.append(row)
        else:
            problems.append(f"line {number} is {line[:40]}, which is no object of names and values")
    names = list(dict.fromkeys(name for row in rows for name in row))
    nested = Counter(name for row in rows for name, value in row.items() if isinstance(value, dict | list))
    problems += [f"column {name!r} has lists or objects in {count:,} rows" for name, count in nested.items()]
    if problems:
        raise DataError(listed(f"{path} cannot be read as lines of JSON:", problems))
    if not rows:
        raise DataError(f"{path} has no rows. A table needs rows.")
    omits = any(len(row) < len(names) for row in rows) and not any(value is None for row in rows for value in row.values())
    return table_of_rows({name: [row.get(name) for row in rows] for name in names}, "jsonl", path.name, omits_missing=omits)


def _read_excel(path: Path) -> RawTable:
    try:
        import openpyxl  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError:
        raise missing_extra("openpyxl", "excel", "Reading Excel files") from None
    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
        rows = [row for row in sheet.iter_rows(values_only=True) if any(value is not None for value in row)]
    except Exception as problem:  # openpyxl raises all kinds for damaged files
        raise DataError(f"{path} cannot be read as an Excel file: {problem}") from None
    if not rows:
        raise DataError(f"{path} is empty: its first sheet has no cells.")
    width = max(len(row) for row in rows)
    names = [str(value) if value is not None else "" for value in rows[0]] + [""] * (width - len(rows[0]))
    columns = [[row[index] if index < len(row) else None for row in rows[1:]] for index in range(width)]
    used = [index for index in range(width) if names[index] or any(value is not None for value in columns[index])]
    problems = [f"column {index + 1} has values and no name" for index in used if not names[index]]
    counts = Counter(names[index] for index in used)
    problems += [f"{name!r} is there {count} times" for name, count in counts.items() if count > 1 and name]
    if problems:
        raise DataError(listed(f"{path}: give each column of the first sheet a name of its own in its first row:", problems))
    return table_of_rows({names[index]: columns[index] for index in used}, "xlsx", path.name)
