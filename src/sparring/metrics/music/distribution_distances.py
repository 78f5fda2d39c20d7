"""How far apart the distributions of a measure are."""

import numpy as np
from jaxtyping import Float64

FINE, LARGEST_GRID = 4, 20_000
"""Points of the grid in a kernel's width, and in all at most."""
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
    step = max(min(widths) / FINE, (high - low) / LARGEST_GRID)
    count = int((high - low) / step) + 2
    densities = [density(values, width, low, step, count) for values, width in zip((real, made), widths, strict=True)]
    return float(np.minimum(*densities).sum() * step)


def density(values: Float64[np.ndarray, " n"], width: float, low: float, step: float, count: int) -> Float64[np.ndarray, " g"]:
    """A kernel density estimate on a grid of `count` points from `low` on, from values that are put on the nearest points."""
    counts = np.bincount(np.round((values - low) / step).astype(int), minlength=count).astype(np.float64)
    reach = int(np.ceil(4 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    return np.convolve(counts, kernel, mode="full")[reach : reach + count] / (len(values) * kernel.sum() * step)
