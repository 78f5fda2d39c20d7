"""Reads a table with several or continuous labels of images: a column of files, and a column for each label."""

import csv
import io
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.listed_images import Item, LabelColumn, Problem, Source, hash_key, name_examples
from sparring.data.readers.folder import read_file_of
from sparring.data.readers.label_table import sorted_classes

MOST_INTEGERS = 16
"""Integers with at most so many different values are classes."""
MOST_CLASSES = 1000
"""Columns with more different texts are no classes, nor are those where most texts are there only once."""
MOSTLY_NUMBERS = 0.9
"""From this share of numbers on, a column is one of numbers, and its other cells are mistakes."""
MISSING = frozenset({"", "na", "n/a", "nan", "null"})
"""What is written where a label is missing, in lower case."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)

Kind = Literal["class", "number"]
Row = Mapping[str, str]


@dataclass(frozen=True)
class _Table:
    """A table as text."""

    name: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Row]]
    """The place of each row, such as "row 2", and its cells by column."""


@dataclass
class _Findings:
    """What was found in the cells of images, by image."""

    problems: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: list[str] = field(default_factory=list)


def with_label_columns(source: Source, table: str, chosen: Sequence[str]) -> Source:
    """The images of a source that have every label, with the labels of a table in place of classes. `chosen`: its columns, perhaps with
    :class or :number (empty: all that can be labels). A single column of classes gives classes. Images without a row, or with cells that
    cannot be used, become problems. Raises a DataError that lists what is wrong with the table as a whole.
    """
    read = _read(source, table)
    file_column, rows_by_image, notes = _match_rows(source, read)
    found = _Findings(notes=notes)
    row_of = {index: several[0] for index, several in rows_by_image.items()}
    columns = _choose_columns(read, file_column, chosen, row_of, found)
    _refuse_different_rows(rows_by_image, [name for name, _ in columns], found)
    labels = [_read_column(name, kind, row_of, len(source), found) for name, kind in columns]
    for index in range(len(source)):
        if index not in rows_by_image:
            found.problems[index].append(f"no row in {read.name}")
    good = [index not in found.problems for index in range(len(source))]
    if not any(good):
        problems = [f"{source.items[index].name}: {', '.join(why)}" for index, why in found.problems.items()]
        raise DataError(listed(f"No image of {source.name} has all labels in {read.name}:", problems, most=10))
    problems = [Problem(source.items[index].name, ", ".join(why)) for index, why in sorted(found.problems.items())]
    if source.classes:
        found.notes.append(f"Labels are those of {read.name}; the {len(source.classes)} classes of {source.name} are not used beside them.")
    kept = source.select(good, "labeled")
    values = [label.values[good] for label in labels]
    key = [(label.name, label.classes, each.tobytes()) for label, each in zip(labels, values, strict=True)]
    alone = len(labels) == 1 and labels[0].classes  # then it is what classes by folder are
    return replace(
        kept,
        items=[Item(item.name, int(values[0][place]) if alone else None) for place, item in enumerate(kept.items)],
        identify=lambda: hash_key("label columns", source.key, key, problems),
        classes=alone or (),
        labels=() if alone else tuple(label._replace(values=each) for label, each in zip(labels, values, strict=True)),
        problems=(*source.problems, *problems),
        notes=(*source.notes, *found.notes),
    )


# ------------------------------------------------------------------------------------------------------ from file to text


def _read(source: Source, table: str) -> _Table:
    """The table at a path, or of that name in the source."""
    path = Path(table).expanduser()
    try:
        content = path.read_bytes() if path.is_file() else read_file_of(source, table)
    except OSError as problem:
        raise DataError(f"{table} cannot be read: {problem.strerror}.") from None
    if content is None:
        raise DataError(f"There is no table {table}, neither as a file nor in {source.name}.")
    if path.suffix.lower() not in {".csv", ".tsv", ".txt", ".json"}:
        raise DataError(
            f"{table} has the ending {path.suffix!r}, and labels are a .csv, a .tsv or StyleGAN's dataset.json. Save it as CSV."
        )
    read = _read_json(content, path.name) if path.suffix.lower() == ".json" else _read_csv(content, path.name)
    if not read.rows:
        raise DataError(f"{table} has no rows.")
    return read


def _read_csv(content: bytes, name: str) -> _Table:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(f"{name} is not UTF-8 text ({problem}). Save it as 'CSV UTF-8'.") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as problem:
        raise DataError(f"{name} cannot be read as CSV: {problem}.") from None
    columns = [cell.strip() for cell in lines[0]] if lines else []
    repeated = [column for column, count in Counter(columns).items() if count > 1 and column]
    if len(columns) < 2 or repeated:
        wrong = f"It has several columns called {', '.join(repeated)}." if repeated else f"Its heading is {', '.join(columns) or 'empty'}."
        raise DataError(f"{name} needs a heading with a column of files and one for each label. {wrong}")
    commas = delimiter == ";"  # where spreadsheets write decimals with commas

    def clean(cell: str) -> str:
        return cell.strip().replace(",", ".") if commas and re.fullmatch(r"\s*[+-]?\d+,\d+\s*", cell) else cell.strip()

    rows = [(f"row {number}", dict(zip(columns, map(clean, line), strict=False))) for number, line in enumerate(lines, 1) if any(line)]
    return _Table(name, columns, rows[1:])


def _read_json(content: bytes, name: str) -> _Table:
    """StyleGAN's dataset.json: {"labels": [["00000/img00000000.png", 6], ["00000/img00000001.png", [0.5, 1]], ...]}."""
    wanted = f'{name} is not what StyleGAN\'s dataset tool writes, {{"labels": [["00000/img00000000.png", [0.5, 1]], ...]}}'
    try:
        labels = json.loads(content)["labels"] or []
        pairs = [(str(file), each if isinstance(each, list) else [each]) for file, each in labels]
    except (ValueError, TypeError, KeyError) as problem:
        raise DataError(f"{wanted}: {problem!r}.") from None
    lengths = {len(vector) for _, vector in pairs}
    if len(lengths) > 1:
        raise DataError(f"{wanted}: its labels have different lengths ({', '.join(map(str, sorted(lengths)))}).")
    columns = ["label"] if lengths == {1} else [f"label{number}" for number in range(max(lengths, default=0))]
    rows = [
        (f"entry {number}", {"file": file, **{column: str(value) for column, value in zip(columns, vector, strict=True)}})
        for number, (file, vector) in enumerate(pairs)
    ]
    return _Table(name, ["file", *columns], rows)


# ------------------------------------------------------------------------------------------------------ from rows to images


def _written_names(source: Source) -> dict[str, int]:
    """The image that each way to write its name means: its path, from the top folder too, and its file's name, with and without ending,
    where that is of one image alone.
    """
    forms: dict[str, set[int]] = defaultdict(set)
    for index, item in enumerate(source.items):
        path = PurePosixPath(item.name)
        for form in (path.name, path.stem, *([str(int(item.name))] if item.name.isdecimal() else [])):
            forms[form].add(index)
    unique = {form: min(which) for form, which in forms.items() if len(which) == 1}
    full = {item.name: index for index, item in enumerate(source.items)}
    return {**unique, **{name.removeprefix(source.top): index for name, index in full.items()}, **full}


def _match_rows(source: Source, table: _Table) -> tuple[str, dict[int, list[tuple[str, Row]]], list[str]]:
    """The column of files (that with most names of images), the rows of each image, and notes."""
    known = _written_names(source)
    counts = {column: sum(_plain(row.get(column, "")) in known for _, row in table.rows) for column in table.columns}
    column = max(counts, key=lambda name: counts[name])
    if not counts[column]:
        cells = [table.rows[0][1].get(name, "") for name in table.columns]
        raise DataError(
            f"No column of {table.name} names images of {source.name}. Its first row is {', '.join(cells)}; images are called "
            f"{name_examples([item.name for item in source.items])}."
        )
    found: dict[int, list[tuple[str, Row]]] = defaultdict(list)
    without = []
    for place, row in table.rows:
        index = known.get(_plain(row.get(column, "")))
        if index is None:
            without.append(f"{row.get(column) or 'nothing'} in {place}")
        else:
            found[index].append((place, row))
    notes = [f"{plural(len(without), 'row', 'rows')} of {table.name} without an image here: {name_examples(without)}."] if without else []
    return column, found, notes


def _plain(written: str) -> str:
    return written.replace("\\", "/").removeprefix("./")


def _refuse_different_rows(rows: Mapping[int, list[tuple[str, Row]]], columns: Sequence[str], found: _Findings) -> None:
    """Images whose rows have different labels become problems."""
    for index, several in rows.items():
        if len({tuple(row.get(column, "") for column in columns) for _, row in several}) > 1:
            found.problems[index].append(f"different labels in {', '.join(place for place, _ in several)}")


# ------------------------------------------------------------------------------------------------------ from text to labels


def _choose_columns(
    table: _Table, file_column: str, chosen: Sequence[str], rows: Mapping[int, tuple[str, Row]], found: _Findings
) -> list[tuple[str, Kind]]:
    """The columns to use, and what they are. Raises a DataError that lists those of `chosen` that cannot be used."""
    others = [column for column in table.columns if column and column != file_column]
    wanted: dict[str, Kind | None] = {}
    problems = []
    for written in chosen or others:
        name, _, kind = (written, "", "") if written in others else written.rpartition(":")
        if name not in others or kind not in {"", "class", "number"}:
            hint = "Behind a colon comes class or number." if name in others else did_you_mean(written, others)
            problems.append(f"{written!r} is no column of labels in {table.name}. {hint}")
        else:
            wanted[name] = kind or None  # pyright: ignore[reportArgumentType]
    columns: list[tuple[str, Kind]] = []
    for name, kind in wanted.items():
        cells = [cell for _, row in rows.values() if (cell := row.get(name, "")).lower() not in MISSING]
        found_kind, reason = _kind_of(cells, kind, every=not chosen)
        if found_kind is not None:
            columns.append((name, found_kind))
        elif chosen:
            problems.append(f"{name} {reason}")
        else:
            found.notes.append(f"The column {name} of {table.name} is passed over: it {reason}.")
    if problems or not columns:
        raise DataError(
            listed(f"{table.name} has no labels as asked for:", problems or [note for note in found.notes if "passed over" in note])
        )
    return columns


def _kind_of(cells: Sequence[str], asked: Kind | None, *, every: bool) -> tuple[Kind | None, str]:
    """What a column is, from its cells, or why it cannot be a label. `every`: all columns are used, so numbers of rows are passed over."""
    distinct = set(cells)
    if len(distinct) < 2:
        return None, f"has {f'the only value {next(iter(distinct))!r}' if distinct else 'no values'} in the rows of these images"
    numbers = [float(cell) for cell in cells if NUMBER.fullmatch(cell)]
    if asked == "number" or (asked is None and len(numbers) >= MOSTLY_NUMBERS * len(cells)):
        return _kind_of_numbers([number for number in numbers if math.isfinite(number)], asked, every=every)
    if len(distinct) > MOST_CLASSES or (len(distinct) > MOST_INTEGERS and 2 * len(distinct) > len(cells)):
        return None, f"has {len(distinct):,} different texts in {len(cells):,} rows, which are no classes"
    return "class", ""


def _kind_of_numbers(numbers: Sequence[float], asked: Kind | None, *, every: bool) -> tuple[Kind | None, str]:
    """See `_kind_of`."""
    distinct, whole = set(numbers), all(number % 1 == 0 for number in numbers)
    if len(distinct) < 2:
        return None, f"is to be numbers, and has {len(distinct)} different ones"
    if asked is None and whole and len(distinct) <= MOST_INTEGERS:
        return "class", ""
    if every and whole and len(distinct) == len(numbers) == max(distinct) - min(distinct) + 1:
        return None, "only numbers the rows"
    return "number", ""


def _read_column(name: str, kind: Kind, rows: Mapping[int, tuple[str, Row]], count: int, found: _Findings) -> LabelColumn:
    """The values of all images; those without one are problems."""
    texts: dict[int, str] = {}
    for index, (place, row) in rows.items():
        cell = row.get(name, "")
        if cell.lower() in MISSING:
            found.problems[index].append(f"no {name} in {place}")
        elif kind == "number" and not NUMBER.fullmatch(cell):
            found.problems[index].append(f"{name} is {cell!r} in {place}, which is no number")
        elif kind == "number" and not math.isfinite(float(cell)):
            found.problems[index].append(f"{name} is infinite in {place}")
        else:
            texts[index] = cell
    values = np.full(count, np.nan)
    if kind == "number":
        values[list(texts)] = [float(text) for text in texts.values()]
        return LabelColumn(name, (), values)
    whole = all(re.fullmatch(r"[+-]?(0|[1-9]\d*)(\.0*)?", text) for text in texts.values())  # 1.0 is 1, where others were missing
    texts = {index: str(int(float(text))) for index, text in texts.items()} if whole else texts
    classes = tuple(sorted_classes(texts.values()))
    numbers = {text: number for number, text in enumerate(classes)}
    values[list(texts)] = [numbers[text] for text in texts.values()]
    return LabelColumn(name, classes, values)
