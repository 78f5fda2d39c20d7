"""The networks of DCGAN (Radford, Metz, Chintala 2016, section 3 and figure 1)."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.convolution import Convolution, TransposedConvolution

SMALLEST, LARGEST = 16, 256


def _widths(resolution: int, width: int) -> list[int]:
    """Channels at sides 4, 8, ... resolution / 2: halved at each, `width` at the last, never more than 16 times that."""
    doublings = resolution.bit_length() - 1 - 3
    return [width * min(2**power, 16) for power in range(doublings, -1, -1)]


def initialise(network: nn.Module, deviation: float = 0.02) -> None:
    """Weights from N(0, deviation), batch norm's scale from N(1, deviation), offsets zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, deviation)


class Generator(nn.Module):
    """A latent is projected to a 4x4 map; each fractionally strided convolution then doubles the side."""

    def __init__(self, resolution: int, channels: int, latent_size: int, width: int, classes: int = 0) -> None:
        super().__init__()
        widths = _widths(resolution, width)
        self.project = nn.Linear(latent_size + classes, widths[0] * 16, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for before, after in itertools.pairwise(widths):
            layers += [TransposedConvolution(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        layers += [TransposedConvolution(widths[-1], channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Pictures in [-1, 1]; a class is concatenated to the latent (Mirza and Osindero 2014)."""
        if condition is not None:
            latent = torch.cat([latent, condition], dim=1)
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        return self.layers(self.project(latent).view(len(latent), 4, 4, -1).permute(0, 3, 1, 2)).float()


class Discriminator(nn.Module):
    """Strided convolutions halve the side down to 4x4; one linear unit sees the whole map."""

    def __init__(self, resolution: int, channels: int, width: int, leak: float = 0.2, classes: int = 0) -> None:
        super().__init__()
        widths = _widths(resolution, width)[::-1]
        layers: list[nn.Module] = [Convolution(channels + classes, widths[0], 4, 2, 1), nn.LeakyReLU(leak, inplace=True)]
        for before, after in itertools.pairwise(widths):
            layers += [Convolution(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(leak, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.judge = nn.Linear(widths[-1] * 16, 1, bias=False)
        initialise(self)

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, " n"]:
        """A logit for each picture; a class is concatenated as constant channels."""
        if condition is not None:
            maps = condition[:, :, None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat([images, maps], dim=1).contiguous(memory_format=torch.channels_last)
        features = self.layers(images).permute(0, 2, 3, 1)
        return self.judge(features.reshape(len(images), -1)).squeeze(1)
