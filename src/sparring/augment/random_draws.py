"""Random numbers for augmentation, one for each image of a batch."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.random_streams import Streams

Images = Float[Tensor, "n c h w"]
PerImage = Float[Tensor, " n"]


class RandomDraws:
    """Random numbers for `n` images, from one stream for each kind of change. `chance` is the probability that a change is applied."""

    def __init__(self, streams: Streams, name: str, n: int, chance: float) -> None:
        # on the CPU and never in half precision: matrices are small, and sampling grids must be exact
        self.streams, self.name, self.n, self.chance = replace(streams, device="cpu"), name, n, chance

    def uniform(self, name: str) -> PerImage:
        """Uniform random numbers in [-1, 1)."""
        return self.streams.uniform(f"augment/{self.name}/{name}", self.n)

    def normal(self, name: str) -> PerImage:
        """Standard normal random numbers."""
        return self.streams.normal(f"augment/{self.name}/{name}", self.n)

    def with_chance(self, name: str, value: PerImage, otherwise: float = 0.0) -> PerImage:
        """`value` for a random choice of images with probability `chance`, and `otherwise`, which changes nothing, for the others."""
        happens = (self.uniform(f"{name}/chance") + 1) / 2 < self.chance
        return torch.where(happens, value, torch.full_like(value, otherwise))


def per_image_factor(value: PerImage) -> Float[Tensor, "n 1 1 1"]:
    """One number for each image, in a shape that multiplies or adds to image batches."""
    return value.view(-1, 1, 1, 1)
