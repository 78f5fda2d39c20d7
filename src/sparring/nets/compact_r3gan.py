"""Residual networks that a processor computes fast, for the game of R3GAN (Huang et al. 2024, arXiv:2501.05441).

They differ from the paper's (`nets/r3gan.py`) in what costs most time there, and in what keeps the generator behind in the first minutes.
At the image's full side there is one 3x3 convolution of few channels, and no residual block. The 3x3 convolutions of blocks are dense, on
as many channels as the residual path has. The generator begins with a map of its own for each latent, and has batch norm; the discriminator
has no normalization, as in the paper.
"""

import itertools
import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from sparring.nets.blocks.resampling import downsample, upsample
from sparring.nets.dcgan import initialize
from sparring.nets.r3gan import GAIN, SLOPE, ResidualBlock, StagedDiscriminator, StagedGenerator, scaled, to_width

LEAKY_GAIN = math.sqrt(2)
"""Of the layers beside blocks that a leaky ReLU follows."""


class NormalizedBlock(nn.Module):
    """Batch norm, leaky ReLU and 3x3, then batch norm, leaky ReLU and 1x1, which begins at zero, so that a block does nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)])
        self.mix = scaled(nn.Conv2d(channels, channels, 3, padding=1, bias=False), GAIN)
        self.reduce = scaled(nn.Conv2d(channels, channels, 1, bias=False), 0.0)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Maps of the same shape and side; at first those that came in."""
        first, second = self.norms
        y = self.mix(leaky_relu(first(x), SLOPE, inplace=True))
        return x + self.reduce(leaky_relu(second(y), SLOPE, inplace=True))


class ToPixels(nn.Module):
    """From maps at half the side to pixels, with half as many channels between, at the full side."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        thin = max(1, width // 2)
        self.reduce = scaled(nn.Conv2d(width, thin, 1, bias=False))
        self.norm = nn.BatchNorm2d(thin)
        self.mix = scaled(nn.Conv2d(thin, channels, 3, padding=1))

    def forward(self, x: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
        """Pixels in [-1, 1], at twice the side of the maps."""
        return self.mix(leaky_relu(self.norm(upsample(self.reduce(x))), SLOPE, inplace=True)).tanh()


class FromPixels(nn.Module):
    """From pixels to maps at half the side, with half as many channels between, at the full side."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        thin = max(1, width // 2)
        self.mix = scaled(nn.Conv2d(channels, thin, 3, padding=1), LEAKY_GAIN)
        self.expand = scaled(nn.Conv2d(thin, width, 1))

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n _ h/2 w/2"]:
        """Maps of `width` channels."""
        return self.expand(downsample(leaky_relu(self.mix(images), SLOPE, inplace=True)))


class Generator(StagedGenerator):
    """From a latent to an image in [-1, 1]. `widths` are the numbers of channels at sides 4, 8, and so on, up to half the image's, `blocks`
    the number of residual blocks at each. `classes` are embedded in `class_size` numbers beside the latent (0: none). With a `smallest_map`
    (height, width) that is not 4x4, the other sides are as many times it.
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
        initialize(self.project)
        self.stages = nn.ModuleList(
            nn.Sequential(*(NormalizedBlock(width) for _ in range(blocks)), nn.BatchNorm2d(width), nn.LeakyReLU(SLOPE, inplace=True))
            for width in widths
        )
        self.transitions = nn.ModuleList(to_width(before, after) for before, after in itertools.pairwise(widths))
        self.to_image = ToPixels(widths[-1], channels)

    def first_maps(self, latent: Float[Tensor, "n size"]) -> Float[Tensor, "n c h w"]:
        """See StagedGenerator: a map of its own for each latent."""
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        return self.project(latent).view(latent.shape[0], *self.smallest_map, -1).permute(0, 3, 1, 2)


class Discriminator(StagedDiscriminator):
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
        falling, count = list(widths)[::-1], blocks * len(widths)
        self.from_image = FromPixels(channels, falling[0])
        self.stages = nn.ModuleList(nn.Sequential(*(ResidualBlock(width, 1, width, count) for _ in range(blocks))) for width in falling)
        self.transitions = nn.ModuleList(to_width(before, after) for before, after in itertools.pairwise(falling))
        self.head = scaled(nn.Linear(falling[-1] * math.prod(smallest_map), class_size if classes else 1, bias=False))
        self.embed = scaled(nn.Linear(classes, class_size, bias=False), 1 / math.sqrt(class_size)) if classes else None

    def features(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n outputs"]:
        """See StagedDiscriminator: linear in all places and channels."""
        return self.head(maps.permute(0, 2, 3, 1).flatten(1))
