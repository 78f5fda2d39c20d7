"""Likelihoods of images as 8-bit pixels."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.random_streams import stream_seed

LEVELS = 256
"""Values that a pixel's channel may have."""


def levels_of(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Images in [-1, 1] as whole numbers from 0 to 255."""
    return ((images.float() + 1) * 127.5).round().clamp(0, LEVELS - 1)


def images_of(levels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Numbers from 0 to 255, whole or not, as images in [-1, 1]."""
    return (levels / 127.5 - 1).clamp(-1, 1)


def bits_per_dimension(log_likelihood: Float[Tensor, " n"], dimensions: int) -> Float[Tensor, " n"]:
    """Bits for each number of an image, from natural logarithms of probabilities. Where all values of a pixel are equally likely: 8."""
    return -log_likelihood / (dimensions * math.log(2))


def noise_of(images: Float[Tensor, "n c h w"], *, normal: int = 0) -> Float[Tensor, "n ..."]:
    """Random numbers for each image, which depend on its pixels alone: uniform in [0, 1), one for each number of the image; or `normal`
    standard normal ones.
    """
    pixels = np.ascontiguousarray(levels_of(images).to(torch.uint8).cpu().numpy())
    found = []
    for image in pixels:
        generator = torch.Generator().manual_seed(stream_seed(0, image.tobytes().hex(), 0))
        found.append(torch.randn(normal, generator=generator) if normal else torch.rand(*image.shape, generator=generator))
    return torch.stack(found).to(images.device)
