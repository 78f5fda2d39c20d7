"""Residual networks that a processor computes fast, for the game of R3GAN (Huang et al. 2024, arXiv:2501.05441).

They differ from the paper's (`nets/r3gan.py`) in what costs most time there, and in what keeps the generator behind in the first minutes.
No block is at the image's full side: maps get twice or half the side by one strided convolution of 4x4, as in DCGAN (Radford et al. 2016),
and the 3x3 convolutions of blocks are dense, on as many channels as the residual path has. The generator has batch norm; the discriminator
has none, as in the paper.
"""

import itertools
import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from sparring.nets.blocks.convolution import Convolution, TransposedConvolution
from sparring.nets.dcgan import initialize
from sparring.nets.r3gan import GAIN, SLOPE, ResidualBlock, beside_class, projected, scaled


class NormalizedBlock(nn.Module):
    """Batch norm, leaky ReLU and 3x3, then batch norm, leaky ReLU and 1x1, which begins at zero, so that a block does nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)])
        self.mix = scaled(nn.Conv2d(channels, channels, 3, padding=1, bias=False), GAIN)
        self.reduce = scaled(nn.Conv2d(channels, channels, 1, bias=False), 0.0)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        first, second = self.norms
        y = self.mix(leaky_relu(first(x), SLOPE, inplace=True))
        return x + self.reduce(leaky_relu(second(y), SLOPE, inplace=True))


class Generator(nn.Module):
    """From a latent to an image. `widths` are the numbers of channels at sides 4, 8, and so on, up to half the image's, `blocks` the number
    of residual blocks at each. `classes` are embedded in `class_size` numbers beside the latent (0: none). With a `smallest_map` (height,
    width) that is not 4x4, the other sides are as many times it.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        latent_size: int,
        blocks: int,
        classes: int,
        class_size: int,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        self.smallest_map = smallest_map
        self.embed = scaled(nn.Linear(classes, class_size, bias=False)) if classes else None
        self.project = nn.Linear(latent_size + (class_size if classes else 0), widths[0] * math.prod(smallest_map), bias=False)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((*widths, channels)):
            enlarge = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(inplace=True), TransposedConvolution(before, after, 4, 2, 1))
            initialize(enlarge)
            layers += [*(NormalizedBlock(before) for _ in range(blocks)), *enlarge]
        initialize(self.project)
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images in [-1, 1] from latents. `condition` has a weight for each class."""
        first = self.project(beside_class(latent, self.embed, condition))
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        maps = first.view(latent.shape[0], *self.smallest_map, -1).permute(0, 3, 1, 2)
        return self.layers(maps).to(latent.dtype)


class Discriminator(nn.Module):
    """From an image to a logit, or to the product of features with an embedding of the class."""

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        blocks: int,
        classes: int,
        class_size: int,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((channels, *widths[::-1])):
            layers += [scaled(Convolution(before, after, 4, 2, 1), GAIN), nn.LeakyReLU(SLOPE, inplace=True)]
            layers += [ResidualBlock(after, 1, after, blocks * len(widths)) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers)
        self.head = scaled(nn.Linear(widths[0] * math.prod(smallest_map), class_size if classes else 1, bias=False))
        self.embed = scaled(nn.Linear(classes, class_size, bias=False), 1 / math.sqrt(class_size)) if classes else None

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n 1"]:
        """Logits. `condition` has a weight for each class."""
        maps = self.layers(images)
        return projected(self.head(maps.permute(0, 2, 3, 1).flatten(1)), self.embed, condition)
