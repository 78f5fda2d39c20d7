"""Fully connected generator and discriminator, as in the first GAN (Goodfellow et al. 2014)."""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.blocks.layers import MinibatchDeviation


class Maxout(nn.Module):
    """Maxout layer: each unit is the maximum of `pieces` linear maps (Goodfellow et al. 2013)."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n units"]:
        """(n, inputs) to (n, units)."""
        return self.linear(x).view(x.shape[0], -1, self.pieces).amax(dim=2)


class Generator(nn.Module):
    """Fully connected generator with ReLU hidden layers. `bounded` adds tanh (the paper's sigmoid, for images in [-1, 1]).

    `hidden` is the number of units of each hidden layer. `concatenated` is the number of classes concatenated to the latent (0: none).
    There is no batch norm to condition on classes, so `normalized` classes are concatenated, too.
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
        """Images from latents; in [-1, 1] if the network is bounded. `condition` has a weight for each class."""
        if condition is not None:
            latent = torch.cat([latent, condition], dim=1)
        return self.layers(latent).view(-1, *self.shape).to(latent.dtype)


class Discriminator(nn.Module):
    """Fully connected discriminator with maxout layers and dropout (or ReLU layers if `pieces` is 0), and a linear head.

    Three numbers of classes say how classes enter (0: not in this way): `concatenated` to the pixels, `projected` onto the last features
    (Miyato and Koyama 2018, equation 3), or `named`, predicted by an auxiliary output for each class.
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
        self.input_dropout = nn.Dropout(input_dropout)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [Maxout(before, after, pieces)] if pieces else [nn.Linear(before, after), nn.ReLU(inplace=True)]
            layers += dropout_layers(dropout)
        if minibatch_deviation:
            layers.append(MinibatchDeviation())
        self.layers = nn.Sequential(*layers)
        features = sizes[-1] + minibatch_deviation
        self.head = nn.Linear(features, 1 + named)
        self.project = nn.Linear(projected, features, bias=False) if projected else None

    def forward(self, images: Float[Tensor, "n ..."], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n outputs"]:
        """One logit for each image, followed by one for each auxiliary class. `condition` has a weight for each class."""
        pixels = self.input_dropout(images.flatten(1))  # the class is never dropped
        if condition is not None and self.concatenated:
            pixels = torch.cat([pixels, condition], dim=1)
        features = self.layers(pixels)
        outputs = self.head(features)
        if self.project is not None:
            outputs = outputs + (self.project(condition) * features).sum(dim=1, keepdim=True)
        return outputs


def dropout_layers(share: float) -> list[nn.Module]:
    """A dropout layer with this probability, or none if it is 0."""
    return [nn.Dropout(share)] if share else []
