"""Reads a table of labels beside the images: `labels.csv`."""

import csv
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from sparring.core.errors import DataError
from sparring.data.listed_images import Problem, name_examples

LABELS_FILE = "labels.csv"
FILE_COLUMNS = ("file", "filename", "file_name", "path", "filepath", "file_path", "image", "image_path", "picture")
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "category", "target", "y")


@dataclass(frozen=True)
class LabelTable:
    """The labels of a table."""

    classes: tuple[str, ...]
    """Names of the classes, by label."""
    labels: Mapping[str, int]
    """Class of each file, by the file's name in the source."""
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def sorted_classes(values: Collection[str]) -> list[str]:
    """Distinct class names in order: integers by value, others alphabetically with numbers inside names by value (a2, a10)."""
    distinct = set(values)
    if all(re.fullmatch(r"-?\d{1,18}", value) for value in distinct):
        return sorted(distinct, key=lambda value: (int(value), value))
    return sorted(
        distinct, key=lambda value: ([(int(part), "") if part.isdecimal() else (-1, part) for part in _split_at_digits(value)], value)
    )


def _split_at_digits(name: str) -> list[str]:
    """A name split where digits begin and end. Runs of more than 18 digits are split further, to fit into 64 bits."""
    return [part for part in re.split(r"(\d{1,18})", name) if part]


def classes_of_numbers(values: np.ndarray) -> tuple[tuple[str, ...], Int64[np.ndarray, " n"]]:
    """Class names in the order of `sorted_classes`, and the class index of each value."""
    distinct, labels = np.unique(values, return_inverse=True)
    names = [str(value) for value in distinct.tolist()]
    order = sorted_classes(names)
    numbers = {name: number for number, name in enumerate(order)}
    return tuple(order), np.array([numbers[name] for name in names], np.int64)[labels.reshape(-1)]


def read_labels(content: bytes, where: str, files: Mapping[str, str]) -> LabelTable:
    """Read a table with a column of files and one of labels (names or numbers).

    `files` maps each path as the table may write it to the file's name in the source. Unusable rows become problems. Raises a DataError if
    the whole table cannot be read.
    """
    rows, file_column, label_column = _parse_csv(content, where)
    found: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    repeated = []
    for number, row in enumerate(rows, start=2):
        written = (row.get(file_column) or "").strip().replace("\\", "/").removeprefix("./")
        label = (row.get(label_column) or "").strip()
        name = files.get(written)
        if not written:
            problems[f"row {number}"] = Problem(f"{where}, row {number}", "no file is named")
        elif name is None:
            problems[written] = Problem(written, f"named in {where}, row {number}, but there is no such file")
        elif not label:
            problems[name] = Problem(name, f"no label in {where}, row {number}")
        elif found.get(name, label) != label:
            problems[name] = Problem(name, f"different labels in {where}: {found[name]!r} and {label!r}")
        else:
            if name in found:
                repeated.append(name)
            found[name] = label
    notes = (f"{where} names {len(repeated)} files more than once with the same label ({name_examples(repeated)}).",) if repeated else ()
    good = {name: label for name, label in found.items() if name not in problems}
    classes = sorted_classes(good.values())
    numbers = {label: number for number, label in enumerate(classes)}
    return LabelTable(tuple(classes), {name: numbers[label] for name, label in good.items()}, tuple(problems.values()), notes)


def _parse_csv(content: bytes, where: str) -> tuple[list[dict[str, str]], str, str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(f"{where} is not UTF-8 text ({problem}). Save it as 'CSV UTF-8'.") from None
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = {str(column).strip().lower(): column for column in reader.fieldnames or ()}
        rows = list(reader)
    except csv.Error as problem:
        raise DataError(f"{where} cannot be read as CSV: {problem}.") from None
    file_column = next((columns[name] for name in FILE_COLUMNS if name in columns), None)
    label_column = next((columns[name] for name in LABEL_COLUMNS if name in columns), None)
    if file_column is None or label_column is None:
        raise DataError(
            f"{where} needs a heading with a column of files ({', '.join(FILE_COLUMNS)}) and one of labels "
            f"({', '.join(LABEL_COLUMNS)}). Its columns are: {', '.join(columns) or 'none'}. To use those as labels, give the table "
            "another name, and name that with --labels."
        )
    return rows, file_column, label_column
