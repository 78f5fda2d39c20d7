"""Fully connected networks, as in the first GAN (Goodfellow et al. 2014)."""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.blocks.layers import MinibatchDeviation


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
    """Rectified hidden layers; the output goes through tanh (the paper's sigmoid, for images in [-1, 1]) if it is `bounded`.
    Classes may be `concatenated` to the latent: how many there are. With no batch norm to condition, `normalized` means the same here.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        latent_size: int,
        hidden: tuple[int, ...],
        *,
        bounded: bool = True,
        concatenated: int = 0,
        normalized: int = 0,
    ) -> None:
        super().__init__()
        self.shape = shape
        sizes = (latent_size + concatenated + normalized, *hidden)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], math.prod(shape)), *([nn.Tanh()] if bounded else []))

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n ..."]:
        """Images, in [-1, 1] if they are bounded."""
        if condition is not None:
            latent = torch.cat([latent, condition], dim=1)
        return self.layers(latent).view(-1, *self.shape).to(latent.dtype)


class Discriminator(nn.Module):
    """Maxout layers with dropout (or rectified ones without: `pieces` = 0), then one linear map.

    Classes may be `concatenated` to the pixels, `projected` on the last features (Miyato and Koyama 2018, equation 3), or
    `named` by outputs of their own: how many there are.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        hidden: tuple[int, ...],
        *,
        pieces: int = 0,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        minibatch_deviation: bool = False,
        concatenated: int = 0,
        projected: int = 0,
        named: int = 0,
    ) -> None:
        super().__init__()
        self.concatenated = concatenated
        sizes = (math.prod(shape) + concatenated, *hidden)
        self.drop = nn.Dropout(input_dropout)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [Maxout(before, after, pieces)] if pieces else [nn.Linear(before, after), nn.ReLU(inplace=True)]
            layers += dropping(dropout)
        if minibatch_deviation:
            layers.append(MinibatchDeviation())
        self.layers = nn.Sequential(*layers)
        features = sizes[-1] + minibatch_deviation
        self.judge = nn.Linear(features, 1 + named)
        self.project = nn.Linear(projected, features, bias=False) if projected else None

    def forward(self, images: Float[Tensor, "n ..."], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n outputs"]:
        """A logit for each image, then one for each class that is named."""
        pixels = self.drop(images.flatten(1))  # and never the class
        if condition is not None and self.concatenated:
            pixels = torch.cat([pixels, condition], dim=1)
        features = self.layers(pixels)
        outputs = self.judge(features)
        if self.project is not None:
            outputs = outputs + (self.project(condition) * features).sum(dim=1, keepdim=True)
        return outputs


def dropping(share: float) -> list[nn.Module]:
    """Dropout of that share, if it is any."""
    return [nn.Dropout(share)] if share else []
