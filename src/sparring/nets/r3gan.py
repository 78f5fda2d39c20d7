"""The networks of R3GAN (Huang et al. 2024: The GAN is dead; long live the GAN! A Modern Baseline GAN, arXiv:2501.05441): residual blocks
of grouped convolutions with an inverted bottleneck, without normalization. Details that the paper leaves open follow the authors' code.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from sparring.nets.blocks.resampling import downsample, upsample

MIN_SIDE, MAX_SIDE = 8, 256
SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""What keeps the variance of a leaky ReLU's output (He et al. 2015, equation 15)."""


def widths(side: int, base: int, largest: int) -> tuple[int, ...]:
    """Number of channels at sides 4, 8, ..., side: `base` divided by the side, but at most `largest`."""
    return tuple(max(1, min(base >> power, largest)) for power in range(2, side.bit_length()))


@torch.no_grad()
def scaled(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """The layer with weights drawn so that its output has `gain` times the standard deviation of its input, and biases of zero."""
    layer.weight.normal_(0, gain / math.sqrt(layer.weight[0].numel())) if gain else layer.weight.zero_()
    if layer.bias is not None:
        layer.bias.zero_()
    return layer


class ResidualBlock(nn.Module):
    """Channels are expanded by a 1x1 convolution, mixed with neighbors in groups by a 3x3 one, and reduced by a 1x1 one that begins at
    zero, so that a block does nothing at first (Fixup, Zhang et al. 2019). `blocks`: their number in the whole network.
    """

    def __init__(self, channels: int, expansion: int, group_size: int, blocks: int) -> None:
        super().__init__()
        inner, gain = channels * expansion, GAIN * blocks**-0.25
        self.expand = scaled(nn.Conv2d(channels, inner, 1), gain)
        self.mix = scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=max(1, inner // group_size)), gain)
        self.reduce = scaled(nn.Conv2d(inner, channels, 1, bias=False), 0.0)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        y = leaky_relu(self.expand(x), SLOPE, inplace=True)
        return x + self.reduce(leaky_relu(self.mix(y), SLOPE, inplace=True))


def to_width(before: int, after: int) -> nn.Module:
    """From maps of `before` channels to maps of `after`: nothing where they are as many, else a 1x1 convolution without bias."""
    return nn.Identity() if before == after else scaled(nn.Conv2d(before, after, 1, bias=False))


class StagedGenerator(nn.Module):
    """From first maps through stages of residual blocks, with twice the side from each to the next, to an image. A subclass makes the parts
    that are named here, and says what the first maps are.
    """

    embed: nn.Module | None
    stages: nn.ModuleList
    transitions: nn.ModuleList
    to_image: nn.Module

    def first_maps(self, latent: Float[Tensor, "n size"]) -> Float[Tensor, "n c h w"]:
        """What the first stage sees, from latents that are followed by the embedding of their class, if there is one."""
        raise NotImplementedError

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images from latents. `condition` has a weight for each class."""
        if self.embed is not None and condition is not None:
            latent = torch.cat([latent, self.embed(condition).to(latent.dtype)], dim=1)
        x = self.first_maps(latent)
        for place, stage in enumerate(self.stages):
            x = stage(x if not place else upsample(self.transitions[place - 1](x)))
        return self.to_image(x).to(latent.dtype)


class StagedDiscriminator(nn.Module):
    """From an image through stages of residual blocks, with half the side from each to the next, to a logit, or to the product of features
    with an embedding of the class (projection, Miyato and Koyama 2018). A subclass makes the parts that are named here, and says what
    features are.
    """

    embed: nn.Module | None
    from_image: nn.Module
    stages: nn.ModuleList
    transitions: nn.ModuleList

    def features(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n outputs"]:
        """Features or one logit, from the smallest maps."""
        raise NotImplementedError

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n 1"]:
        """Logits. `condition` has a weight for each class."""
        x = self.from_image(images)
        for place, stage in enumerate(self.stages):
            x = stage(x if not place else self.transitions[place - 1](downsample(x)))
        outputs = self.features(x)
        if self.embed is None or condition is None:
            return outputs
        return (outputs * self.embed(condition)).sum(dim=1, keepdim=True)


class Generator(StagedGenerator):
    """From a latent to an image whose values are not bounded. `widths` are the numbers of channels at sides 4, 8, and so on, `blocks` the
    number of residual blocks at each. `classes` are embedded in `class_size` numbers beside the latent (0: none). With a `smallest_map`
    (height, width) that is not 4x4, the other sides are as many times it.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        latent_size: int,
        blocks: int,
        expansion: int,
        group_size: int,
        classes: int,
        class_size: int,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        count = blocks * len(widths)
        self.embed = scaled(nn.Linear(classes, class_size, bias=False)) if classes else None
        self.project = scaled(nn.Linear(latent_size + (class_size if classes else 0), widths[0], bias=False))
        self.basis = nn.Parameter(torch.randn(widths[0], *smallest_map))
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, expansion, group_size, count) for _ in range(blocks))) for width in widths
        )
        self.transitions = nn.ModuleList(to_width(before, after) for before, after in itertools.pairwise(widths))
        self.to_image = scaled(nn.Conv2d(widths[-1], channels, 1, bias=False))

    def first_maps(self, latent: Float[Tensor, "n size"]) -> Float[Tensor, "n c h w"]:
        """See StagedGenerator: a basis of maps, weighted by what the latent says."""
        return (self.project(latent)[:, :, None, None] * self.basis).contiguous(memory_format=torch.channels_last)


class Discriminator(StagedDiscriminator):
    """From an image to a logit, or to the product of features with an embedding of the class."""

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        blocks: int,
        expansion: int,
        group_size: int,
        classes: int,
        class_size: int,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        falling, count = list(widths)[::-1], blocks * len(widths)
        self.from_image = scaled(nn.Conv2d(channels, falling[0], 1, bias=False))
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, expansion, group_size, count) for _ in range(blocks))) for width in falling
        )
        self.transitions = nn.ModuleList(to_width(before, after) for before, after in itertools.pairwise(falling))
        self.basis = scaled(nn.Conv2d(falling[-1], falling[-1], smallest_map, groups=falling[-1], bias=False))
        self.head = scaled(nn.Linear(falling[-1], class_size if classes else 1, bias=False))
        self.embed = scaled(nn.Linear(classes, class_size, bias=False), 1 / math.sqrt(class_size)) if classes else None

    def features(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n outputs"]:
        """See StagedDiscriminator: from each channel a weighted sum over places, then linear."""
        return self.head(self.basis(maps).flatten(1))
