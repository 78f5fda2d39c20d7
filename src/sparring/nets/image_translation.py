"""Networks for image translation: the residual generator of CycleGAN (after Johnson et al. 2016), and the U-Net and the PatchGAN of pix2pix
(Isola et al. 2017, appendix). Details that the papers leave open follow the authors' code (junyanz/pytorch-CycleGAN-and-pix2pix).

A convolution before a norm has no bias, because the norm would subtract it. (It has none with the norm "none", either.)
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, relu

from sparring.core.mirror_padding import mirrored
from sparring.nets.blocks.convolution import Convolution, TransposedConvolution
from sparring.nets.blocks.layers import AffineInstanceNorm, InstanceNorm

NormName = Literal["instance", "instance-affine", "batch", "none"]
Images = Float[Tensor, "n c h w"]
LEAKY_SLOPE = 0.2
INITIAL_DEVIATION = 0.02
"""Standard deviation of initial weights."""
SHORTCUT_LIMIT = 0.99
"""Largest absolute pixel value that the generator's shortcut passes on: at 1 the inverse of tanh is infinite."""


def make_norm(name: NormName, channels: int) -> nn.Module:
    """A norm layer for feature maps with `channels` channels."""
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return nn.BatchNorm2d(channels)
    return InstanceNorm() if name == "instance" else AffineInstanceNorm(channels)


@torch.no_grad()
def initialize(network: nn.Module) -> None:
    """Draw initial weights from a normal distribution with a small standard deviation, as in DCGAN."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, INITIAL_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INITIAL_DEVIATION)


class ReflectionConvolution(nn.Module):
    """A convolution with reflection padding that keeps the side, followed by a norm and, if `activated`, a ReLU."""

    def __init__(self, before: int, after: int, kernel: int, norm: NormName, *, activated: bool = True) -> None:
        super().__init__()
        self.convolution = Convolution(before, after, kernel, 1, 0)
        self.norm = make_norm(norm, after)
        self.margin, self.activated = kernel // 2, activated

    def forward(self, x: Images) -> Float[Tensor, "n o h w"]:
        """(n, before, h, w) to (n, after, h, w)."""
        x = self.norm(self.convolution(mirrored(x, self.margin, self.margin)))
        return relu(x, inplace=True) if self.activated else x


class DownsamplingLayer(nn.Module):
    """A 3x3 convolution to half the side, followed by a norm and a ReLU. If `antialiased`, the side is halved after these, with a blur
    (Zhang 2019: Making Convolutional Networks Shift-Invariant Again; the authors of CUT have it by default).
    """

    def __init__(self, before: int, after: int, norm: NormName, *, antialiased: bool = False) -> None:
        super().__init__()
        self.convolution = Convolution(before, after, 3, 1 if antialiased else 2, 1)
        self.norm = make_norm(norm, after)
        self.antialiased = antialiased

    def forward(self, x: Images) -> Float[Tensor, "n o h/2 w/2"]:
        """(n, before, h, w) to (n, after, h / 2, w / 2)."""
        x = relu(self.norm(self.convolution(x)), inplace=True)
        if not self.antialiased:
            return x
        # the filter (1, 2, 1) / 4 is (1, 1) / 2 applied twice
        return avg_pool2d(avg_pool2d(mirrored(x, 1, 1), 2, 1), 2)


class UpsamplingLayer(nn.Module):
    """A 3x3 convolution to twice the side, followed by a norm and a ReLU.

    The convolution is transposed, or if `resized`, it follows nearest-neighbor upsampling, which leaves no checkerboard artifacts (Odena
    et al. 2016). If `antialiased`, it follows bilinear upsampling, which is what the filter (1, 3, 3, 1) does (Zhang 2019).
    """

    def __init__(self, before: int, after: int, norm: NormName, *, resized: bool, antialiased: bool = False) -> None:
        super().__init__()
        transposed = nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1, bias=False)
        self.mode = "bilinear" if antialiased else "nearest" if resized else None
        self.convolution = transposed if self.mode is None else Convolution(before, after, 3, 1, 1)
        self.norm = make_norm(norm, after)

    def forward(self, x: Images) -> Float[Tensor, "n o 2*h 2*w"]:
        """(n, before, h, w) to (n, after, 2h, 2w)."""
        x = self.convolution(x if self.mode is None else interpolate(x, scale_factor=2.0, mode=self.mode))
        return relu(self.norm(x), inplace=True)


class ResidualBlock(nn.Module):
    """Two convolutions with reflection padding, added to their input."""

    def __init__(self, channels: int, norm: NormName, dropout: float) -> None:
        super().__init__()
        self.first = ReflectionConvolution(channels, channels, 3, norm)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.second = ReflectionConvolution(channels, channels, 3, norm, activated=False)

    def forward(self, x: Images) -> Images:
        """The same shape."""
        return x + self.second(self.dropout(self.first(x)))


class ResidualGenerator(nn.Module):
    """CycleGAN's generator: a 7x7 convolution, two downsampling layers, residual blocks, two upsampling layers, and a 7x7 convolution.

    Images are in [-1, 1], and their sides are multiples of 4 from 8 on. `width` is the number of channels at full resolution. `resized`
    replaces transposed convolutions by upsampling and convolutions, and `antialiased` blurs where sides change. `shortcut` adds the input
    to the output before the final tanh; the output starts at zero then, so that images are unchanged at first.
    """

    divisor, smallest = 4, 8

    def __init__(
        self,
        before: int,
        after: int,
        width: int = 64,
        blocks: int = 9,
        *,
        norm: NormName = "instance",
        dropout: float = 0.0,
        resized: bool = False,
        antialiased: bool = False,
        shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.first = ReflectionConvolution(before, width, 7, norm)
        self.down = nn.ModuleList(DownsamplingLayer(width << i, 2 * width << i, norm, antialiased=antialiased) for i in range(2))
        self.blocks = nn.ModuleList(ResidualBlock(4 * width, norm, dropout) for _ in range(blocks))
        self.up = nn.ModuleList(UpsamplingLayer(2 * width << i, width << i, norm, resized=resized, antialiased=antialiased) for i in (1, 0))
        self.to_image = nn.Conv2d(width, after, 7)
        initialize(self)
        if shortcut:
            nn.init.zeros_(self.to_image.weight)

    def forward(self, images: Images) -> Float[Tensor, "n o h w"]:
        """(n, before, h, w) to (n, after, h, w)."""
        return self.with_features(images)[0]

    def with_features(self, images: Images) -> tuple[Float[Tensor, "n o h w"], list[Float[Tensor, "n _ _ _"]]]:
        """Translated images, and the `features` of the inputs."""
        x, found = self._encode(images)
        for layer in itertools.chain(list(self.blocks)[self.feature_block_count :], self.up):
            x = layer(x)
        output = self.to_image(mirrored(x, 3, 3)).float()
        if self.shortcut:
            output = output + torch.atanh(images.float().clamp(-SHORTCUT_LIMIT, SHORTCUT_LIMIT))
        return torch.tanh(output), found

    def features(self, images: Images) -> list[Float[Tensor, "n _ _ _"]]:
        """Feature maps whose patches contrastive translation compares (Park et al. 2020, section 4): the pixels, the outputs of both
        downsampling layers, and those of the first and the fifth block (or the last, if there are fewer).
        """
        return self._encode(images)[1]

    @property
    def feature_block_count(self) -> int:
        """Number of blocks that `features` needs."""
        return min(5, len(self.blocks))

    def _encode(self, images: Images) -> tuple[Float[Tensor, "n f p q"], list[Float[Tensor, "n _ _ _"]]]:
        x, found = self.first(images), [images]
        for layer in self.down:
            x = layer(x)
            found.append(x)
        for index, block in enumerate(list(self.blocks)[: self.feature_block_count]):
            x = block(x)
            if index in {0, self.feature_block_count - 1}:
                found.append(x)
        return x, found

    def feature_widths(self) -> list[int]:
        """Number of channels of each map in `features`."""
        width = self.to_image.in_channels
        return [self.first.convolution.in_channels, 2 * width, 4 * width, *[4 * width] * min(2, len(self.blocks))]


class UNet(nn.Module):
    """pix2pix's U-Net: downsampling layers and as many upsampling layers, each of which also gets the map of its side from the way down.

    Sides must be multiples of 2 ** halvings; at exactly that (128 for 7 halvings), the innermost map is 1x1. `width` is the number of
    channels at half the resolution. `dropout` on inner maps with eight times the width is the network's only source of randomness.
    """

    def __init__(
        self, before: int, after: int, width: int = 64, halvings: int = 7, *, norm: NormName = "batch", dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.divisor = self.smallest = 1 << halvings
        widths = [min(width << level, 8 * width) for level in range(halvings)]
        last = halvings - 1
        offset = norm in {"instance", "instance-affine"}
        self.down = nn.ModuleList(
            _UNetDown(inner, outer, norm=norm if 0 < level < last else None, offset=offset)
            for level, (inner, outer) in enumerate(zip([before, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList(
            _UNetUp(widths[level] * (1 if level == last else 2), widths[level - 1], norm, dropout if 4 <= level < last else 0.0)
            for level in range(last, 0, -1)
        )
        self.to_image = nn.ConvTranspose2d(2 * width if halvings > 1 else width, after, 4, 2, 1)
        initialize(self)

    def forward(self, images: Images) -> Float[Tensor, "n o h w"]:
        """(n, before, h, w) to (n, after, h, w)."""
        x = self.down[0](images)
        kept = [x]
        for layer in list(self.down)[1:]:
            x = layer(leaky_relu(x, LEAKY_SLOPE))
            kept.append(x)
        x = relu(kept.pop())
        for layer in self.up:
            x = torch.cat([relu(kept.pop()), relu(layer(x))], dim=1)
        return torch.tanh(self.to_image(x).float())


class _UNetDown(nn.Module):
    def __init__(self, before: int, after: int, *, norm: NormName | None, offset: bool) -> None:
        super().__init__()
        self.convolution = Convolution(before, after, 4, 2, 1)
        self.norm = None if norm is None else make_norm(norm, after)
        self.offset = nn.Parameter(torch.zeros(after)) if norm is None and offset else None

    def forward(self, x: Images) -> Float[Tensor, "n o h/2 w/2"]:
        x = self.convolution(x)
        if self.norm is not None:
            return self.norm(x)
        return x if self.offset is None else x + self.offset.to(x.dtype)[:, None, None]


class _UNetUp(nn.Module):
    def __init__(self, before: int, after: int, norm: NormName, dropout: float) -> None:
        super().__init__()
        self.convolution = TransposedConvolution(before, after, 4, 2, 1)
        self.norm = make_norm(norm, after)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Images) -> Float[Tensor, "n o 2*h 2*w"]:
        return self.dropout(self.norm(self.convolution(x)))


class PatchDiscriminator(nn.Module):
    """PatchGAN: a discriminator with one logit for each of many overlapping patches.

    With three `layers` between the first and the last convolution, patches have 70x70 pixels. With none, there is one logit for each pixel
    (Isola et al. 2017, section 4.4), which depends on other pixels through norms only. `width` is the number of channels after the first
    convolution.
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3, *, norm: NormName = "batch") -> None:
        super().__init__()
        widths = [min(width << level, 8 * width) for level in range(max(1, layers) + 1)]
        kernel, halving, margin = (4, 2, 1) if layers else (1, 1, 0)
        self.first = nn.Conv2d(channels, width, kernel, halving, margin)
        self.layers = nn.ModuleList(
            Convolution(before, after, kernel, 1 if level >= layers else halving, margin)
            for level, (before, after) in enumerate(itertools.pairwise(widths), start=1)
        )
        self.norms = nn.ModuleList(make_norm(norm, after) for after in widths[1:])
        self.last = nn.Conv2d(widths[-1], 1, kernel, 1, margin)
        initialize(self)

    def forward(self, images: Images) -> Float[Tensor, "n 1 p q"]:
        """(n, channels, h, w) to one logit for each patch, (n, 1, rows, columns)."""
        x = leaky_relu(self.first(images), LEAKY_SLOPE, inplace=True)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = leaky_relu(norm(layer(x)), LEAKY_SLOPE, inplace=True)
        return self.last(x).float()


class PatchHeads(nn.Module):
    """For each feature map, two linear layers that turn its patches into vectors of length 1 (Park et al. 2020, section 3).

    `widths` are the numbers of channels of the feature maps, and `size` is the length of the vectors.
    """

    def __init__(self, widths: Sequence[int], size: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(width, size), nn.ReLU(), nn.Linear(size, size)) for width in widths)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, INITIAL_DEVIATION)
                nn.init.zeros_(module.bias)

    def forward(self, level: int, rows: Float[Tensor, "n patches f"]) -> Float[Tensor, "n patches size"]:
        """Vectors of length 1 for patches of the feature map with index `level`."""
        return nn.functional.normalize(self.heads[level](rows).float(), dim=2)
