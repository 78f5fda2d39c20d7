"""Converts 8-bit pixels to the networks' range [-1, 1] and back. Pixels change their range nowhere else."""

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
