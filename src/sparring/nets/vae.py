"""Encoder and decoder of a variational autoencoder of images."""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.blocks.convolution import Convolution, TransposedConvolution
from sparring.nets.blocks.group_norm import GroupNorm

MIN_SIDE, MAX_SIDE = 8, 64
GROUPS = 8
FIRST_LOG_SCALE = -1.5
"""Where the logarithm of the deviation of pixels begins."""


def widths_for(side: int, width: int) -> list[int]:
    """Number of channels at half the side, a quarter and so on down to 4: doubled at each, and at most four times `width`."""
    return [width * min(2**power, 4) for power in range(side.bit_length() - 3)]


class Encoder(nn.Module):
    """Mean and logarithm of the variance of the latent of each image. `classes`: number of classes that it is told (0: none).
    `smallest_map`: its (height, width); `side` is that of squares with as many halvings.
    """

    def __init__(
        self, side: int, channels: int, latent_size: int, width: int, classes: int = 0, *, smallest_map: tuple[int, int] = (4, 4)
    ) -> None:
        super().__init__()
        widths = widths_for(side, width)
        self.first = Convolution(channels + classes, width, 3, 1, 1)
        self.layers = nn.ModuleList(
            nn.Sequential(GroupNorm(GROUPS, before), nn.SiLU(), Convolution(before, after, 4, 2, 1))
            for before, after in itertools.pairwise([width, *widths])
        )
        self.last = nn.Sequential(GroupNorm(GROUPS, widths[-1]), nn.SiLU())
        self.head = nn.Linear(widths[-1] * math.prod(smallest_map), 2 * latent_size)

    def forward(
        self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None
    ) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n latent"]]:
        """Means, and logarithms of variances."""
        if condition is not None:
            images = torch.cat([images, condition[:, :, None, None].expand(-1, -1, *images.shape[2:])], dim=1)
        x = self.first(images)
        for layer in self.layers:
            x = layer(x)
        mean, log_variance = self.head(self.last(x).flatten(1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 10)


class Decoder(nn.Module):
    """Means of the pixels of images from latents, in [-1, 1] or a little beyond; and one deviation for each channel. Sizes are as of the
    encoder.
    """

    def __init__(
        self, side: int, channels: int, latent_size: int, width: int, classes: int = 0, *, smallest_map: tuple[int, int] = (4, 4)
    ) -> None:
        super().__init__()
        self.smallest_map = smallest_map
        widths = widths_for(side, width)[::-1]
        self.project = nn.Linear(latent_size + classes, widths[0] * math.prod(smallest_map))
        self.layers = nn.ModuleList(
            nn.Sequential(GroupNorm(GROUPS, before), nn.SiLU(), TransposedConvolution(before, after, 4, 2, 1))
            for before, after in itertools.pairwise([*widths, width])
        )
        self.last = nn.Sequential(GroupNorm(GROUPS, width), nn.SiLU(), Convolution(width, channels, 3, 1, 1))
        self.log_scales = nn.Parameter(torch.full((1, channels, 1, 1), FIRST_LOG_SCALE))

    def forward(self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Means of pixels."""
        if condition is not None:
            latents = torch.cat([latents, condition], dim=1)
        x = self.project(latents).view(latents.shape[0], -1, *self.smallest_map)
        for layer in self.layers:
            x = layer(x)
        return self.last(x).float()
