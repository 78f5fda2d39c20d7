"""Conditions on cells: "country=FR", "age>=60"."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.encoding import Encoding

Relation = Literal["=", "!=", "<", "<=", ">", ">="]
MISSING = "missing"
"""Written in place of a value: the cell is missing."""


@dataclass(frozen=True)
class Condition:
    """What one cell of a row must be."""

    column: str
    relation: Relation
    value: str | float
    """A category as text, or a number in the unit of its kind; NaN: missing."""
    text: str
    """As a person wrote it."""

    def holds(self, values: ColumnValues) -> Bool[np.ndarray, " n"]:
        """Which values of its column meet the condition, as booleans."""
        if values.numbers is None:
            assert values.codes is not None
            wanted = np.array([*(category == self.value for category in values.categories), self.value != self.value])
            found = wanted[values.codes]
            return found if self.relation == "=" else ~found
        if self.value != self.value:
            return values.missing if self.relation == "=" else ~values.missing
        return related(values.numbers, self.relation, float(self.value))


def related(numbers: Float64[np.ndarray, " n"], relation: Relation, value: float) -> Bool[np.ndarray, " n"]:
    """Which numbers stand in that relation to a value; missing ones do not."""
    with np.errstate(invalid="ignore"):
        found = {
            "=": numbers == value,
            "!=": numbers != value,
            "<": numbers < value,
            "<=": numbers <= value,
            ">": numbers > value,
            ">=": numbers >= value,
        }[relation]
    return found & ~np.isnan(numbers)


def parse_conditions(where: Iterable[str], columns: Sequence[Column], number_of: Mapping[str, "NumberReader"]) -> tuple[Condition, ...]:
    """Conditions as they are written. A SettingsError lists all that cannot be understood. `number_of`: by column, reads its numbers."""
    found, problems = [], []
    for text in where:
        try:
            found.append(_parse(text, columns, number_of))
        except ValueError as problem:
            problems.append(f"{text!r}: {problem}")
    if problems:
        raise SettingsError(listed("These conditions cannot be used:", problems))
    return tuple(found)


def _parse(text: str, columns: Sequence[Column], number_of: Mapping[str, "NumberReader"]) -> Condition:
    names = sorted((column.name for column in columns), key=len, reverse=True)
    match, name = None, ""
    for name in names:  # names may hold any character, so they are tried as they are
        if match := re.match(rf"\s*{re.escape(name)}\s*(!=|<=|>=|==|=|<|>)\s*(.*?)\s*$", text, re.DOTALL):
            break
    if match is None:
        general = re.match(r"\s*(.*?)\s*(!=|<=|>=|==|=|<|>)", text)
        if general is None:
            raise ValueError('a condition is a column, one of = != < <= > >= and a value, such as "age>=60".')
        raise ValueError(f"there is no column {general[1]!r}. {did_you_mean(general[1], names)}")
    column = next(column for column in columns if column.name == name)
    relation: Relation = "=" if match[1] == "==" else match[1]  # pyright: ignore[reportAssignmentType] (the pattern has no others)
    if match[2] == MISSING and relation in ("=", "!="):
        return Condition(name, relation, float("nan"), text)
    if column.is_numeric:
        return Condition(name, relation, number_of[name](match[2]), text)
    if relation not in ("=", "!="):
        raise ValueError(f"{name!r} is a {column.kind}, which is compared with = or !=, not with {relation}.")
    return Condition(name, relation, match[2], text)


class NumberReader:
    """Reads a number, date or duration as a person writes it. ValueError says what cannot be read."""

    def __init__(self, column: Column) -> None:
        self.column = column

    def __call__(self, text: str) -> float:
        """The number in the unit of the column's kind."""
        if self.column.kind == "datetime":
            try:
                value = np.datetime64(text.replace("Z", "").replace("/", "-"), "us")
            except ValueError:
                raise ValueError(f"{text!r} is no date: write 2024-01-31 or 2024-01-31T12:00:00.") from None
            return float(value.astype(np.int64)) / 1e6
        try:
            return float(text.replace(",", "")) if self.column.kind == "number" else float(text)
        except ValueError:
            raise ValueError(f"{self.column.name!r} is a {self.column.kind}, and {text!r} is no number.") from None


# ---------------------------------------------------------------------------------------------------------- on codes and positions


@dataclass(frozen=True, eq=False)
class Restriction:
    """What one encoded column may be in samples."""

    codes: Bool[np.ndarray, " codes"]
    """Whether each code of the column is allowed."""
    low: float = -1.0
    """Smallest position that is allowed."""
    high: float = 1.0
    """Largest position that is allowed."""

    @property
    def is_possible(self) -> bool:
        """Whether at least one code is allowed, so that rows can meet it."""
        return bool(self.codes.any())


def restriction_of(encoding: Encoding, conditions: Sequence[Condition]) -> Restriction:
    """What a column may be under all conditions on it. Of pieces with modes only the codes are restricted."""
    allowed = np.ones(encoding.codes, bool)
    codes = np.arange(encoding.codes, dtype=np.int32)
    known = encoding.decode(codes[: encoding.first_piece], np.zeros(encoding.first_piece, np.float32))
    low, high = -np.inf, np.inf
    for condition in conditions:
        if encoding.first_piece:
            allowed[: encoding.first_piece] &= condition.holds(known)
        wants_missing = condition.value != condition.value
        if wants_missing:
            allowed[encoding.first_piece :] &= condition.relation == "!="
        elif encoding.is_numeric:
            value = float(condition.value)
            margin = 0.0 if encoding.step is None else encoding.step / 2
            low = max(low, value + (margin if condition.relation == ">" else -margin)) if condition.relation in ("=", ">", ">=") else low
            high = min(high, value + (-margin if condition.relation == "<" else margin)) if condition.relation in ("=", "<", "<=") else high
    if not encoding.pieces:
        return Restriction(allowed)
    if low > encoding.highest or high < encoding.lowest or low > high:
        allowed[encoding.first_piece :] = False
    if encoding.modes:
        return Restriction(allowed)
    ranks = np.interp([max(low, encoding.lowest), min(high, encoding.highest)], encoding.grid, encoding.ranks)
    return Restriction(allowed, float(2 * ranks[0] - 1), float(2 * ranks[1] - 1))


def all_hold(conditions: Sequence[Condition], values: TableValues) -> Bool[np.ndarray, " n"]:
    """Which rows meet all conditions."""
    found = np.ones(len(next(iter(values.values()))), bool)
    for condition in conditions:
        found &= condition.holds(values[condition.column])
    return found
