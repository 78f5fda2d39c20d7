"""Tables of numbers in the files of other programs: CSV, JSON, lines of a log."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparring.core.errors import DataError

NAME = r"[A-Za-z_][\w/.]*(?:\((?:\w|\(\w*\))*\))?"
NAMED_NUMBER = re.compile(rf"({NAME}(?: {NAME})?) ?[:=] ?([^\s,;|)\]]+)")
"""As in "d_loss: 0.5", "[D loss: 0.5]", "g_loss=1.2", "D(G(z)): 0.1"."""
FEWEST_NAMED = 2
"""A line with at least this many named numbers is one of a log."""
STATISTIC = {"num", "mean", "std", "min", "max"}
"""Keys of a JSON object that stands for its mean."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Table:
    """A file read as a table."""

    rows: list[dict[str, str]]
    """The rows that are not empty, by column."""
    names: list[str]
    """The names of the columns."""
    separator: str = ","
    """What separates two columns."""


def tables_in(path: Path) -> Iterator[Table]:
    """The tables that a file can be read as, the likeliest first. Raises a DataError if it cannot be read."""
    text = text_of(path)
    if (found := from_json(text)) is not None:
        yield found
        return
    if text.lstrip().startswith("{"):
        raise DataError(f"{path} begins like JSON, and is damaged: wanted are an object in each line, or a list for each column.")
    try:
        yield from_csv(text)
    except csv.Error as problem:
        raise DataError(f"{path} cannot be read as CSV: {problem}") from None
    yield named_numbers(text)


def text_of(path: Path) -> str:
    """A file's text: UTF-8, UTF-16 with its mark, or else Latin-1, in which the usual names and numbers are as in other encodings."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    try:
        return content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def from_json(text: str) -> Table | None:
    """A table of JSON: objects, one in each line (the last may still be incomplete) or in a list, or an object with a list for each
    column. None if the text is no JSON.
    """
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        rows = [row for row in map(flatten, objects(text)) if row]
    except (ValueError, RecursionError):
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table([dict.fromkeys(names, "") | row for row in rows], names)


def objects(text: str) -> list[object]:
    """The objects of a text in JSON; a ValueError if it is none."""
    try:
        whole = json.loads(text)
    except ValueError:
        *lines, last = [line for line in text.splitlines() if line.strip()]
        found = [json.loads(line) for line in lines]
        try:
            return [*found, json.loads(last)]
        except ValueError:
            if not found:
                raise
            return found
    if isinstance(whole, dict) and whole and all(isinstance(column, list) for column in whole.values()):
        return [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]
    return whole if isinstance(whole, list) else [whole]


def flatten(found: object, within: str = "") -> dict[str, str]:
    """Numbers and texts by name, those of inner objects by "outer/inner"; a statistic is its mean."""
    if isinstance(found, dict):
        if within and "mean" in found and found.keys() <= STATISTIC:
            return flatten(found["mean"], within)
        rows = [flatten(value, f"{within}/{name}" if within else str(name)) for name, value in found.items()]
        return {name: value for row in rows for name, value in row.items()}
    if not within or isinstance(found, bool | list):
        return {}
    return {within: "" if found is None else str(found)}


def from_csv(text: str) -> Table:
    """A table with a heading, and commas, semicolons or tabs between columns."""
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    rows = [row for row in reader if any((cell or "").strip() for name, cell in row.items() if name is not None)]
    return Table(rows, [name for name in reader.fieldnames or () if name], separator)


def named_numbers(text: str) -> Table:
    """A table of the lines of a log, with a name before each number."""
    lines = [NAMED_NUMBER.findall(line) for line in text.splitlines()]
    rows = [dict(pairs) for pairs in lines if len(pairs) >= FEWEST_NAMED]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table([dict.fromkeys(names, "") | row for row in rows], names)
