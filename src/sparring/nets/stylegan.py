"""StyleGAN's synthesis network (Karras et al. 2019: A Style-Based Generator Architecture for GANs). Its discriminator is ProGAN's with
smooth downsampling (nets/progressive_growing.py).
"""

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import instance_norm

from sparring.nets.blocks.equalized_lr import Convolution, Linear, leaky_relu_in_place
from sparring.nets.blocks.exporting import is_exporting
from sparring.nets.blocks.layers import at_least_float32
from sparring.nets.progressive_growing import Growing, Growth, to_image_layers
from sparring.nets.style_generator import Mapping, Noise, StyleGenerator

NORM_EPSILON = 1e-8
"""Added to variances, so that none is 0."""


class StyledLayer(nn.Module):
    """Noise, bias, leaky ReLU and adaptive instance norm (figure 1b of the paper).

    Adaptive instance norm normalizes each channel of each image to mean 0 and variance 1, then scales and shifts it by the style
    (equation 1). `side` is the side of the feature map.
    """

    noise: Float[Tensor, "side side"]

    def __init__(self, channels: int, style: int, side: int) -> None:
        super().__init__()
        self.affine = Linear(style, 2 * channels)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.noise_strength = nn.Parameter(torch.zeros(channels))
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Float[Tensor, "n c h w"], w: Float[Tensor, "n style"], noise: Noise) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        strength = self.noise_strength.to(x.dtype)[:, None, None]
        x = x + self.bias.to(x.dtype)[:, None, None]
        if noise == "random":
            x = x + strength * torch.randn(x.shape[0], 1, *x.shape[2:], device=x.device).to(x.dtype)
        elif noise == "const":
            x = x + strength * self.noise.to(x.dtype)
        x = leaky_relu_in_place(x)
        scale, offset = self.affine(w).chunk(2, dim=1)
        if is_exporting():  # other runtimes have it as one operation
            return torch.addcmul(offset[:, :, None, None], instance_norm(x, eps=NORM_EPSILON), (1 + scale)[:, :, None, None])
        variance, mean = torch.var_mean(at_least_float32(x), dim=(2, 3), unbiased=False)
        scale = (1 + scale) * (variance + NORM_EPSILON).rsqrt()
        offset = offset - scale * mean
        return torch.addcmul(offset.to(x.dtype)[:, :, None, None], x, scale.to(x.dtype)[:, :, None, None])


class Block(nn.Module):
    """Two styled layers at one side. The first gets the upsampled map of half the side, or a learned constant if `before` is 0."""

    def __init__(self, before: int, after: int, style: int, side: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.ones(after, side, side)) if not before else None
        self.up = Convolution(before, after, 3, bias=False, activated=False, up=True) if before else None
        self.first = StyledLayer(after, style, side)
        self.convolution = Convolution(after, after, 3, bias=False, activated=False)
        self.second = StyledLayer(after, style, side)

    def forward(self, x: Float[Tensor, "n c h w"], w: Float[Tensor, "n 2 style"], noise: Noise) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, 2h, 2w)."""
        if self.constant is not None:
            x = self.constant.expand(w.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        elif self.up is not None:
            x = self.up(x)
        return self.second(self.convolution(self.first(x, w[:, 0], noise)), w[:, 1], noise)


class Synthesis(Growing):
    """Growing synthesis network from styles to images. `widths` are the numbers of channels at sides 4, 8, and so on."""

    def __init__(self, widths: Sequence[int], channels: int, style: int, growth: Growth) -> None:
        super().__init__(growth)
        self.blocks = nn.ModuleList(Block(widths[i - 1] if i else 0, widths[i], style, 4 << i) for i in range(len(widths)))
        self.to_image = to_image_layers(widths[self.first_stage :], channels)
        self.layers = 2 * len(widths)

    @property
    def layers_in_use(self) -> int:
        """Number of styles of the sides that are used or being faded in."""
        return 2 * (self.first_stage + self.newest_level + 1)

    @property
    def coarse_layers(self) -> int:
        """Number of styles for feature maps up to 8x8."""
        return 4

    def forward(self, w: Float[Tensor, "n layers style"], noise: Noise) -> Float[Tensor, "n channels h w"]:
        """Images of styles, of the level's side in training and of the last side otherwise."""
        styles = w[:, : self.layers_in_use].split(2, dim=1)
        blocks = [functools.partial(block, w=pair, noise=noise) for block, pair in zip(self.blocks, styles, strict=False)]
        return self.synthesize_at_level(w.new_zeros(w.shape[0], 1, 1, 1), blocks, self.to_image)  # the first block begins with its constant


class Generator(StyleGenerator):
    """StyleGAN's generator: mapping network and growing synthesis network. `latent_size` and `style_size` are the sizes of z and w."""

    synthesis: Synthesis

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        latent_size: int,
        style_size: int,
        growth: Growth,
        *,
        classes: int = 0,
        mapping_layers: int = 8,
        mapping_rate: float = 0.01,
        mapping_width: int | None = None,
        embedding: int | None = None,
    ) -> None:
        mapping = Mapping(
            latent_size, classes, style_size, layers=mapping_layers, rate=mapping_rate, width=mapping_width, embedding=embedding
        )
        super().__init__(mapping, Synthesis(widths, channels, style_size, growth))
