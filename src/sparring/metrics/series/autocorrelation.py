"""Correlation of a series with itself some steps later."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from sparring.metrics.series.moments import mean_product, standardized


def autocorrelation(
    values: Float[np.ndarray, "paths steps"],
    lags: Sequence[int],
    counts: Int[np.ndarray, "paths steps"] | None = None,
    *,
    adjusted: bool = True,
) -> Float[np.ndarray, " lags"]:
    """Autocorrelation at each lag (0 or more steps, fewer than a path has), with the mean and the variance of all paths together.

    Adjusted, it is the mean over all pairs within paths, divided by the variance, so that it does not depend on how long the paths are.
    Otherwise, it is this times 1 - lag / steps: the usual biased estimator, which lies nearer to 0 the shorter the paths are (Brockwell and
    Davis 1991, equation 7.2.1). A pair counts as often as its first step does by `counts`; by default, once. Constant values give 0.
    """
    z = standardized(values, counts)
    found = np.array([mean_product(z, z, lag, counts) for lag in lags], np.float64)
    return found if adjusted else found * (1 - np.array(lags) / values.shape[1])


def autocorrelation_distance(
    real: Float[np.ndarray, "paths steps"], synthetic: Float[np.ndarray, "other_paths other_steps"], lags: Sequence[int]
) -> float:
    """Mean absolute difference of the adjusted autocorrelations at these lags: 0 is best, and 2 is the most that long paths can show."""
    return float(np.abs(autocorrelation(real, lags) - autocorrelation(synthetic, lags)).mean())
