"""Sliced Wasserstein distance: a score without a feature network, for comparing the checkpoints of one run."""

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.random_streams import Streams

MAX_SIDE = 32
"""Largest side in pixels of images after averaging."""


def sliced_wasserstein(real: Float[Tensor, "n d"], generated: Float[Tensor, "n d"], directions: int = 256, seed: int = 0) -> float:
    """1-Wasserstein distance of two samples of equal size along random directions on the sphere, on average (Rabin et al. 2012, equation 9
    with p = 1). It is 0 for equal samples and has the unit of the data.

    It compares one-dimensional projections only, so it is suited to comparing checkpoints of one run, not to claims about quality.
    """
    axes = Streams(seed, 0).normal("directions", real.shape[1], directions)
    axes /= axes.norm(dim=0)
    differences = (real @ axes).sort(dim=0).values - (generated @ axes).sort(dim=0).values
    return differences.abs().mean().item()


def downsampled_rows(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
    """Images as rows of pixel values, averaged down to sides of at most 32 pixels."""
    height, width = (min(MAX_SIDE, size) for size in images.shape[2:])
    return torch.nn.functional.adaptive_avg_pool2d(images, (height, width)).flatten(1)
