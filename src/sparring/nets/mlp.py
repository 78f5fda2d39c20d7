"""Fully connected networks, as in the first GAN (Goodfellow et al. 2014)."""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Maxout(nn.Module):
    """The largest of `pieces` linear maps, unit by unit (Goodfellow et al. 2013)."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n units"]:
        """(n, inputs) to (n, units)."""
        return self.linear(x).view(len(x), -1, self.pieces).amax(dim=2)


class Generator(nn.Module):
    """Rectified hidden layers; the output goes through tanh (the paper's sigmoid, for pictures in [-1, 1])."""

    def __init__(self, shape: tuple[int, int, int], latent_size: int, hidden: tuple[int, ...], classes: int = 0) -> None:
        super().__init__()
        self.shape = shape
        sizes = (latent_size + classes, *hidden)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], math.prod(shape)), nn.Tanh())

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Pictures in [-1, 1]; a class is concatenated to the latent."""
        if condition is not None:
            latent = torch.cat([latent, condition], dim=1)
        return self.layers(latent).view(-1, *self.shape).float()


class Discriminator(nn.Module):
    """Maxout layers with dropout, then one logit."""

    def __init__(
        self, shape: tuple[int, int, int], hidden: tuple[int, ...], pieces: int, dropout: float, input_dropout: float, classes: int = 0
    ) -> None:
        super().__init__()
        sizes = (math.prod(shape) + classes, *hidden)
        layers: list[nn.Module] = [nn.Dropout(input_dropout)]
        for before, after in itertools.pairwise(sizes):
            layers += [Maxout(before, after, pieces), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, " n"]:
        """A logit for each picture; a class is concatenated to the pixels."""
        pixels = images.flatten(1)
        if condition is not None:
            pixels = torch.cat([pixels, condition], dim=1)
        return self.layers(pixels).squeeze(1)
