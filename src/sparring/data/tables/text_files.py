"""Text files of columns (CSV and its relatives): what separates the columns, and every column as text."""

from collections.abc import Iterator
from pathlib import Path

from sparring.core.errors import DataError, listed
from sparring.data.tables.arrow import pa, pc
from sparring.data.tables.number_text import number_format
from sparring.data.tables.table_format import RawTable, TableFormat
from sparring.data.text_decoding import decoded_file

DELIMITERS = (",", "\t", ";", "|")
_LOOKED_AT = 200
"""Records that are looked at to tell what separates the columns."""


def read_text_file(path: Path) -> RawTable:
    """Read a text file of columns, gzipped or not. Raises a DataError that lists all lines which do not fit."""
    text, encoding = decoded_file(path, "CSV, TSV, Parquet, Feather, JSON lines or Excel")
    if not text.strip():
        raise DataError(f"{path} is empty. A table has a line with the names of its columns, and rows below it.")
    delimiter = "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else _delimiter_of(text)
    names, quotes, body = next(_records(text, delimiter, 1))
    has_header = _is_header(names)
    if not has_header:
        names, body = [f"column {number + 1}" for number in range(len(names))], 0
    _check_names(path, names)
    table = _read_all(path, text[body:], names, delimiter)
    spaced = all(name.startswith(" ") for name in names[1:]) or not has_header
    spaced = spaced and len(names) > 1 and all(pc.all(pc.starts_with(column, " ")).as_py() for column in table.columns[1:])
    if spaced:
        columns = [table.column(0), *(pc.utf8_slice_codeunits(column, 1) for column in table.columns[1:])]
        table = pa.table(columns, names=names if not has_header else [names[0], *(name[1:] for name in names[1:])])
    if table.num_rows == 0:
        raise DataError(f"{path} has the names of {len(names)} columns and no rows below them. A table needs rows.")
    line_end = text[: text.find("\n") + 1]
    form = TableFormat(
        "csv",
        delimiter=delimiter,
        space_after=spaced,
        encoding=encoding,
        header=has_header,
        newline="\r\n" if line_end.endswith("\r\n") else "\n",
        final_newline=text.endswith("\n"),
        header_quoted=has_header and all(quotes),
        quoted_columns=_quoted_columns(text[body:], delimiter, names),
    )
    return RawTable(table, form, path.name)


def _records(text: str, delimiter: str, most: int) -> Iterator[tuple[list[str], list[bool], int]]:
    """The first records of a text: their fields, which of them are in quotes, and where the next record begins."""
    position, length = 0, len(text)
    for _ in range(most):
        if position >= length:
            return
        fields, quotes, at_end = [], [], False
        while not at_end:
            quoted = text.startswith('"', position)
            start = position
            if quoted:
                position += 1
                while True:
                    closing = text.find('"', position)
                    position = length if closing < 0 else closing + 1
                    if closing < 0 or not text.startswith('"', position):
                        break
                    position += 1
            ends = [found for found in (text.find(delimiter, position), text.find("\n", position)) if found >= 0]
            end = min(ends, default=length)
            at_end = end == length or text[end] == "\n"
            field = text[start:end].removesuffix("\r") if at_end else text[start:end]
            fields.append(field[1:-1].replace('""', '"') if quoted else field)
            quotes.append(quoted)
            position = end + 1
        yield fields, quotes, position


def _delimiter_of(text: str) -> str:
    """What separates the columns: what gives the same number of fields, more than one, in most of the first records."""
    start = text[:200_000]
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        counts = [len(fields) for fields, _, end in _records(start, delimiter, 50) if end < len(start) or len(start) == len(text)]
        counts = counts or [len(next(_records(start, delimiter, 1))[0])]
        same = counts.count(counts[0]) / len(counts)
        if counts[0] > 1 and same * min(counts[0], 50) > most and same > 0.5:
            best, most = delimiter, same * min(counts[0], 50)
    return best


def _is_header(names: list[str]) -> bool:
    """Whether the first record has names: a record of nothing but numbers has none, unless they count 0, 1, 2."""
    if names in ([str(number) for number in range(start, start + len(names))] for start in (0, 1)):
        return True
    return any(not name or number_format([name]) is None for name in names)


def _check_names(path: Path, names: list[str]) -> None:
    problems = [f"{name!r} is there {names.count(name)} times" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise DataError(listed(f"{path} has columns of the same name. Give each a name of its own:", problems))


def _quoted_columns(text: str, delimiter: str, names: list[str]) -> tuple[str, ...]:
    """Columns whose fields, where they are not empty, are all in quotes, although some need none."""
    seen = [(fields, quotes) for fields, quotes, _ in _records(text, delimiter, _LOOKED_AT) if len(fields) == len(names)]
    quoted = []
    for index, name in enumerate(names):
        present = [(fields[index], quotes[index]) for fields, quotes in seen if fields[index] or quotes[index]]
        if present and all(is_quoted for _, is_quoted in present) and any(not needs_quotes(field, delimiter) for field, _ in present):
            quoted.append(name)
    return tuple(quoted)


def needs_quotes(field: str, delimiter: str) -> bool:
    """Whether a field can only be written in quotes. An empty text is, to be told from a missing one."""
    return not field or any(letter in field for letter in (delimiter, '"', "\n", "\r"))


def _read_all(path: Path, text: str, names: list[str], delimiter: str) -> pa.Table:
    from pyarrow import csv as arrow_csv  # noqa: PLC0415 (an extra)

    ragged: list[str] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        line = "" if row.number is None else f"row {row.number}: "
        shown = row.text if len(row.text) < 80 else f"{row.text[:80]}..."
        ragged.append(f"{line}{row.actual_columns} fields rather than {row.expected_columns}: {shown}")
        return "skip"

    # Arrow takes what has no letters for an empty file, and says so with an error.
    if not text.strip("\r\n"):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    if len(names) == 1:
        return pa.table({names[0]: _single_column(path, text, delimiter)})
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text.encode()),
            arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 24),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as problem:
        raise DataError(f"{path} cannot be read as a table of {len(names)} columns: {problem}") from None
    if ragged:
        raise DataError(listed(f"{path} has rows which do not have {len(names)} fields:", ragged))
    return table


def _single_column(path: Path, text: str, delimiter: str) -> pa.Array:
    """The rows of a table of one column, in which an empty line is a missing value."""
    values, ragged = [], []
    for number, (fields, quotes, _) in enumerate(_records(text, delimiter, len(text) + 1), 1):
        if len(fields) > 1:
            shown = delimiter.join(fields)
            ragged.append(f"row {number}: {len(fields)} fields rather than 1: {shown if len(shown) < 80 else f'{shown[:80]}...'}")
        values.append(fields[0] if fields[0] or quotes[0] else None)
    if ragged:
        advice = f"Put a value that has {delimiter!r} in it into quotes; a file with a text in each line, and no header, can be named .txt."
        raise DataError(listed(f"{path} has one column and rows of several fields. {advice}", ragged))
    return pa.array(values, pa.string())
