"""Generator and discriminator of DCGAN (Radford, Metz, Chintala 2016, section 3 and figure 1), and an encoder of their kind."""

import itertools
import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.blocks.convolution import Convolution, TransposedConvolution
from sparring.nets.blocks.layers import ConditionalBatchNorm, ImageLayerNorm, MinibatchDeviation

MIN_SIDE, MAX_SIDE = 16, 256

Norm = Literal["batch", "image", "none"]
NORMS: dict[Norm, Callable[[int], list[nn.Module]]] = {
    "batch": lambda channels: [nn.BatchNorm2d(channels)],
    "image": lambda channels: [ImageLayerNorm(channels)],
    "none": lambda channels: [],
}


def channels_at_sides(resolution: int, width: int) -> list[int]:
    """Number of channels at sides 4, 8, ..., resolution / 2: halved at each step down to `width`, and at most 16 times `width`."""
    doublings = resolution.bit_length() - 1 - 3
    return [width * min(2**power, 16) for power in range(doublings, -1, -1)]


def initialize(network: nn.Module, deviation: float = 0.02) -> None:
    """Draw weights from N(0, deviation) and scales of batch norm from N(1, deviation), and set biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, deviation)


class Generator(nn.Module):
    """DCGAN's generator: a linear layer maps the latent to 4x4, and each transposed convolution doubles the side.

    `width` is the number of channels at half the resolution. `smallest_map`: its (height, width); `resolution` is that of squares
    with as many doublings. Two numbers of classes say how classes enter (0: not in this way):
    `concatenated` to the latent, or `normalized`, by conditional batch norm.
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
        widths = channels_at_sides(resolution, width)
        self.project = nn.Linear(latent_size + concatenated, widths[0] * math.prod(smallest_map), bias=False)

        def norm(width: int) -> nn.Module:
            return ConditionalBatchNorm(width, normalized) if normalized else nn.BatchNorm2d(width)

        layers: list[nn.Module] = [norm(widths[0]), nn.ReLU(inplace=True)]
        for before, after in itertools.pairwise(widths):
            layers += [TransposedConvolution(before, after, 4, 2, 1), norm(after), nn.ReLU(inplace=True)]
        layers += [TransposedConvolution(widths[-1], channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialize(self)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images in [-1, 1] from latents. `condition` has a weight for each class."""
        if condition is not None and self.concatenated:
            latent = torch.cat([latent, condition], dim=1)
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        x = self.project(latent).view(latent.shape[0], *self.smallest_map, -1).permute(0, 3, 1, 2)
        for layer in self.layers:
            x = layer(x, condition) if isinstance(layer, ConditionalBatchNorm) else layer(x)
        return x.to(latent.dtype)


def strided_layers(resolution: int, channels: int, width: int, leak: float, norm: Norm) -> nn.Sequential:
    """Strided convolutions from an image to maps of 4x4; each halves the side, and all but the first have a `norm`."""
    widths = channels_at_sides(resolution, width)[::-1]
    layers: list[nn.Module] = [Convolution(channels, widths[0], 4, 2, 1), nn.LeakyReLU(leak, inplace=True)]
    for before, after in itertools.pairwise(widths):
        layers += [Convolution(before, after, 4, 2, 1), *NORMS[norm](after), nn.LeakyReLU(leak, inplace=True)]
    return nn.Sequential(*layers)


def beside_class(images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n _ h w"]:
    """Images, and behind them a constant channel for each class."""
    if condition is None:
        return images
    maps = condition[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat([images, maps], dim=1).contiguous(memory_format=torch.channels_last)


def strided_features(resolution: int, width: int, smallest_map: tuple[int, int] = (4, 4)) -> int:
    """How many numbers the last maps of `strided_layers` have."""
    return channels_at_sides(resolution, width)[0] * math.prod(smallest_map)


class Discriminator(nn.Module):
    """DCGAN's discriminator: strided convolutions halve the side down to 4x4 (or another `smallest_map`), followed by a linear head.

    `width` is the number of channels at half the resolution. Three numbers of classes say how classes enter (0: not in this way):
    `concatenated` to the image as constant channels, `projected` onto the last features (Miyato and Koyama 2018, equation 3), or `named`,
    predicted by an auxiliary output for each class.
    """

    def __init__(
        self,
        resolution: int,
        channels: int,
        width: int,
        leak: float = 0.2,
        *,
        smallest_map: tuple[int, int] = (4, 4),
        norm: Norm = "batch",
        minibatch_deviation: bool = False,
        concatenated: int = 0,
        projected: int = 0,
        named: int = 0,
    ) -> None:
        super().__init__()
        self.concatenated = concatenated
        self.layers = strided_layers(resolution, channels + concatenated, width, leak, norm)
        if minibatch_deviation:
            self.layers.append(MinibatchDeviation())
        features = strided_features(resolution, width, smallest_map) + minibatch_deviation * math.prod(smallest_map)
        self.head = nn.Linear(features, 1 + named, bias=False)
        self.project = nn.Linear(projected, features, bias=False) if projected else None
        initialize(self)

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n outputs"]:
        """One logit for each image, followed by one for each auxiliary class. `condition` has a weight for each class."""
        return self.outputs(self.layers(beside_class(images, condition if self.concatenated else None)), condition)

    def outputs(self, maps: Float[Tensor, "n _ p q"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n outputs"]:
        """What the head makes of the last maps."""
        features = maps.permute(0, 2, 3, 1).reshape(maps.shape[0], -1)
        outputs = self.head(features)
        if self.project is not None:
            outputs = outputs + (self.project(condition) * features).sum(dim=1, keepdim=True)
        return outputs


class Encoder(nn.Module):
    """The discriminator's convolutions with a linear head to latents, as systems with an encoder have it. `stochastic`: to the means of
    latents, and to logarithms of their variances. `classes`: number of classes that it is told (0: none).
    """

    def __init__(
        self,
        resolution: int,
        channels: int,
        latent_size: int,
        width: int,
        leak: float,
        *,
        smallest_map: tuple[int, int] = (4, 4),
        stochastic: bool,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.layers = strided_layers(resolution, channels + classes, width, leak, "batch")
        self.head = nn.Linear(strided_features(resolution, width, smallest_map), latent_size * (2 if stochastic else 1))
        self.latent_size = latent_size
        initialize(self)

    def forward(
        self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None
    ) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n latent"] | None]:
        """Means of latents, and, if stochastic, logarithms of variances."""
        found = self.head(self.layers(beside_class(images, condition)).flatten(1)).float()
        if found.shape[1] == self.latent_size:
            return found, None
        mean, log_variance = found.chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 10)
