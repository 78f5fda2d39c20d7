"""The networks of FastGAN (Liu et al. 2021: Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis,
arXiv:2101.04775). Details that the paper leaves open follow the authors' code.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from sparring.nets.blocks.convolution import Convolution
from sparring.nets.dcgan import NORMS, Norm, initialize
from sparring.nets.sngan import upsample_convolve

MIN_SIDE, MAX_SIDE = 16, 256
SLOPE = 0.2
EXCITED_LATER = 4
"""Number of doublings from a map to the one whose channels it scales: 16 times the side."""
QUADRANTS = 4
"""Numbered by rows: top left, top right, bottom left, bottom right."""


def widths(side: int, base: int, largest: int) -> tuple[int, ...]:
    """Number of channels at sides 4, 8, ..., side: `base` divided by the side, but at most `largest`."""
    return tuple(max(1, min(base >> power, largest)) for power in range(2, side.bit_length()))


class Noise(nn.Module):
    """Adds noise that all channels share, times a learned strength, which begins at zero. In training each image has noise of its own, from
    torch's random numbers; otherwise the noise is constant, so that a latent has one image.
    """

    constant: Float[Tensor, "h w"]

    def __init__(self, sides: tuple[int, int]) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("constant", torch.randn(*sides))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        noise = torch.randn(x.shape[0], 1, *x.shape[2:], device=x.device) if self.training else self.constant
        return x + (self.strength * noise).to(x.dtype)


class UpsamplingConvolution(Convolution):
    """A 3x3 convolution after nearest-neighbor upsampling by 2."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, 1, 1)

    def forward(self, input: Float[Tensor, "n b h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
        """Maps of twice the side."""
        return upsample_convolve(input, self)


def gated(convolution: Convolution, norm: Norm, noise_sides: tuple[int, int] | None = None) -> list[nn.Module]:
    """A convolution, noise if `noise_sides` are given, normalization, and a gated linear unit (GLU), which halves the channels."""
    noise = [] if noise_sides is None else [Noise(noise_sides)]
    return [convolution, *noise, *NORMS[norm](convolution.out_channels), nn.GLU(dim=1)]


def upsampling_block(before: int, after: int, sides: tuple[int, int], *, noisy: bool) -> nn.Sequential:
    """From maps of half the sides to maps of these (height, width). `noisy`: with noise, and with a second convolution."""
    noise_sides = sides if noisy else None
    layers = gated(UpsamplingConvolution(before, 2 * after), "batch", noise_sides)
    if noisy:
        layers += gated(Convolution(after, 2 * after, 3, 1, 1), "batch", noise_sides)
    return nn.Sequential(*layers)


class SkipLayerExcitation(nn.Module):
    """Scales the channels of large maps by gates between 0 and 1 that depend on small maps (equation 1 of the paper).

    The paper's 4x4 convolution without padding sees all of the pooled maps at once, and its 1x1 convolution a single place, so both are
    linear layers here.
    """

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        pooled, single = nn.Linear(small * 4 * 4, large, bias=False), nn.Linear(large, large, bias=False)
        self.gates = nn.Sequential(pooled, nn.SiLU(), single, nn.Sigmoid())

    def forward(self, small: Float[Tensor, "n b p q"], large: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The large maps, each channel multiplied by its gate."""
        return large * self.gates(adaptive_avg_pool2d(small, 4).flatten(1))[:, :, None, None]


class Generator(nn.Module):
    """From a latent to an image in [-1, 1]. `widths` are the numbers of channels at sides 4, 8, and so on. Every second block, beginning
    with the first, has noise; maps from 64x64 on are excited by those with a sixteenth of their side. With a `smallest_map` (height,
    width) that is not 4x4, the other sides are as many times it.
    """

    def __init__(self, widths: Sequence[int], channels: int, latent_size: int, smallest_map: tuple[int, int] = (4, 4)) -> None:
        super().__init__()
        self.smallest_map = smallest_map
        self.project = nn.Linear(
            latent_size, 2 * widths[0] * math.prod(smallest_map), bias=False
        )  # a transposed 4x4 convolution of a single place
        self.start = nn.Sequential(nn.BatchNorm2d(2 * widths[0]), nn.GLU(dim=1))
        self.blocks = nn.ModuleList(
            upsampling_block(before, after, (smallest_map[0] << place + 1, smallest_map[1] << place + 1), noisy=place % 2 == 0)
            for place, (before, after) in enumerate(itertools.pairwise(widths))
        )
        self.excitations = nn.ModuleList(
            SkipLayerExcitation(small, large) for small, large in zip(widths[:-EXCITED_LATER], widths[EXCITED_LATER:], strict=True)
        )
        self.to_image = nn.Sequential(Convolution(widths[-1], channels, 3, 1, 1), nn.Tanh())
        initialize(self)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images from latents. There are no classes: `condition` is not looked at."""
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        maps = [self.start(self.project(latent).view(latent.shape[0], *self.smallest_map, -1).permute(0, 3, 1, 2))]
        for block in self.blocks:
            x = block(maps[-1])
            source = len(maps) - EXCITED_LATER
            maps.append(x if source < 0 else self.excitations[source](maps[source], x))
        return self.to_image(maps[-1]).to(latent.dtype)


class DownsamplingBlock(nn.Module):
    """The mean of two paths to half the side: a strided and a 3x3 convolution, and a 1x1 convolution of pooled maps."""

    def __init__(self, before: int, after: int, norm: Norm) -> None:
        super().__init__()

        def activated(convolution: nn.Module) -> list[nn.Module]:
            return [convolution, *NORMS[norm](after), nn.LeakyReLU(SLOPE, inplace=True)]

        strided, mixing = Convolution(before, after, 4, 2, 1), Convolution(after, after, 3, 1, 1)
        self.convolved = nn.Sequential(*activated(strided), *activated(mixing))
        self.pooled = nn.Sequential(nn.AvgPool2d(2), *activated(Convolution(before, after, 1, 1, 0)))

    def forward(self, x: Float[Tensor, "n b h w"]) -> Float[Tensor, "n c h/2 w/2"]:
        """Maps at half the side."""
        return (self.convolved(x) + self.pooled(x)) / 2


def decoder(before: int, widths: Sequence[int], channels: int, norm: Norm) -> nn.Sequential:
    """From maps to images in [-1, 1], with twice their side for each of `widths`, the numbers of channels on the way."""
    layers: list[nn.Module] = []
    for narrower, wider in itertools.pairwise((before, *widths)):
        layers += gated(UpsamplingConvolution(narrower, 2 * wider), norm)
    return nn.Sequential(*layers, Convolution((before, *widths)[-1], channels, 3, 1, 1), nn.Tanh())


def quadrants_of(x: Float[Tensor, "n c h w"], quadrants: Int64[Tensor, " n"]) -> Float[Tensor, "n c h/2 w/2"]:
    """One quarter of each image or map: see `QUADRANTS`."""
    apart = x.unflatten(2, (2, -1)).unflatten(4, (2, -1))  # n, c, 2, h, 2, w
    return apart[torch.arange(len(x), device=x.device), :, quadrants // 2, :, quadrants % 2]


class Discriminator(nn.Module):
    """From an image to the mean of 5x5 logits (more for rectangles), of which each sees a part of it. `widths` are the numbers of
    channels at sides 4, 8, and so on; those of 4x4 and, but for images of 16x16, those at full side are not used.

    `decodes`: with decoders that reconstruct what the discriminator sees from its maps, so that these keep what images are made of (section
    3.2 of the paper). They have half as many channels as the discriminator at the same side.
    """

    def __init__(self, widths: Sequence[int], channels: int, norm: Norm, *, decodes: bool) -> None:
        super().__init__()
        falling = widths[1 : max(3, len(widths) - 1)][::-1]
        halved = len(widths) > 3
        first = Convolution(channels, falling[0], 4, 2, 1) if halved else Convolution(channels, falling[0], 3, 1, 1)
        *blocks, last = (DownsamplingBlock(before, after, norm) for before, after in itertools.pairwise(falling))
        self.to_16 = nn.Sequential(first, nn.LeakyReLU(SLOPE, inplace=True), *blocks)
        self.to_8 = last
        mixing = [Convolution(falling[-1], falling[-1], 1, 1, 0), *NORMS[norm](falling[-1]), nn.LeakyReLU(SLOPE, inplace=True)]
        self.head = nn.Sequential(*mixing, Convolution(falling[-1], 1, 4, 1, 0))
        on_the_way = [max(1, width // 2) for width in widths[2:-1]]
        self.decode_whole = decoder(falling[-1], on_the_way, channels, norm) if decodes else None
        self.decode_quadrant = decoder(falling[-2], on_the_way, channels, norm) if decodes else None
        initialize(self)

    def forward(
        self,
        images: Float[Tensor, "n c h w"],
        condition: Float[Tensor, "n classes"] | None = None,
        quadrants: Int64[Tensor, " n"] | None = None,
    ) -> Float[Tensor, "n 1"] | tuple[Float[Tensor, "n 1"], Float[Tensor, "n c h/2 w/2"], Float[Tensor, "n c h/2 w/2"]]:
        """Logits. With `quadrants` also reconstructions, from the same maps: of the whole images at half their side, and of one quadrant of
        each. There are no classes: `condition` is not looked at.
        """
        fine = self.to_16(images)
        coarse = self.to_8(fine)
        logits = self.head(coarse).mean(dim=(2, 3))
        if quadrants is None:
            return logits
        assert self.decode_whole is not None
        assert self.decode_quadrant is not None
        return logits, self.decode_whole(coarse), self.decode_quadrant(quadrants_of(fine, quadrants))
