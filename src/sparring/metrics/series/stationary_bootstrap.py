"""The stationary bootstrap (Politis and Romano 1994): blocks of geometrically distributed lengths, and how long they should be."""

import math

import numpy as np
from jaxtyping import Float, Int

from sparring.metrics.series.moments import mean_product, standardized

QUIET_LAGS = 5
"""Number of insignificant autocorrelations in a row from which on a series has no memory."""


def draw_steps(steps: int, mean_block: float, random: np.random.Generator) -> Int[np.ndarray, " steps"]:
    """As many indices as there are steps, from blocks that begin anywhere and whose lengths are geometrically distributed.

    `mean_block` is the mean length of a block in steps, 1 or more. A block that reaches the end of the series goes on at its beginning.
    """
    assert mean_block >= 1, f"Blocks have a mean length of at least 1 step, not {mean_block}"
    begins = random.random(steps) < 1 / mean_block
    begins[0] = True
    positions = np.arange(steps)
    began = np.maximum.accumulate(np.where(begins, positions, 0))
    return (random.integers(steps, size=steps)[began] + positions - began) % steps


def best_mean_block(values: Float[np.ndarray, "paths steps"]) -> float:
    """The mean length of blocks, in steps, at which the bootstrap's variance of the mean has the smallest error (Politis and White 2004,
    with the constant as corrected by Patton, Politis and White 2009).

    At least 1, and at most 3 * sqrt(steps) or a third of the steps. 1 for constant values. Autocovariances are those of all paths together.
    """
    z, steps = standardized(values), values.shape[1]
    most = min(3 * math.sqrt(steps), steps / 3)
    if not z.any() or most <= 1:
        return 1.0
    covariances = _covariances(z)
    k = np.arange(len(covariances))
    taper = np.clip(2 * (1 - k / k[-1]), 0, 1)  # the flat-top window: 1 up to half of the bandwidth, then down to 0
    twice = np.where(k == 0, 1, 2) * taper * covariances
    spectrum, slope = float(twice.sum()), float((k * twice).sum())
    if spectrum <= 0:
        return most
    return min(max((slope**2 / spectrum**2 * steps) ** (1 / 3), 1.0), most)


def _covariances(z: Float[np.ndarray, "paths steps"]) -> Float[np.ndarray, " bandwidth"]:
    """Autocovariances up to twice the first lag of a run of insignificant ones (Politis and White 2004, as their program reads it)."""
    steps = z.shape[1]
    last = min(math.ceil(math.sqrt(steps)) + QUIET_LAGS, steps - 1)
    biased = np.array([mean_product(z, z, lag) * (1 - lag / steps) for lag in range(last + 1)])
    small = np.abs(biased) < 2 * math.sqrt(math.log10(steps) / steps)
    quiet = next((lag for lag in range(1, last - QUIET_LAGS + 2) if small[lag : lag + QUIET_LAGS].all()), last)
    bandwidth = min(2 * quiet, last)
    return biased[: bandwidth + 1]
