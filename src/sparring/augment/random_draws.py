"""Random numbers for augmentation: one for each image of a batch."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.random_streams import Streams

Images = Float[Tensor, "n c h w"]
PerImage = Float[Tensor, " n"]


class RandomDraws:
    """Random numbers for `n` images, each kind a stream of its own; what is applied by chance is drawn together with its chance."""

    def __init__(self, streams: Streams, name: str, n: int, chance: float) -> None:
        # on the CPU and never in half precision: matrices are small, and a grid of places must be exact
        self.streams, self.name, self.n, self.chance = replace(streams, device="cpu"), name, n, chance

    def uniform(self, name: str) -> PerImage:
        """In [-1, 1)."""
        return self.streams.uniform(f"augment/{self.name}/{name}", self.n)

    def normal(self, name: str) -> PerImage:
        """Standard normal."""
        return self.streams.normal(f"augment/{self.name}/{name}", self.n)

    def with_chance(self, name: str, value: PerImage, otherwise: float = 0.0) -> PerImage:
        """`value` where chance has it, and elsewhere what changes nothing."""
        happens = (self.uniform(f"{name}/chance") + 1) / 2 < self.chance
        return torch.where(happens, value, torch.full_like(value, otherwise))


def per_image_factor(value: PerImage) -> Float[Tensor, "n 1 1 1"]:
    return value.view(-1, 1, 1, 1)
