"""The networks of StyleGAN2 (Karras et al. 2020: Analyzing and Improving the Image Quality of StyleGAN) in the version of StyleGAN2-ADA
(Karras et al. 2020: Training Generative Adversarial Networks with Limited Data). Details that the papers leave open follow the authors'
code (NVlabs/stylegan2-ada-pytorch).
"""

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.nets.blocks.equalized_lr import LEAKY_GAIN, Convolution, Linear, leaky_relu_in_place, resampling_convolution
from sparring.nets.blocks.layers import MinibatchDeviation
from sparring.nets.blocks.resampling import downsample, upsample
from sparring.nets.style_generator import Mapping, Noise, StyleGenerator, label_rows

MIN_SIDE, MAX_SIDE = 8, 1024
GeneratorArchitecture = Literal["skip", "resnet", "orig"]
DiscriminatorArchitecture = Literal["resnet", "skip", "orig"]


def widths(resolution: int, base: int, largest: int) -> tuple[int, ...]:
    """Number of channels at sides 4, 8, ..., resolution: `base` divided by the side, but at most `largest`."""
    return tuple(min(base >> power, largest) for power in range(2, resolution.bit_length()))


def width_problems(side: int, base: int) -> list[str]:
    """What is wrong with the channels that there would be."""
    return [] if base >= side else [f"channel_base must be at least the images' side of {side}, not {base}."]


# ------------------------------------------------------------------------------------------------------ generator


class StyledConvolution(nn.Module):
    """A modulated 3x3 convolution, noise, bias and a leaky ReLU (figure 2d of the paper). `up` doubles the side first.

    Modulated and demodulated weights (equations 1 and 3) would need a copy for each sample. Because convolutions are linear, scaling the
    input by the style and the output by the demodulation is equivalent, and one convolution serves the whole batch.
    """

    noise: Float[Tensor, "h w"]

    def __init__(
        self,
        before: int,
        after: int,
        style: int,
        sides: tuple[int, int],
        *,
        up: bool = False,
        gain: float = 1.0,
        clamp: float | None,
    ) -> None:
        super().__init__()
        self.affine = Linear(style, before, offset=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.bias = nn.Parameter(torch.zeros(after))
        self.register_buffer("noise", torch.randn(*sides))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.up, self.gain = up, LEAKY_GAIN * gain
        self.clamp = None if clamp is None else clamp * gain

    def forward(self, x: Float[Tensor, "n c h w"], w: Float[Tensor, "n style"], noise: Noise) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, h, w), or twice the side."""
        styles = self.affine(w)
        y = resampling_convolution(x * styles.to(x.dtype)[:, :, None, None], self.weight, up=self.up)
        scale = self.gain * self.demodulation(styles)
        offset = (self.gain * self.bias).to(y.dtype)
        y = torch.addcmul(offset[:, None, None], y, scale.to(y.dtype)[:, :, None, None])
        if noise == "random":
            y += (self.gain * self.noise_strength * torch.randn(y.shape[0], 1, *y.shape[2:], device=y.device)).to(y.dtype)
        elif noise == "const":
            y += (self.gain * self.noise_strength * self.noise).to(y.dtype)
        return leaky_relu_in_place(y, self.clamp)

    def demodulation(self, styles: Float[Tensor, "n before"]) -> Float[Tensor, "n after"]:
        """Reciprocal of the length of each modulated filter."""
        with torch.autocast(styles.device.type, enabled=False):
            squares = self.weight.square().sum(dim=(2, 3))
            return (styles.square() @ squares.t() + 1e-8).rsqrt()


class ToImage(nn.Module):
    """A modulated 1x1 convolution to the image's channels, without demodulation."""

    def __init__(self, before: int, channels: int, style: int, clamp: float | None) -> None:
        super().__init__()
        self.affine = Linear(style, before, offset=1.0)
        self.weight = nn.Parameter(torch.randn(channels, before, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain, self.clamp = 1 / math.sqrt(before), clamp

    def forward(self, x: Float[Tensor, "n c h w"], w: Float[Tensor, "n style"]) -> Float[Tensor, "n channels h w"]:
        """Contribution to the image; contributions are summed in full precision."""
        styles = (self.gain * self.affine(w)).to(x.dtype)
        y = nn.functional.conv2d(x * styles[:, :, None, None], self.weight).to(self.bias.dtype) + self.bias[:, None, None]
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class SynthesisBlock(nn.Module):
    """Two styled convolutions at one side, the first of which upsamples; the first block starts from a constant and has one convolution.

    `residual` adds a shortcut, and `draws` a layer to the image.
    """

    def __init__(
        self,
        before: int,
        after: int,
        style: int,
        sides: tuple[int, int],
        channels: int,
        *,
        residual: bool,
        draws: bool,
        clamp: float | None,
    ) -> None:
        super().__init__()
        half = math.sqrt(0.5) if residual and before else 1.0
        self.constant = nn.Parameter(torch.randn(after, *sides)) if not before else None
        self.first = StyledConvolution(before, after, style, sides, up=True, clamp=clamp) if before else None
        self.second = StyledConvolution(after, after, style, sides, gain=half, clamp=clamp)
        self.skip = Convolution(before, after, 1, bias=False, activated=False, up=True, gain=half) if residual and before else None
        self.to_image = ToImage(after, channels, style, clamp) if draws else None

    @property
    def styles(self) -> int:
        """Number of styles that the convolutions take. The layer to the image takes the next style."""
        return 1 if self.first is None else 2

    def forward(
        self, x: Float[Tensor, "n c h w"] | None, w: Float[Tensor, "n styles_and_one style"], noise: Noise
    ) -> tuple[Float[Tensor, "n o p q"], Float[Tensor, "n channels p q"] | None]:
        """The feature map at this side, and its contribution to the image or None."""
        skip = None if self.skip is None or x is None else self.skip(x)
        if self.constant is not None:
            x = self.constant.expand(w.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        elif self.first is not None and x is not None:
            x = self.first(x, w[:, 0], noise)
        assert x is not None
        y: Tensor = self.second(x, w[:, self.styles - 1], noise)
        if skip is not None:
            y = skip + y
        return y, None if self.to_image is None else self.to_image(y, w[:, self.styles])


class Synthesis(nn.Module):
    """Synthesis network from styles to images: a learned constant at 4x4, then a block for each doubling of the side.

    `widths` are the numbers of channels at sides 4, 8, and so on. Architectures (figure 7 of the paper): "skip" sums the images of all
    sides, "resnet" adds a shortcut to each block, "orig" does neither. `clamp` limits activations. With a `smallest_map` (height, width)
    that is not 4x4, the other sides are as many times it.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        style: int,
        architecture: GeneratorArchitecture = "skip",
        clamp: float | None = None,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        last = len(widths) - 1
        self.blocks = nn.ModuleList(
            SynthesisBlock(
                widths[i - 1] if i else 0,
                widths[i],
                style,
                (smallest_map[0] << i, smallest_map[1] << i),
                channels,
                residual=architecture == "resnet",
                draws=architecture == "skip" or i == last,
                clamp=clamp,
            )
            for i in range(len(widths))
        )
        self.layers = sum(block.styles for block in self._blocks) + 1

    @property
    def layers_in_use(self) -> int:
        """Number of styles that are used: all of them, because the network does not grow."""
        return self.layers

    @property
    def coarse_layers(self) -> int:
        """Number of styles for feature maps up to 8x8."""
        return sum(block.styles for block in self._blocks[:2])

    @property
    def _blocks(self) -> list[SynthesisBlock]:
        return list(self.blocks)  # pyright: ignore[reportReturnType] (a ModuleList of them)

    def forward(self, w: Float[Tensor, "n layers style"], noise: Noise) -> Float[Tensor, "n channels h w"]:
        """(n, layers, style) to (n, channels, height, width)."""
        x, image, used = None, None, 0
        for block in self._blocks:
            x, part = block(x, w[:, used : used + block.styles + 1], noise)
            used += block.styles
            if part is not None:
                image = part if image is None else upsample(image) + part
        assert image is not None
        return image


class Generator(StyleGenerator):
    """StyleGAN2's generator: mapping network and synthesis network. `latent_size` and `style_size` are the sizes of z and w."""

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        latent_size: int,
        style_size: int,
        *,
        classes: int = 0,
        mapping_layers: int = 8,
        mapping_rate: float = 0.01,
        mapping_width: int | None = None,
        embedding: int | None = None,
        architecture: GeneratorArchitecture = "skip",
        clamp: float | None = None,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        synthesis = Synthesis(widths, channels, style_size, architecture, clamp, smallest_map)
        mapping = Mapping(
            latent_size,
            classes,
            style_size,
            layers=mapping_layers,
            rate=mapping_rate,
            width=mapping_width,
            embedding=embedding,
        )
        super().__init__(mapping, synthesis)


# -------------------------------------------------------------------------------------------------- discriminator


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second of which halves the side. `residual` adds a shortcut, and `sees` a layer from the image."""

    def __init__(self, before: int, after: int, channels: int, *, residual: bool, sees: bool, clamp: float | None) -> None:
        super().__init__()
        half = math.sqrt(0.5) if residual else 1.0
        self.from_image = Convolution(channels, before, 1, clamp=clamp) if sees else None
        self.first = Convolution(before, before, 3, clamp=clamp)
        self.second = Convolution(before, after, 3, down=True, gain=half, clamp=clamp)
        self.skip = Convolution(before, after, 1, bias=False, activated=False, down=True, gain=half) if residual else None

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o h/2 w/2"]:
        """(n, before, h, w) to (n, after, h / 2, w / 2)."""
        y = self.second(self.first(x))
        return y if self.skip is None else self.skip(x) + y


class Discriminator(nn.Module):
    """StyleGAN2's discriminator: a block for each halving of the side, then minibatch standard deviation, a convolution and two linear
    layers at 4x4 (or another `smallest_map`).

    `widths` are the numbers of channels at sides 4, 8, and so on. Architectures (figure 7): "resnet" adds a shortcut to each block, "skip"
    gives each block the image at its side, "orig" does neither. `classes` is the number of classes projected onto the features (0: none),
    and `named` the number of classes predicted by auxiliary outputs. `clamp` limits activations.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        *,
        classes: int = 0,
        named: int = 0,
        mapping_layers: int = 8,
        mapping_rate: float = 0.01,
        mapping_width: int | None = None,
        embedding: int | None = None,
        class_size: int | None = None,
        architecture: DiscriminatorArchitecture = "resnet",
        deviation_group: int = 4,
        deviation_channels: int = 1,
        clamp: float | None = None,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        self.skips = architecture == "skip"
        class_size = (widths[0] if class_size is None else class_size) if classes else 0
        falling = list(widths)[::-1]
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(before, after, channels, residual=architecture == "resnet", sees=self.skips or place == 0, clamp=clamp)
            for place, (before, after) in enumerate(itertools.pairwise(falling))
        )
        self.from_image = Convolution(channels, widths[0], 1) if self.skips else None
        self.deviation = MinibatchDeviation(deviation_group, deviation_channels) if deviation_channels else nn.Identity()
        self.last = Convolution(widths[0] + deviation_channels, widths[0], 3, clamp=clamp)
        self.hidden = Linear(widths[0] * math.prod(smallest_map), widths[0], activated=True)
        self.head = Linear(widths[0], (class_size or 1) + named)
        self.mapping = (
            Mapping(0, classes, class_size, layers=mapping_layers, rate=mapping_rate, width=mapping_width, embedding=embedding)
            if classes
            else None
        )
        self.named = named

    def forward(
        self, images: Float[Tensor, "n c h w"], label: Float[Tensor, "n classes"] | Int64[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n outputs"]:
        """One logit for each image, followed by one for each auxiliary class. `label` has one-hot rows or class indices if classes are
        projected.
        """
        x: Tensor | None = None
        for block in self.blocks:
            assert isinstance(block, DiscriminatorBlock)
            if block.from_image is not None:
                features = block.from_image(images)
                x = features if x is None else x + features
                images = downsample(images) if self.skips else images
            assert x is not None
            x = block(x)
        assert x is not None
        if self.from_image is not None:
            x = x + self.from_image(images)
        outputs = self.head(self.hidden(self.last(self.deviation(x)).flatten(1)))
        if self.mapping is None:
            return outputs
        logits, names = outputs.split([outputs.shape[1] - self.named, self.named], dim=1)
        class_vector = self.mapping(None, label_rows(label, self.mapping.classes, images.dtype))
        # the inner product of image and class (Miyato and Koyama 2018), scaled to variance 1
        return torch.cat([(logits * class_vector).sum(dim=1, keepdim=True) / math.sqrt(class_vector.shape[1]), names], dim=1)
