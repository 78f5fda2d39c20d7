"""Converts 8-bit pixels to the networks' range [-1, 1] and back. Pixels change their range nowhere else."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def pixels_to_float(pixels: UInt8[Tensor, "n h w c"]) -> Float[Tensor, "n c h w"]:
    """8-bit pixels in [0, 255] as float32 in [-1, 1]; the result is a channels-last tensor, without a copy."""
    return pixels.permute(0, 3, 1, 2).div(127.5).sub_(1.0)


def float_to_pixels(images: Float[Tensor, "n c h w"]) -> UInt8[Tensor, "n h w c"]:
    """Images in [-1, 1] (what lies outside is clipped) as 8-bit pixels, rounded to the nearest: the inverse of `pixels_to_float`."""
    scaled = images.to(torch.float32).add(1.0).mul_(127.5).round_().clamp_(0, 255)
    return scaled.permute(0, 2, 3, 1).to(torch.uint8).contiguous()


def convert_channels(pixels: UInt8[np.ndarray, "n h w c"], channels: int) -> UInt8[np.ndarray, "n h w channels"]:
    """Pixels with another number of channels (1 gray, 3 RGB, 4 RGBA).

    Color becomes gray by Pillow's luma weights, gray is repeated for color, transparent pixels are laid on white, and a new alpha channel
    is opaque.
    """
    if pixels.shape[3] == channels:
        return pixels
    if pixels.shape[3] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        on_white = pixels[..., :3] * alpha + 255 * (1 - alpha)
        return convert_channels(on_white.round().astype(np.uint8), channels)
    if channels == 4:
        return np.concatenate([convert_channels(pixels, 3), np.full((*pixels.shape[:3], 1), 255, np.uint8)], axis=3)
    if channels == 1:
        return (pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)).round().astype(np.uint8)
    return pixels.repeat(3, axis=3)
