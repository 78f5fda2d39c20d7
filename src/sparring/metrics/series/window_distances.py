"""Distances between windows: copies of training windows, and windows that are all alike."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

COPIED = 0.5
"""A window is a copy if the training window nearest to it is less than this share as far as the nearest other one (after Carlini et al.
2023, who tell copies of training images by the distance to the nearest over that to the fifty nearest)."""
BLOCK = 128
"""Number of windows whose distances to all training windows are in memory at once."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """For each window, the training window that is most like it."""

    index: Int[np.ndarray, " n"]
    """Its number."""
    distance: Float[np.ndarray, " n"]
    """Root mean squared difference to it."""
    ratio: Float[np.ndarray, " n"]
    """That distance over the one to the nearest other training window that does not overlap with it, between 0 and 1. 1 if there is none,
    or if both are 0, as where a series repeats exactly."""

    @property
    def copies(self) -> float:
        """Share of the windows that are copies."""
        return float((self.ratio < COPIED).mean())


def nearest_windows(
    windows: Float[np.ndarray, "n d"],
    training: Float[np.ndarray, "m d"],
    starts: Int[np.ndarray, " m"],
    steps: int,
    own_starts: Int[np.ndarray, " n"] | None = None,
) -> Nearest:
    """Find the nearest training window of each window. `starts`: the first row of each training window, each of which has `steps` rows.
    `own_starts`: of windows that are rows of the same series; training windows that overlap with them are left out.
    """
    squares = (training**2).sum(axis=1)
    indices, distances, ratios = [], [], []
    for first in range(0, len(windows), BLOCK):
        some = windows[first : first + BLOCK]
        squared = np.maximum((some**2).sum(axis=1)[:, None] + squares - 2 * some @ training.T, 0)
        if own_starts is not None:
            squared[np.abs(starts[None] - own_starts[first : first + BLOCK, None]) < steps] = np.inf
        nearest = squared.argmin(axis=1)
        one = squared[np.arange(len(some)), nearest]
        squared[np.abs(starts[None] - starts[nearest][:, None]) < steps] = np.inf
        other = squared.min(axis=1)
        known = np.isfinite(one) & np.isfinite(other) & (other > 0)
        ratios.append(np.sqrt(np.divide(one, other, out=np.ones(len(some)), where=known)))
        indices.append(nearest)
        distances.append(np.sqrt(one / windows.shape[1]))
    return Nearest(np.concatenate(indices), np.concatenate(distances), np.concatenate(ratios))


def mean_pairwise_distance(windows: Float[np.ndarray, "n d"]) -> float:
    """Mean distance of two windows: root mean squared difference, over all pairs. 0 for a single window."""
    n = len(windows)
    if n < 2:
        return 0.0
    centered = windows - windows.mean(axis=0)
    squares = (centered**2).sum(axis=1)
    squared = np.maximum(squares[:, None] + squares - 2 * centered @ centered.T, 0)
    np.fill_diagonal(squared, 0)
    return float(np.sqrt(squared / windows.shape[1]).sum()) / (n * (n - 1))
