"""How far apart the distributions of a measure are."""

import numpy as np
from jaxtyping import Float64

GRID = 256
NARROWEST = 0.05
"""Smallest width of a kernel, in standard deviations of the real values: measures that count have few values."""


def wasserstein(real: Float64[np.ndarray, " n"], made: Float64[np.ndarray, " m"]) -> float:
    """Wasserstein distance of two samples, in standard deviations of the real one (of values that are all alike: in their own unit). What
    is NaN is left out; 1 standard deviation at least counts for samples without any value where the other has some.
    """
    real, made = real[~np.isnan(real)], made[~np.isnan(made)]
    if not len(real) or not len(made):
        return 0.0 if len(real) == len(made) else 1.0
    levels = (np.arange(max(len(real), len(made))) + 0.5) / max(len(real), len(made))
    difference = np.abs(quantiles(real, levels) - quantiles(made, levels)).mean()
    deviation = real.std()
    return float(difference / deviation) if deviation > 0 else float(difference)


def quantiles(values: Float64[np.ndarray, " n"], levels: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """The inverse of the empirical distribution."""
    return np.sort(values)[np.minimum((levels * len(values)).astype(int), len(values) - 1)]


def overlapping_area(real: Float64[np.ndarray, " n"], made: Float64[np.ndarray, " m"]) -> float:
    """The area under both densities, from 0 to 1 (Yang and Lerch 2020, section 3.2). Kernels are normal, of Scott's width. What is NaN is
    left out; 0 for samples without any value where the other has some.
    """
    real, made = real[~np.isnan(real)], made[~np.isnan(made)]
    if not len(real) or not len(made):
        return 1.0 if len(real) == len(made) else 0.0
    smallest = NARROWEST * (real.std() or 1.0)
    widths = [max(each.std() * len(each) ** -0.2, smallest) for each in (real, made)]
    low, high = min(real.min(), made.min()) - 4 * max(widths), max(real.max(), made.max()) + 4 * max(widths)
    count = min(20_000, max(GRID, int((high - low) / min(widths) * 4)))
    grid = np.linspace(low, high, count)
    return float(np.minimum(density(real, widths[0], grid), density(made, widths[1], grid)).sum() * (grid[1] - grid[0]))


def density(values: Float64[np.ndarray, " n"], width: float, grid: Float64[np.ndarray, " g"]) -> Float64[np.ndarray, " g"]:
    """A kernel density estimate on a grid. Values that are equal are one kernel."""
    distinct, counts = np.unique(values, return_counts=True)
    total = np.zeros(len(grid))
    for value, count in zip(distinct, counts, strict=True):
        total += count * np.exp(-0.5 * ((grid - value) / width) ** 2)
    return total / (len(values) * width * np.sqrt(2 * np.pi))
