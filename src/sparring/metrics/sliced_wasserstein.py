"""Sliced Wasserstein distance: a score without a feature network, to tell a run's checkpoints apart."""

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.random_streams import Streams

MAX_SIDE = 32
"""Images are averaged down to this side before they are compared."""


def sliced_wasserstein(real: Float[Tensor, "n d"], generated: Float[Tensor, "n d"], directions: int = 256, seed: int = 0) -> float:
    """The 1-Wasserstein distance between two samples of equal size, averaged over random directions on the
    sphere (Rabin et al. 2012, equation 9 with p = 1). 0 for equal samples, in the unit of the data.

    It sees single directions only: fit for comparing checkpoints of one run, not for claims about quality.
    """
    axes = Streams(seed, 0).normal("directions", real.shape[1], directions)
    axes /= axes.norm(dim=0)
    differences = (real @ axes).sort(dim=0).values - (generated @ axes).sort(dim=0).values
    return differences.abs().mean().item()


def downsampled_rows(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
    """Images as rows of numbers, averaged down to a side of 32 at most."""
    height, width = (min(MAX_SIDE, size) for size in images.shape[2:])
    return torch.nn.functional.adaptive_avg_pool2d(images, (height, width)).flatten(1)
