"""A table as a list of arrays, and what every score of tables needs of it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sparring.core.errors import DataError

ColumnArray = Shaped[np.ndarray, " n"]
"""float64 numbers with NaN for missing values, or int32 codes with -1 for them."""
TableArrays = Sequence[np.ndarray]
"""Columns of one length."""


def holds_numbers(column: ColumnArray) -> bool:
    """Whether a column holds numbers rather than codes of categories."""
    return column.dtype.kind == "f"


def missing(column: ColumnArray) -> Bool[np.ndarray, " n"]:
    """Which values are missing."""
    return np.isnan(column) if holds_numbers(column) else column < 0


def present(column: ColumnArray) -> np.ndarray:
    """The values that are not missing."""
    return column[~missing(column)]


def take_rows(table: TableArrays, rows: np.ndarray | slice) -> list[np.ndarray]:
    """Some rows of a table."""
    return [column[rows] for column in table]


def check_tables(first: TableArrays, *others: TableArrays) -> None:
    """Raise a DataError unless all tables have the same columns and at least one row."""
    kinds = [holds_numbers(column) for column in first]
    for table in (first, *others):
        if not table or not len(table[0]):
            raise DataError("A table without rows or without columns cannot be scored.")
        if [holds_numbers(column) for column in table] != kinds:
            raise DataError("The tables do not have the same columns: their number, or which of them hold numbers, differs.")


def quantile_edges(numbers: Float[np.ndarray, " n"], bins: int) -> Float[np.ndarray, " edges"]:
    """The inner edges, at most `bins` - 1 and all different, of bins that hold about equally many of the present numbers.

    An edge is one of the numbers and belongs to the bin on its left, so a number that repeats is never divided.
    """
    known = present(numbers)
    if not len(known):
        return np.empty(0)
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
    return edges[edges < known.max()]


def bin_numbers(numbers: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]) -> Int[np.ndarray, " n"]:
    """The bin of each number; missing numbers have a bin of their own, the last one."""
    return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers)).astype(np.int64)


def positions_in(reference: Float[np.ndarray, " n"], numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Where each number stands in the distribution of the reference, from 0 to 1 (ties count half); NaN stays NaN."""
    known = np.sort(present(reference))
    middle = (np.searchsorted(known, numbers) + np.searchsorted(known, numbers, side="right")) / (2 * max(len(known), 1))
    return np.where(np.isnan(numbers), np.nan, middle)


def match_ids(table: TableArrays) -> Int[np.ndarray, " n"]:
    """A number for each row, the same for rows that are equal in every column (missing values equal each other)."""
    same = np.zeros(len(table[0]), np.int64)
    for column in table:
        _, values = np.unique(column, return_inverse=True)
        _, same = np.unique(same * (int(values.max(initial=0)) + 1) + values, return_inverse=True)
    return same
