"""The tables of one judgment as arrays with the same columns and codes, and its floor: the real columns drawn independently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.random_streams import stream_seed
from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.metrics.tables.column_arrays import TableArrays, take_rows

MIN_ROWS = 20
"""Number of rows that every table must have to be judged."""


@dataclass(frozen=True, eq=False)
class AlignedTables:
    """Several tables with the same columns: numbers as they are, and codes that mean the same category in every table."""

    columns: tuple[Column, ...]
    categories: tuple[tuple[str, ...], ...]
    """Of each column, what its codes mean; empty for numbers."""
    tables: tuple[list[np.ndarray], ...]
    """Each table as a list of columns."""


def align_tables(columns: Sequence[Column], *tables: TableValues) -> AlignedTables:
    """Bring the values of these columns onto the same codes in all tables; the first table is the real one.

    Raises a DataError that lists the columns which a table lacks, or which hold numbers in one table and categories in another.
    """
    _check_columns(columns, tables)
    vocabularies, aligned = [], [[] for _ in tables]
    for column in columns:
        values = [table[column.name] for table in tables]
        words = tuple(dict.fromkeys(word for each in values for word in each.categories)) if values[0].codes is not None else ()
        code_of = {word: code for code, word in enumerate(words)}
        for table, each in zip(aligned, values, strict=True):
            table.append(each.numbers if each.numbers is not None else _recode(each, code_of))
        vocabularies.append(words)
    return AlignedTables(tuple(columns), tuple(vocabularies), tuple(aligned))


def draw_independently(table: TableArrays, rows: int, random: np.random.Generator) -> list[np.ndarray]:
    """The floor: each column permuted by itself, so that columns are right and nothing else is. The first `rows` rows are kept."""
    return [column[random.permutation(len(column))[:rows]] for column in table]


def choose_rows(table: TableArrays, rows: int, random: np.random.Generator) -> list[np.ndarray]:
    """So many random rows of a table, each at most once; all of them if there are no more."""
    n = len(table[0])
    return list(table) if rows >= n else take_rows(table, np.sort(random.permutation(n)[:rows]))


def random_numbers(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and on what it is for, and on nothing drawn before."""
    return np.random.default_rng(stream_seed(seed, f"judge tables/{name}", 0))


def count_rows(table: TableValues) -> int:
    """Number of rows of a table; 0 without columns."""
    return len(next(iter(table.values()))) if table else 0


def take_table_rows(table: TableValues, rows: np.ndarray) -> dict[str, ColumnValues]:
    """Some rows of a table."""
    return {name: values.take(rows) for name, values in table.items()}


def _recode(values: ColumnValues, code_of: dict[str, int]) -> np.ndarray:
    assert values.codes is not None
    codes = np.array([*(code_of[word] for word in values.categories), -1], np.int32)
    return codes[values.codes]  # the code -1 reads the last place


def _check_columns(columns: Sequence[Column], tables: Sequence[TableValues]) -> None:
    names = ["The real table", "The synthetic table", "The table of held-out rows"]
    problems = []
    for name, table in zip(names, tables, strict=False):
        if lacking := [column.name for column in columns if column.name not in table]:
            problems.append(f"{name} lacks the column {lacking[0]!r}. {did_you_mean(lacking[0], table)}")
            problems += [f"{name} lacks the column {column!r}." for column in lacking[1:]]
        for column in columns:
            if column.name in table and (table[column.name].numbers is None) != (tables[0][column.name].numbers is None):
                kinds = "categories" if table[column.name].numbers is None else "numbers"
                problems.append(f"{name} holds {kinds} in the column {column.name!r}, and the real table does not.")
        if table and count_rows(table) < MIN_ROWS:
            problems.append(f"{name} has {count_rows(table):,} rows: at least {MIN_ROWS} are needed.")
    if problems:
        raise DataError(listed("These tables cannot be judged together:", problems))
