"""What pixels alone tell of images that have failed: blank ones, and noise."""

import numpy as np
from jaxtyping import Float, UInt8

WINDOW = 512
"""Side in pixels of the middle of large images that is looked at."""
MIN_VARIANCE = 0.5**2
"""Of pixels from 0 to 255: below it there is only rounding."""


def _central_crop(pixels: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n _ _ c"]:
    top, left = (max(0, (side - WINDOW) // 2) for side in pixels.shape[1:3])
    return pixels[:, top : top + WINDOW, left : left + WINDOW].astype(np.float32)


def image_contrast(pixels: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Of each image the standard deviation of its pixels, where black and white are 1 apart, of the channel where it is greatest: 0 if it
    is of one color.
    """
    return _central_crop(pixels).std(axis=(1, 2)).max(axis=1) / 255


def image_roughness(pixels: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Of each image the mean squared difference of neighbors in a row and in a column over twice the variance: 1 for noise whose pixels
    know nothing of each other, near 0 for smooth images, 0 for those of one color or of a single row or column.
    """
    gray = _central_crop(pixels).mean(axis=3)
    if min(gray.shape[1:]) < 2:
        return np.zeros(len(gray), np.float32)
    apart = (np.square(np.diff(gray, axis=1)).mean(axis=(1, 2)) + np.square(np.diff(gray, axis=2)).mean(axis=(1, 2))) / 2
    variance = gray.var(axis=(1, 2))
    return np.where(variance > MIN_VARIANCE, apart / np.maximum(2 * variance, MIN_VARIANCE), 0)
