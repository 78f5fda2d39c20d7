"""Noise for likelihoods of images."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.random_streams import stream_seed
from sparring.losses.likelihoods import levels_of

MOST_NUMBERS = 2**16
"""Number of pixels' values that go through a network together: models of single pixels have hundreds of numbers for each."""


def images_at_once(shape: Sequence[int]) -> int:
    """Number of images of a shape whose likelihood is computed together."""
    return max(1, MOST_NUMBERS // math.prod(shape))


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
