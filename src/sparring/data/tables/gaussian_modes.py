"""Modes of a column of numbers: a Gaussian mixture, fitted by expectation maximization on the distinct values with their counts."""

import numpy as np
from jaxtyping import Float32, Float64, Int32

MOST_MODES = 10
"""Number of Gaussians to begin with (Xu et al. 2019, section 4.2)."""
SMALLEST_WEIGHT = 0.005
"""Modes with a smaller share of the numbers are dropped."""
SPREAD = 4.0
"""Position 1 is this many standard deviations above a mode's mean."""
MOST_POINTS = 4096
"""Distinct values are merged into at most this many points, each at the mean of its values."""
ROUNDS, TOLERANCE = 200, 1e-5


def fit_modes(numbers: Float64[np.ndarray, " n"]) -> tuple[tuple[float, float], ...]:
    """Mean and standard deviation of up to ten modes of numbers, by increasing mean."""
    points, weights = merged_points(np.sort(numbers))
    center, scale = points.mean(), max(points.std(), 1e-12)
    x, share = (points - center) / scale, weights / weights.sum()
    means, deviations, sizes = expectation_maximization(x, share, min(MOST_MODES, len(x)))
    kept = sizes >= SMALLEST_WEIGHT
    order = np.argsort(means[kept])
    return tuple((float(m * scale + center), float(d * scale)) for m, d in zip(means[kept][order], deviations[kept][order], strict=True))


def merged_points(numbers: Float64[np.ndarray, " n"]) -> tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, " p"]]:
    """The distinct values of sorted numbers and their counts; neighbors are merged where there are too many."""
    points, counts = np.unique(numbers, return_counts=True)
    if len(points) <= MOST_POINTS:
        return points, counts.astype(float)
    group = np.minimum(np.arange(len(points)) * MOST_POINTS // len(points), MOST_POINTS - 1)
    weights = np.bincount(group, counts)
    return np.bincount(group, points * counts) / weights, weights


def log_densities(
    x: Float64[np.ndarray, " n"], means: Float64[np.ndarray, " k"], deviations: Float64[np.ndarray, " k"], sizes: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, "n k"]:
    """Logarithm of each mode's size times its density at each point."""
    return np.log(sizes) - 0.5 * ((x[:, None] - means) / deviations) ** 2 - np.log(deviations * np.sqrt(2 * np.pi))


def expectation_maximization(
    x: Float64[np.ndarray, " n"], share: Float64[np.ndarray, " n"], count: int
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Means, standard deviations and sizes of `count` Gaussians, from equal shares of the points on (Dempster et al. 1977)."""
    edges = np.searchsorted(np.cumsum(share), (np.arange(count) + 0.5) / count)
    means = x[np.minimum(edges, len(x) - 1)].copy()
    smallest = 1e-3 * max(x.std(), 1e-6)
    deviations = np.full(count, max(x.std() / count, smallest))
    sizes = np.full(count, 1 / count)
    before = -np.inf
    for _ in range(ROUNDS):
        logs = log_densities(x, means, deviations, sizes)
        top = logs.max(axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))
        belongs = np.exp(logs - total[:, None]) * share[:, None]
        sizes = np.maximum(belongs.sum(axis=0), 1e-12)
        means = (belongs * x[:, None]).sum(axis=0) / sizes
        deviations = np.sqrt(np.maximum((belongs * (x[:, None] - means) ** 2).sum(axis=0) / sizes, smallest**2))
        likelihood = float((total * share).sum())
        if likelihood - before < TOLERANCE:
            break
        before = likelihood
    return means, deviations, sizes / sizes.sum()


def assign_modes(
    numbers: Float64[np.ndarray, " n"], modes: tuple[tuple[float, float], ...], seed: int
) -> tuple[Int32[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """A mode for each number, drawn by its probability, and the position of the number in it, limited to [-1, 1] (Xu et al. 2019,
    section 4.2, steps 2 and 3).
    """
    mean, deviation = np.asarray(modes).T
    logs = -0.5 * ((numbers[:, None] - mean) / deviation) ** 2 - np.log(deviation)
    chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    upto = np.cumsum(chances, axis=1)
    drawn = np.random.default_rng(seed).random(len(numbers)) * upto[:, -1]
    mode = np.minimum((drawn[:, None] > upto).sum(axis=1), len(mean) - 1).astype(np.int32)
    position = (numbers - mean[mode]) / (SPREAD * deviation[mode])
    return mode, np.clip(position, -1, 1).astype(np.float32)
