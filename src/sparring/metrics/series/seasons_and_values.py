"""The season within windows whose place in it may not be known, and how far distributions of values are apart."""

import numpy as np
from jaxtyping import Float, Int

from sparring.metrics.series.moments import standardized

LEVELS = 2048
"""Number of quantiles that a distance of distributions is the mean over."""
HARMONICS = 2
"""Number of waves, of the season's length and its parts, that a season within a window is made of."""


def quantile_distance(real: Float[np.ndarray, "*n"], synthetic: Float[np.ndarray, "*m"]) -> float:
    """The Wasserstein-1 distance of two samples, in the unit of their values: mean absolute difference of 2,048 quantiles, each in the
    middle of its share of the values. 0 is best.
    """
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    one, other = (np.quantile(each, levels, method="inverted_cdf") for each in (real, synthetic))
    return float(np.abs(one - other).mean())


def phase_means(
    values: Float[np.ndarray, "paths steps"], phases: Int[np.ndarray, "paths steps"], period: int
) -> Float[np.ndarray, " period"]:
    """Mean of the values at each phase of a season, in their unit, where the phase of every step is known. A phase that no step has is
    given the mean of all values.
    """
    flat = phases.ravel()
    counts, sums = np.bincount(flat, minlength=period), np.bincount(flat, values.ravel(), minlength=period)
    return np.where(counts > 0, sums / np.maximum(counts, 1), values.mean())


def phase_strength(values: Float[np.ndarray, "paths steps"], phases: Int[np.ndarray, "paths steps"], period: int) -> float:
    """Share of the variance that the phase explains, adjusted for the number of phases, between 0 and 1 (Kelley's epsilon squared). 0 for
    constant values, and where no phase comes twice.
    """
    z, n, present = standardized(values), values.size, len(np.unique(phases))
    if not z.any() or n <= present:
        return 0.0
    unexplained = float(((z - phase_means(z, phases, period)[phases]) ** 2).mean())
    return max(1 - unexplained * (n - 1) / (n - present), 0.0)


def aligned_phases(values: Float[np.ndarray, "paths steps"], profile: Float[np.ndarray, " period"]) -> Int[np.ndarray, "paths steps"]:
    """The phases at which each path fits best to a seasonal profile: of windows that do not say where in the season they begin.

    Every path is shifted for itself to where its covariance with the profile is largest, which finds some season even in noise. So
    whatever is compared is to be aligned in the same way.
    """
    steps, period = values.shape[1], len(profile)
    places = (np.arange(steps)[None] + np.arange(period)[:, None]) % period
    expected = profile[places]
    covariance = (values - values.mean(axis=1, keepdims=True)) @ (expected - expected.mean(axis=1, keepdims=True)).T
    return (covariance.argmax(axis=1)[:, None] + np.arange(steps)) % period


def strength_within(values: Float[np.ndarray, "paths steps"], period: int) -> float:
    """Share of the variance within paths that waves of the season's period and of half of it explain, wherever in the season each path
    begins: between 0 and 1. Adjusted for the number of waves, so that noise has 0 on average.

    Paths need as many steps as the period has, and more than the waves have numbers. Constant paths give 0.
    """
    steps = values.shape[1]
    angles = 2 * np.pi * np.outer(np.arange(steps) / period, np.arange(1, min(HARMONICS, period // 2) + 1))
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    basis, scales, _ = np.linalg.svd(waves - waves.mean(axis=0), full_matrices=False)
    basis = basis[:, scales > 1e-9 * scales[0]]
    count = basis.shape[1]
    assert steps >= period, f"Paths of {steps} steps do not see a period of {period}"
    assert steps > count + 1, f"{steps} steps are too few for a period of {period}"
    centered = values - values.mean(axis=1, keepdims=True)
    total = float((centered**2).sum())
    if total <= 1e-20 * float((values**2).sum()):
        return 0.0
    unexplained = 1 - float(((centered @ basis) ** 2).sum()) / total
    return max(1 - unexplained * (steps - 1) / (steps - 1 - count), 0.0)
