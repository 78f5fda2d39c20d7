"""The residual networks of SNGAN (Miyato et al. 2018, appendix B, tables 4 and 6), with classes as in the projection discriminator (Miyato
and Koyama 2018). Details that the papers leave open follow the authors' code (pfnet-research/sngan_projection).
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
"""Up to this image side all feature maps have equally many channels (table 4); beyond it, each halving of the side doubles the number of
channels (table 6)."""


def generator_widths(resolution: int, width: int) -> list[int]:
    """Number of channels at sides 4, 8, ..., resolution. For a width of 64: 256 everywhere (table 4), or 1024, ..., 128, 64 (table 6)."""
    doublings = resolution.bit_length() - 3
    if resolution <= UNIFORM_WIDTH_SIDE:
        return [4 * width] * (doublings + 1)
    return [width * min(2**power, 16) for power in range(doublings, -1, -1)]


def discriminator_widths(resolution: int, width: int) -> list[int]:
    """Number of channels after each block. For a width of 64: 128 everywhere (table 4), or 64, 128, ..., 1024, 1024 (table 6)."""
    blocks = resolution.bit_length() - 2
    if resolution <= UNIFORM_WIDTH_SIDE:
        return [2 * width] * blocks
    return [width * min(2**power, 16) for power in range(blocks)]


def glorot_convolution(before: int, after: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that keeps the side, with Glorot-uniform weights times `gain` (`initialW` in the authors' code) and zero bias."""
    layer = nn.Conv2d(before, after, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


def glorot_linear(before: int, after: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer with Glorot-uniform weights and zero bias."""
    layer = nn.Linear(before, after, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def make_norm(channels: int, classes: int) -> nn.Module:
    """Batch norm, conditional on the class if there are classes."""
    return ConditionalBatchNorm(channels, classes) if classes else nn.BatchNorm2d(channels)


def norm_relu(layer: nn.Module, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n c h w"]:
    """ReLU of the norm `layer` of x."""
    normal = layer(x, condition) if isinstance(layer, ConditionalBatchNorm) else layer(x)
    return relu(normal, inplace=True)


# ---------------------------------------------------------------------------------------------------- resampling
#
# A 3x3 convolution after nearest-neighbor upsampling or before average pooling equals a 4x4 convolution with stride 2, whose kernel is the
# sum of the 3x3 kernel at the four positions of a 2x2 square. This is exact, borders included, with 4/9 of the multiplications, and twice
# as fast.


def _merged_kernel(weight: Float[Tensor, "o c 3 3"]) -> Float[Tensor, "o c 4 4"]:
    """The sum of four 4x4 kernels that hold the 3x3 kernel in one of their corners."""
    tall = pad(weight, (0, 0, 0, 1)) + pad(weight, (0, 0, 1, 0))
    return pad(tall, (0, 1)) + pad(tall, (1, 0))


def upsample_convolve(x: Float[Tensor, "n c h w"], layer: nn.Conv2d) -> Float[Tensor, "n o 2*h 2*w"]:
    """The 3x3 convolution `layer` after nearest-neighbor upsampling of x by 2, as one operation."""
    kernel = _merged_kernel(layer.weight.flip(2, 3)).transpose(0, 1)
    return conv_transpose2d(x, kernel, layer.bias, stride=2, padding=1)


def convolve_downsample(x: Float[Tensor, "n c h w"], layer: nn.Conv2d) -> Float[Tensor, "n o h/2 w/2"]:
    """The 3x3 convolution `layer` of x followed by 2x2 average pooling, as one operation."""
    return conv2d(x, _merged_kernel(layer.weight) / 4, layer.bias, stride=2, padding=1)


# -------------------------------------------------------------------------------------------------------- blocks


class UpBlock(nn.Module):
    """Residual block that doubles the side: norm, ReLU, nearest-neighbor upsampling, 3x3, norm, ReLU, 3x3; the shortcut is upsampling and
    a 1x1.
    """

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
        # a 1x1 convolution commutes with nearest-neighbor upsampling, and costs a fourth before it
        return residual + interpolate(self.shortcut(x), scale_factor=2.0)


class DownBlock(nn.Module):
    """Residual block of the discriminator: ReLU, 3x3, ReLU, 3x3, average pooling; the shortcut is a 1x1 and average pooling. No norm.

    `halves` adds the pooling. The block that reads `images` has no first ReLU. Without pooling and with equally many channels before and
    after, the shortcut has no 1x1.
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
        # a 1x1 convolution commutes with average pooling, and costs a fourth after it
        return convolve_downsample(hidden, self.second) + self.shortcut(avg_pool2d(x, 2))


# ------------------------------------------------------------------------------------------------------ networks


class Generator(nn.Module):
    """SNGAN's generator: a linear layer maps the latent to 4x4, each block doubles the side, and norm, ReLU and a 3x3 make the image.

    `width` is the number of channels at full resolution for images from 64x64 on; smaller networks have four times as many channels in all
    feature maps (the papers use 64). `smallest_map`: its (height, width); `resolution` is that of squares with as many doublings. Two
    numbers of classes say how classes enter (0: not in this way): `concatenated` to the latent, or `normalized`, by conditional batch norm.
    """

    def __init__(
        self,
        resolution: int,
        channels: int,
        latent_size: int,
        width: int,
        *,
        smallest_map: tuple[int, int] = (4, 4),
        concatenated: int = 0,
        normalized: int = 0,
    ) -> None:
        super().__init__()
        self.smallest_map, self.concatenated = smallest_map, concatenated
        widths = generator_widths(resolution, width)
        self.project = glorot_linear(latent_size + concatenated, widths[0] * math.prod(smallest_map))
        self.blocks = nn.ModuleList(UpBlock(before, after, normalized) for before, after in itertools.pairwise(widths))
        self.last_norm = make_norm(widths[-1], normalized)
        self.to_image = glorot_convolution(widths[-1], channels, 3)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images in [-1, 1] from latents. `condition` has a weight for each class."""
        if condition is not None and self.concatenated:
            latent = torch.cat([latent, condition], dim=1)
        # (n, 4, 4, channels) viewed as (n, channels, 4, 4): channels-last without a copy
        x = self.project(latent).view(latent.shape[0], *self.smallest_map, -1).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x, condition)
        return at_least_float32(self.to_image(norm_relu(self.last_norm, x, condition)).tanh())


class Discriminator(nn.Module):
    """SNGAN's discriminator: blocks halve the side down to 4x4 (8x8 for images up to 32x32) and the last ones keep it, followed by ReLU,
    the sum over each channel's positions, and a linear head.

    `width` is the number of channels after the first block for images from 64x64 on; smaller networks have twice as many after every block
    (the papers use 64). Three numbers of classes say how classes enter (0: not in this way): `concatenated` to the image as constant
    channels, `projected` onto the sums (Miyato and Koyama 2018, equation 3), or `named`, predicted by an auxiliary output for each class.
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
        """One logit for each image, followed by one for each auxiliary class. `condition` has a weight for each class."""
        if condition is not None and self.concatenated:
            maps = condition[:, :, None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat([images, maps], dim=1).contiguous(memory_format=torch.channels_last)
        features = self.deviation(relu(self.blocks(images), inplace=True).sum(dim=(2, 3)))
        outputs = self.head(features)
        if self.project is not None:
            outputs = outputs + (self.project(condition) * features).sum(dim=1, keepdim=True)
        return outputs
