"""Nearest rows of tables: Gower's distance in blocks, and an embedding for scores of neighborhoods."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int

from sparring.metrics.tables.column_arrays import TableArrays, check_tables, holds_numbers, positions_in, present

BLOCK = 64, 4096
"""Number of rows of the one and of the other table whose distances are in memory at once: they fit into a processor's cache."""
MISSING = 1e9
"""Stands for a missing number in units of the range: 1 away from every number, after capping, and 0 from itself."""
FAR = 1e5
"""Numbers are taken to lie at most so many ranges away, so that none comes near `MISSING`."""
MAX_ONE_HOT = 100
"""Number of categories of a column with a direction of their own in the embedding: the others share one."""


@dataclass(frozen=True, eq=False)
class NearestRows:
    """The nearest rows of another table, nearest first."""

    indices: Int[np.ndarray, "n k"]
    distances: Float[np.ndarray, "n k"]
    """Gower's distances, from 0 to 1."""


def column_ranges(*tables: TableArrays) -> Float[np.ndarray, " d"]:
    """The range of each column of numbers over all of the tables, by which Gower's distance divides; 0 for categories."""
    ranges = []
    for sides in zip(*tables, strict=True):
        known = np.concatenate([present(side) for side in sides])
        ranges.append(float(known.max() - known.min()) if holds_numbers(sides[0]) and len(known) else 0.0)
    return np.array(ranges)


def nearest_rows(rows: TableArrays, to: TableArrays, ranges: Float[np.ndarray, " d"] | None = None, k: int = 1) -> NearestRows:
    """The `k` nearest rows in the table `to` of each row, by Gower's distance (1971): the mean over columns of min(|difference| / range, 1)
    for numbers and of inequality for categories. A missing value is 1 away from all but another missing one.

    `ranges` divide the numbers; by default, the ranges of `to`. Of rows at the same distance, the first is nearest. Found in float32;
    distances are then computed again in float64. Raises a DataError if the tables do not have the same columns, or `to` fewer than k rows.
    """
    check_tables(rows, to)
    if ranges is None:
        ranges = column_ranges(to)
    n, m = len(rows[0]), len(to[0])
    k = min(k, m)
    a, b = _scaled(rows, to, ranges), _scaled(to, to, ranges)
    indices, found = np.zeros((n, k), np.int64), np.full((n, k), np.inf, np.float32)
    for start in range(0, n, BLOCK[0]):
        part = slice(start, start + BLOCK[0])
        for other in range(0, m, BLOCK[1]):
            distances = _block([column[part] for column in a], [column[other : other + BLOCK[1]] for column in b])
            _keep_nearest(indices[part], found[part], distances, other)
    exact = np.zeros((n, k))
    for i in range(k):
        exact[:, i] = gower_distances(rows, [column[indices[:, i]] for column in to], ranges)
    return NearestRows(indices, exact)


def gower_distances(first: TableArrays, second: TableArrays, ranges: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Gower's distance of each row to the row at the same place in the other table."""
    total = np.zeros(len(first[0]))
    for x, y, width in zip(first, second, ranges, strict=True):
        if not holds_numbers(x):
            total += x != y
            continue
        difference = np.minimum(np.abs(x - y) / width, 1) if width else (x != y).astype(float)
        difference[np.isnan(x) | np.isnan(y)] = 1
        total += np.where(np.isnan(x) & np.isnan(y), 0, difference)
    return total / len(first)


def embed_rows(real: TableArrays, *tables: TableArrays) -> list[Float32[torch.Tensor, "n width"]]:
    """The real table and others as points: numbers at their positions in the real distribution, each category at 1 from every other one.

    One extreme value moves nothing by more than 1. A missing number lies in the middle, 1 away along a direction of its own.
    """
    check_tables(real, *tables)
    parts: list[list[np.ndarray]] = [[] for _ in (real, *tables)]
    for sides in zip(real, *tables, strict=True):
        if holds_numbers(sides[0]):
            blocks = [_embed_numbers(sides[0], side) for side in sides]
        else:
            blocks = [_embed_codes(sides[0], side) for side in sides]
        for part, block in zip(parts, blocks, strict=True):
            part.append(block)
    return [torch.from_numpy(np.concatenate(part, axis=1, dtype=np.float32)) for part in parts]


def _embed_numbers(real: np.ndarray, column: np.ndarray) -> np.ndarray:
    gap = np.isnan(column)
    return np.stack([np.where(gap, 0.5, positions_in(real, column)), gap], axis=1)


def _embed_codes(real: np.ndarray, column: np.ndarray) -> np.ndarray:
    counts = np.bincount(present(real), minlength=1)
    common = np.argsort(-counts, kind="stable")[:MAX_ONE_HOT]
    places = np.full(max(len(counts), int(column.max(initial=-1)) + 1) + 1, len(common))  # the last place is read by the code -1
    places[common] = np.arange(len(common))
    places[-1] = len(common) + 1
    return np.eye(len(common) + 2)[places[column]] / np.sqrt(2)


def _scaled(table: TableArrays, to: TableArrays, ranges: np.ndarray) -> list[np.ndarray]:
    """Numbers in units of their range, from the smallest one of `to`, as float32; and codes as they are."""
    columns = []
    for column, reference, width in zip(table, to, ranges, strict=True):
        if not holds_numbers(column):
            columns.append(column)
            continue
        known = present(reference)
        offset = column - (known.min() if len(known) else 0.0)
        scaled = np.clip(offset / width, -FAR, FAR) if width else np.sign(offset)
        columns.append(np.where(np.isnan(scaled), MISSING, scaled).astype(np.float32))
    return columns


def _block(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    """Sums over columns of the distances of all pairs of rows of two blocks, as float32."""
    shape = len(a[0]), len(b[0])
    total, unequal = np.zeros(shape, np.float32), np.zeros(shape, np.uint16)  # small integers are added several times faster
    difference, flags = np.empty(shape, np.float32), np.empty(shape, bool)
    for x, y in zip(a, b, strict=True):
        if holds_numbers(x):
            np.subtract(x[:, None], y[None], out=difference)
            np.abs(difference, out=difference)
            np.minimum(difference, 1, out=difference)
            total += difference
        else:
            np.not_equal(x[:, None], y[None], out=flags)
            unequal += flags
    total += unequal
    return total


def _keep_nearest(indices: np.ndarray, found: np.ndarray, distances: np.ndarray, offset: int) -> None:
    """Merge a block's nearest rows into those found so far, in place. Earlier rows win ties."""
    rows = np.arange(len(distances))
    for _ in range(found.shape[1]):
        best = distances.argmin(axis=1)
        values, places = distances[rows, best], best + offset
        distances[rows, best] = np.inf
        if not (values < found[:, -1]).any():
            return
        for i in range(found.shape[1]):  # one step of an insertion sort, for all rows at once
            better = values < found[:, i]
            values, found[:, i] = np.where(better, found[:, i], values), np.where(better, values, found[:, i])
            places, indices[:, i] = np.where(better, indices[:, i], places), np.where(better, places, indices[:, i])
