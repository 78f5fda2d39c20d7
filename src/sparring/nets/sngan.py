"""The residual networks of SNGAN (Miyato et al. 2018, appendix B, tables 4 and 6), with the classes of the projection discriminator
(Miyato and Koyama 2018). What the papers leave open is as in the authors' code (pfnet-research/sngan_projection).
"""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, interpolate, pad, relu

from sparring.nets.blocks.layers import ConditionalBatchNorm, MinibatchDeviation, at_least_float32

MIN_SIDE, MAX_SIDE = 16, 256
UNIFORM_WIDTH_SIDE = 32
"""Up to this side all maps are equally wide (table 4); beyond it, each halving of the side doubles the channels (table 6)."""


def generator_widths(resolution: int, width: int) -> list[int]:
    """Channels at sides 4, 8, ... resolution. With a width of 64: 256 for all in table 4; 1024, ... 128, 64 in table 6."""
    doublings = resolution.bit_length() - 3
    if resolution <= UNIFORM_WIDTH_SIDE:
        return [4 * width] * (doublings + 1)
    return [width * min(2**power, 16) for power in range(doublings, -1, -1)]


def discriminator_widths(resolution: int, width: int) -> list[int]:
    """Channels after each block. With a width of 64: 128 for all in table 4; 64, 128, ... 1024, 1024 in table 6."""
    blocks = resolution.bit_length() - 2
    if resolution <= UNIFORM_WIDTH_SIDE:
        return [2 * width] * blocks
    return [width * min(2**power, 16) for power in range(blocks)]


def glorot_convolution(before: int, after: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that keeps the side: Glorot's uniform weights times the gain (`initialW` in the authors' code), offsets zero."""
    layer = nn.Conv2d(before, after, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


def glorot_linear(before: int, after: int, *, bias: bool = True) -> nn.Linear:
    """A linear map with Glorot's uniform weights and offsets zero."""
    layer = nn.Linear(before, after, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def make_norm(channels: int, classes: int) -> nn.Module:
    """Batch norm; with scales and offsets of each class, if there are classes."""
    return ConditionalBatchNorm(channels, classes) if classes else nn.BatchNorm2d(channels)


def norm_relu(layer: nn.Module, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n c h w"]:
    """ReLU(norm(x)); `layer` is the norm."""
    normal = layer(x, condition) if isinstance(layer, ConditionalBatchNorm) else layer(x)
    return relu(normal, inplace=True)


# ---------------------------------------------------------------------------------------------- change of the side
#
# A 3x3 convolution after nearest-neighbor upsampling or before average pooling is a 4x4 convolution with stride 2, its kernel the
# sum of the 3x3 one in the four places of a 2x2 square. That is exact, borders included, for 4/9 of the multiplications: twice as fast.


def _merged_kernel(weight: Float[Tensor, "o c 3 3"]) -> Float[Tensor, "o c 4 4"]:
    """The kernel in each corner of a 4x4 one, summed."""
    tall = pad(weight, (0, 0, 0, 1)) + pad(weight, (0, 0, 1, 0))
    return pad(tall, (0, 1)) + pad(tall, (1, 0))


def upsample_convolve(x: Float[Tensor, "n c h w"], layer: nn.Conv2d) -> Float[Tensor, "n o 2*h 2*w"]:
    """`layer` (3x3) of each pixel repeated two by two."""
    kernel = _merged_kernel(layer.weight.flip(2, 3)).transpose(0, 1)
    return conv_transpose2d(x, kernel, layer.bias, stride=2, padding=1)


def convolve_downsample(x: Float[Tensor, "n c h w"], layer: nn.Conv2d) -> Float[Tensor, "n o h/2 w/2"]:
    """Means of two by two pixels of `layer` (3x3)."""
    return conv2d(x, _merged_kernel(layer.weight) / 4, layer.bias, stride=2, padding=1)


# -------------------------------------------------------------------------------------------------------- blocks


class UpBlock(nn.Module):
    """Doubles the side: norm, ReLU, nearest neighbors, 3x3, norm, ReLU, 3x3; added to nearest neighbors, 1x1."""

    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.first_norm = make_norm(before, classes)
        self.first = glorot_convolution(before, after, 3, math.sqrt(2))
        self.second_norm = make_norm(after, classes)
        self.second = glorot_convolution(after, after, 3, math.sqrt(2))
        self.shortcut = glorot_convolution(before, after, 1)

    def forward(self, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n o 2*h 2*w"]:
        """(n, before, h, w) to (n, after, 2h, 2w)."""
        residual = upsample_convolve(norm_relu(self.first_norm, x, condition), self.first)
        residual = self.second(norm_relu(self.second_norm, residual, condition))
        # a 1x1 commutes with nearest neighbors, and costs a fourth before them
        return residual + interpolate(self.shortcut(x), scale_factor=2.0)


class DownBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, average pooling; added to 1x1, average pooling. No norm.

    On `images` there is no first ReLU. Without pooling (`halves`) and with as many channels after as before, the shortcut has no 1x1.
    """

    def __init__(self, before: int, after: int, *, halves: bool, images: bool = False) -> None:
        super().__init__()
        self.halves, self.images = halves, images
        hidden = after if images else before
        self.first = glorot_convolution(before, hidden, 3, math.sqrt(2))
        self.second = glorot_convolution(hidden, after, 3, math.sqrt(2))
        self.shortcut = glorot_convolution(before, after, 1) if halves or before != after else nn.Identity()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, h / 2, w / 2), or without pooling (n, after, h, w)."""
        hidden = relu(self.first(x if self.images else relu(x)), inplace=True)
        if not self.halves:
            return self.second(hidden) + self.shortcut(x)
        # a 1x1 commutes with means, and costs a fourth after them
        return convolve_downsample(hidden, self.second) + self.shortcut(avg_pool2d(x, 2))


# ------------------------------------------------------------------------------------------------------ networks


class Generator(nn.Module):
    """A latent is projected to a 4x4 map; each block doubles the side; norm, ReLU and a 3x3 draw the image.

    `width`: channels at the full resolution, from 64x64 on; smaller networks have four times as many in all maps (64 is the papers').
    Classes may be `concatenated` to the latent, or have batch norms of their own (`normalized`): how many there are.
    """

    def __init__(self, resolution: int, channels: int, latent_size: int, width: int, *, concatenated: int = 0, normalized: int = 0) -> None:
        super().__init__()
        self.concatenated = concatenated
        widths = generator_widths(resolution, width)
        self.project = glorot_linear(latent_size + concatenated, widths[0] * 16)
        self.blocks = nn.ModuleList(UpBlock(before, after, normalized) for before, after in itertools.pairwise(widths))
        self.last_norm = make_norm(widths[-1], normalized)
        self.to_image = glorot_convolution(widths[-1], channels, 3)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images in [-1, 1]."""
        if condition is not None and self.concatenated:
            latent = torch.cat([latent, condition], dim=1)
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        x = self.project(latent).view(len(latent), 4, 4, -1).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x, condition)
        return at_least_float32(self.to_image(norm_relu(self.last_norm, x, condition)).tanh())


class Discriminator(nn.Module):
    """Blocks halve the side down to 4x4 (8x8 for images up to 32x32), the last of them keep it; ReLU; one linear unit sees each
    channel's sum.

    `width`: channels after the first block, from 64x64 on; smaller networks have twice as many after each (64 is the papers').
    Classes may be `concatenated` to the image as constant channels, `projected` on the sums (Miyato and Koyama 2018, equation 3),
    or `named` by outputs of their own: how many there are.
    """

    def __init__(
        self,
        resolution: int,
        channels: int,
        width: int,
        *,
        minibatch_deviation: bool = False,
        concatenated: int = 0,
        projected: int = 0,
        named: int = 0,
    ) -> None:
        super().__init__()
        self.concatenated = concatenated
        widths = discriminator_widths(resolution, width)
        halvings = resolution.bit_length() - (4 if resolution <= UNIFORM_WIDTH_SIDE else 3)
        self.blocks = nn.Sequential(
            DownBlock(channels + concatenated, widths[0], halves=True, images=True),
            *(DownBlock(widths[i - 1], widths[i], halves=i < halvings) for i in range(1, len(widths))),
        )
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        features = widths[-1] + minibatch_deviation
        self.head = glorot_linear(features, 1 + named)
        self.project = glorot_linear(projected, features, bias=False) if projected else None

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n outputs"]:
        """A logit for each image, then one for each class that is named."""
        if condition is not None and self.concatenated:
            maps = condition[:, :, None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat([images, maps], dim=1).contiguous(memory_format=torch.channels_last)
        features = self.deviation(relu(self.blocks(images), inplace=True).sum(dim=(2, 3)))
        outputs = self.head(features)
        if self.project is not None:
            outputs = outputs + (self.project(condition) * features).sum(dim=1, keepdim=True)
        return outputs
