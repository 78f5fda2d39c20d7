"""Means over paths in which a step may count several times: what the facts of a series and their bootstrap are made of."""

import numpy as np
from jaxtyping import Float, Int

ROUNDING = 1e-20
"""A variance that is a smaller share of the mean square is rounding: the values count as constant."""


def once(values: Float[np.ndarray, "paths steps"]) -> Int[np.ndarray, "paths steps"]:
    """Counts under which every step counts once."""
    return np.ones(values.shape, np.int64)


def mean(values: Float[np.ndarray, "paths steps"], counts: Int[np.ndarray, "paths steps"]) -> float:
    """Mean of all values, each as often as it counts; 0 if none does."""
    return float(np.einsum("ps,ps->", values, counts)) / max(int(counts.sum()), 1)


def standardized(
    values: Float[np.ndarray, "paths steps"], counts: Int[np.ndarray, "paths steps"] | None = None
) -> Float[np.ndarray, "paths steps"]:
    """The values less their mean, divided by their standard deviation (of the population), over all paths together.

    Constant values become zeros.
    """
    counts = once(values) if counts is None else counts
    largest = float(np.abs(values).max())
    if largest == 0:
        return np.zeros_like(values)
    scaled = values / largest
    deviations = scaled - mean(scaled, counts)
    variance = mean(deviations**2, counts)
    if variance <= ROUNDING * mean(scaled**2, counts):
        return np.zeros_like(values)
    return deviations / np.sqrt(variance)


def mean_product(
    first: Float[np.ndarray, "paths steps"],
    later: Float[np.ndarray, "paths steps"],
    lag: int,
    counts: Int[np.ndarray, "paths steps"] | None = None,
) -> float:
    """Mean of first(t) * later(t + lag) over all pairs within paths; a pair counts as often as its first step. Lags are 0 or more."""
    steps = first.shape[1] - lag
    assert 0 <= lag < first.shape[1], f"A lag of {lag} does not fit into paths of {first.shape[1]} steps"
    counts = once(first) if counts is None else counts
    total = float(np.einsum("ps,ps,ps->", first[:, :steps], later[:, lag:], counts[:, :steps]))
    return total / max(int(counts[:, :steps].sum()), 1)
