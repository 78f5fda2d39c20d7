"""Contrast and roughness of images: pixel statistics that detect blank images and noise."""

import numpy as np
from jaxtyping import Float, UInt8

WINDOW = 512
"""Side in pixels of the central crop of large images that is measured."""
MIN_VARIANCE = 0.5**2
"""Variance of pixels in [0, 255] below which there is nothing but rounding."""


def _central_crop(pixels: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n _ _ c"]:
    top, left = (max(0, (side - WINDOW) // 2) for side in pixels.shape[1:3])
    return pixels[:, top : top + WINDOW, left : left + WINDOW].astype(np.float32)


def image_contrast(pixels: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Standard deviation of each image's pixels on a scale from 0 (black) to 1 (white), in the channel where it is largest.

    It is 0 for an image of a single color.
    """
    return _central_crop(pixels).std(axis=(1, 2)).max(axis=1) / 255


def image_roughness(pixels: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Mean squared difference of horizontally and vertically neighboring pixels, divided by twice the variance of the image.

    It is 1 for noise of independent pixels, close to 0 for smooth images, and 0 for images of a single color, row or column.
    """
    gray = _central_crop(pixels).mean(axis=3)
    if min(gray.shape[1:]) < 2:
        return np.zeros(len(gray), np.float32)
    differences = (np.square(np.diff(gray, axis=1)).mean(axis=(1, 2)) + np.square(np.diff(gray, axis=2)).mean(axis=(1, 2))) / 2
    variance = gray.var(axis=(1, 2))
    return np.where(variance > MIN_VARIANCE, differences / np.maximum(2 * variance, MIN_VARIANCE), 0)
