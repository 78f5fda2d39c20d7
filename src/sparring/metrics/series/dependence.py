"""How channels depend on each other and values on the phase of a season, and how far a synthetic series is from a real one in both."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from sparring.metrics.series.moments import mean_product, standardized


def cross_correlations(
    values: Float[np.ndarray, "paths steps channels"], lags: Sequence[int]
) -> Float[np.ndarray, "lags channels channels"]:
    """Correlation of channel i (second axis) with channel j (third axis) `lag` steps later, for lags of 0 or more that fit into the paths.

    Means and variances are those of all paths together, and the mean is over all pairs within paths, so that it does not depend on how long
    the paths are. Constant channels have a correlation of 0 with all, themselves included.
    """
    channels = [standardized(values[:, :, i]) for i in range(values.shape[2])]
    return np.array([[[mean_product(a, b, lag) for b in channels] for a in channels] for lag in lags], np.float64)


def cross_correlation_distance(
    real: Float[np.ndarray, "paths steps channels"],
    synthetic: Float[np.ndarray, "other_paths other_steps channels"],
    lags: Sequence[int] = (0, 1),
) -> float:
    """Mean absolute difference of the correlations of different channels at these lags. 0 is best, and 0 for a single channel.

    What a channel has to do with itself is left out: `autocorrelation_distance` scores it.
    """
    different = ~np.eye(real.shape[2], dtype=bool)
    if not different.any():
        return 0.0
    return float(np.abs(cross_correlations(real, lags) - cross_correlations(synthetic, lags))[:, different].mean())


def phases(paths: int, steps: int, period: int, first: Int[np.ndarray, " paths"] | int = 0) -> Int[np.ndarray, "paths steps"]:
    """Phase of every step, from 0 to `period` - 1. `first`: phase of the first step of each path, or of all of them."""
    assert period >= 1, f"A period has at least one step, not {period}"
    return (np.broadcast_to(first, paths)[:, None] + np.arange(steps)) % period


def seasonal_profile(
    values: Float[np.ndarray, "paths steps"], period: int, first: Int[np.ndarray, " paths"] | int = 0
) -> Float[np.ndarray, " period"]:
    """Mean of the values at each phase, in their unit. `first`: phase of the first step of each path, or of all of them.

    A phase that no step has is given the mean of all values.
    """
    phase = phases(values.shape[0], values.shape[1], period, first).ravel()
    counts, sums = (np.bincount(phase, weights, minlength=period) for weights in (None, values.ravel()))
    return np.where(counts > 0, sums / np.maximum(counts, 1), values.mean())


def seasonal_strength(values: Float[np.ndarray, "paths steps"], period: int, first: Int[np.ndarray, " paths"] | int = 0) -> float:
    """Share of the variance that the phase explains, adjusted for the number of phases: 1 - (1 - R²)(n - 1) / (n - phases), which is
    Kelley's epsilon squared (1935), at least 0. `first`: phase of the first step of each path, or of all of them.

    Between 0 (no season) and 1 (values repeat exactly). 0 for constant values, and where no phase comes twice.
    """
    phase = phases(values.shape[0], values.shape[1], period, first)
    z, n, present = standardized(values), values.size, len(np.unique(phase))
    if not z.any() or n <= present:
        return 0.0
    unexplained = float(((z - seasonal_profile(z, period, first)[phase]) ** 2).mean())
    return max(1 - unexplained * (n - 1) / (n - present), 0.0)


def profile_distance(real: Float[np.ndarray, " period"], synthetic: Float[np.ndarray, " period"]) -> float:
    """Root mean square difference of two seasonal profiles, in the unit of the values: 0 is best."""
    assert real.shape == synthetic.shape, f"Profiles of {len(real)} and {len(synthetic)} phases cannot be compared"
    return float(np.sqrt(((real - synthetic) ** 2).mean()))
