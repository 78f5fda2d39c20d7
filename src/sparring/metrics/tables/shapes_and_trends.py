"""Column shapes and pair trends, and their mean, the quality of a synthetic table.

The scores are those of SDMetrics (MIT; `QualityReport`) with changes, because one extreme value in one row takes their pair trends from
1.0 to 0.5: numbers are binned by quantiles of the real column rather than by each side's own range, and two numbers are compared by the
correlation of their positions in the real distribution (Spearman's) rather than by that of the numbers (Pearson's). All pairs count, where
SDMetrics counts only those that it finds associated in the real table, which one row may change. `bin_by_own_range` keeps SDMetrics'
definition (of version 0.32), to compare with figures published elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sparring.metrics.tables.column_arrays import (
    ColumnArray,
    TableArrays,
    bin_numbers,
    check_tables,
    holds_numbers,
    positions_in,
    present,
    quantile_edges,
)

BINS = 10
"""Number of bins of a number in a pair trend, as in SDMetrics."""
RESAMPLES = 20
"""Number of bootstrap resamples of a standard error."""
MIN_CORRELATION, MIN_ASSOCIATION = 0.5, 0.3
"""SDMetrics counts only pairs whose real side has a larger absolute correlation, or a larger Cramér's V, than these."""
MAX_CELLS = 1_000_000
"""A joint table with more cells than this keeps only those that occur."""


@dataclass(frozen=True, eq=False)
class PreparedColumn:
    """One side of one column, ready to be counted under any weights of its rows."""

    values: Int[np.ndarray, " n"]
    """Index of each value among the sorted values of both sides; `n_values` where it is missing."""
    n_values: int
    bins: Int[np.ndarray, " n"]
    """Cell of each value in joint tables; missing values have one of their own."""
    n_bins: int
    positions: Float[np.ndarray, " n"] | None
    """What correlations are taken of, for numbers; NaN where missing."""


@dataclass(frozen=True, eq=False)
class PreparedTables:
    """Two tables with the same columns, ready for shapes and pair trends."""

    real: tuple[PreparedColumn, ...]
    synthetic: tuple[PreparedColumn, ...]
    only_associated: bool = False
    """Whether pairs count only if they are associated in the real table."""

    @cached_property
    def counted(self) -> Bool[np.ndarray, "d d"]:
        """Which pairs of columns count (below the diagonal)."""
        pairs = np.tri(len(self.real), k=-1, dtype=bool)
        if self.only_associated:
            for i, j in np.argwhere(pairs):
                pairs[i, j] = _is_associated(self.real[i], self.real[j])
        return pairs


@dataclass(frozen=True, eq=False)
class Quality:
    """Column shapes and pair trends of one synthetic table."""

    shapes: Float[np.ndarray, " d"]
    """Of each column, from 0 to 1 (best); NaN where both sides are missing throughout."""
    trends: Float[np.ndarray, "d d"]
    """Of each pair of columns, symmetric; NaN on the diagonal and where the real side has no correlation."""

    @property
    def shape(self) -> float:
        """Mean over columns; NaN without any."""
        return _mean(self.shapes)

    @property
    def trend(self) -> float:
        """Mean over pairs of columns; NaN without any."""
        return _mean(self.trends)

    @property
    def value(self) -> float:
        """The mean of mean shape and mean trend (the mean shape alone where there are no pairs)."""
        return self.shape if np.isnan(self.trend) else (self.shape + self.trend) / 2


def column_shape(real: ColumnArray, synthetic: Shaped[np.ndarray, " m"]) -> float:
    """How alike the distributions of two columns are: 1 minus the Kolmogorov-Smirnov distance of numbers, 1 minus the total variation
    distance of categories. Missing values are left out; 0 if only one side has values, NaN if none has.
    """
    return float(compare(bin_by_real_quantiles([real], [synthetic])).shapes[0])


def bin_by_real_quantiles(real: TableArrays, synthetic: TableArrays) -> PreparedTables:
    """Prepare two tables for our definition of pair trends. Raises a DataError if they do not have the same columns."""
    check_tables(real, synthetic)
    columns = []
    for a, b in zip(real, synthetic, strict=True):
        if not holds_numbers(a):
            columns.append(_prepare_codes(a, b))
            continue
        edges = quantile_edges(a, BINS)
        bins, positions = [bin_numbers(side, edges) for side in (a, b)], [positions_in(a, side) for side in (a, b)]
        columns.append(_prepare_numbers(a, b, bins, len(edges) + 2, positions))
    return PreparedTables(tuple(a for a, _ in columns), tuple(b for _, b in columns))


def bin_by_own_range(real: TableArrays, synthetic: TableArrays) -> PreparedTables:
    """Prepare two tables for SDMetrics' definition of pair trends: 10 bins of each side's own range, Pearson's correlation, and only pairs
    that are associated in the real table.

    Raises a DataError if the tables do not have the same columns.
    """
    check_tables(real, synthetic)
    columns = []
    for a, b in zip(real, synthetic, strict=True):
        if holds_numbers(a):
            bins = [np.digitize(side, _range_edges(side)) for side in (a, b)]  # the largest number and missing ones share the last bin
            columns.append(_prepare_numbers(a, b, bins, BINS + 2, [_centered(a), _centered(b)]))
        else:
            columns.append(_prepare_codes(a, b))
    return PreparedTables(tuple(a for a, _ in columns), tuple(b for _, b in columns), only_associated=True)


def compare(
    tables: PreparedTables, weights: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]] | tuple[None, None] = (None, None)
) -> Quality:
    """All column shapes and pair trends. `weights` are those of the rows of the real and the synthetic side (all equal by default)."""
    a, b = tables.real, tables.synthetic
    shapes = np.array([_shape(*sides, weights) for sides in zip(a, b, strict=True)])
    trends = np.full((len(a), len(a)), np.nan)
    for i, j in np.argwhere(tables.counted):
        numeric = a[i].positions is not None and a[j].positions is not None
        trend = _correlation_trend if numeric else _joint_trend
        trends[i, j] = trends[j, i] = trend((a[i], a[j]), (b[i], b[j]), weights)
    return Quality(shapes, trends)


def resampled(tables: PreparedTables, random: np.random.Generator, resamples: int = RESAMPLES) -> Iterator[Quality]:
    """The scores of bootstrap resamples of the rows of both sides, whose spread is the standard error of the scores."""
    n, m = len(tables.real[0].values), len(tables.synthetic[0].values)
    for _ in range(resamples):
        yield compare(tables, tuple(np.bincount(random.integers(0, k, k), minlength=k).astype(float) for k in (n, m)))  # pyright: ignore[reportArgumentType]


def _mean(scores: np.ndarray) -> float:
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if len(known) else float("nan")


def _prepare_codes(real: np.ndarray, synthetic: np.ndarray) -> tuple[PreparedColumn, PreparedColumn]:
    n = int(max(real.max(), synthetic.max())) + 1
    sides = (np.where(side < 0, n, side).astype(np.int64) for side in (real, synthetic))
    a, b = (PreparedColumn(side, n, side, n + 1, None) for side in sides)
    return a, b


def _prepare_numbers(
    real: np.ndarray, synthetic: np.ndarray, bins: list[np.ndarray], n_bins: int, positions: list[np.ndarray]
) -> tuple[PreparedColumn, PreparedColumn]:
    known = np.unique(np.concatenate([present(real), present(synthetic)]))
    values = (np.where(np.isnan(side), len(known), np.searchsorted(known, side)) for side in (real, synthetic))
    a, b = (PreparedColumn(v, len(known), cells, n_bins, p) for v, cells, p in zip(values, bins, positions, strict=True))
    return a, b


def _range_edges(numbers: np.ndarray) -> np.ndarray:
    known = present(numbers)
    return np.linspace(known.min(), known.max(), BINS + 1) if len(known) else np.zeros(BINS + 1)


def _centered(numbers: np.ndarray) -> np.ndarray:
    """The numbers less their mean, so that correlations of large numbers (dates in seconds) keep their digits."""
    known = present(numbers)
    return numbers - known.mean() if len(known) else numbers


def _shape(real: PreparedColumn, synthetic: PreparedColumn, weights: tuple[np.ndarray | None, np.ndarray | None]) -> float:
    shares = []
    for side, w in zip((real, synthetic), weights, strict=True):
        counts = np.bincount(side.values, w, minlength=side.n_values + 1)[: side.n_values]
        shares.append(counts / counts.sum() if counts.sum() else None)
    if shares[0] is None or shares[1] is None:
        return float("nan") if shares[0] is shares[1] else 0.0
    difference = shares[0] - shares[1]
    return float(1 - np.abs(np.cumsum(difference)).max()) if real.positions is not None else float(1 - np.abs(difference).sum() / 2)


Pair = tuple[PreparedColumn, PreparedColumn]


def _joint_trend(real: Pair, synthetic: Pair, weights: tuple[np.ndarray | None, np.ndarray | None]) -> float:
    """1 minus the total variation distance of the joint tables of a pair."""
    cells = [first.bins * second.n_bins + second.bins for first, second in (real, synthetic)]
    n_cells = real[0].n_bins * real[1].n_bins
    if n_cells > MAX_CELLS:
        occurring, joined = np.unique(np.concatenate(cells), return_inverse=True)
        cells, n_cells = [joined[: len(cells[0])], joined[len(cells[0]) :]], len(occurring)
    p, q = (np.bincount(side, w, minlength=n_cells) for side, w in zip(cells, weights, strict=True))
    return float(1 - np.abs(p / p.sum() - q / q.sum()).sum() / 2)


def _is_associated(first: PreparedColumn, second: PreparedColumn) -> bool:
    """Whether SDMetrics counts this pair: by its Pearson correlation, or by Cramér's V of the joint table."""
    if first.positions is not None and second.positions is not None:
        return bool(abs(np.nan_to_num(_correlation(first, second, None))) > MIN_CORRELATION)
    cells, counts = np.unique(first.bins * second.n_bins + second.bins, return_counts=True)
    rows, columns = np.bincount(first.bins), np.bincount(second.bins)
    smaller = min(np.count_nonzero(rows), np.count_nonzero(columns)) - 1
    if smaller < 1:
        return False
    phi = (counts / rows[cells // second.n_bins] * counts / columns[cells % second.n_bins]).sum() - 1  # chi-squared over n
    return bool(np.sqrt(max(phi, 0.0) / smaller) > MIN_ASSOCIATION)


def _correlation_trend(real: Pair, synthetic: Pair, weights: tuple[np.ndarray | None, np.ndarray | None]) -> float:
    """1 minus half the difference of the correlations of a pair. A synthetic side without a correlation counts as one of 0."""
    a, b = (_correlation(first, second, w) for (first, second), w in zip((real, synthetic), weights, strict=True))
    return float("nan") if np.isnan(a) else float(1 - abs(a - (0.0 if np.isnan(b) else b)) / 2)


def _correlation(first: PreparedColumn, second: PreparedColumn, w: np.ndarray | None) -> float:
    """Weighted Pearson correlation over the rows where both numbers are present; NaN where one of them does not vary."""
    x, y = first.positions, second.positions
    assert x is not None
    assert y is not None
    known = ~(np.isnan(x) | np.isnan(y))
    if not known.any():
        return float("nan")
    if not known.all():
        x, y, w = x[known], y[known], None if w is None else w[known]
    if w is None:
        w = np.ones(len(x))
    if not w.sum():
        return float("nan")
    w = w / w.sum()
    x, y = x - w @ x, y - w @ y
    spread = np.sqrt((w @ (x * x)) * (w @ (y * y)))
    constant = np.ptp(x) <= 1e-12 * max(1.0, np.abs(x).max()) or np.ptp(y) <= 1e-12 * max(1.0, np.abs(y).max())
    return float("nan") if constant or not spread else float(np.clip((w @ (x * y)) / spread, -1, 1))
