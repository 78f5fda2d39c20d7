"""The residual generator, the U-Net and the judge of patches as plain chains of torch's layers, so nested that their tensors have the
names of pytorch-CycleGAN-and-pix2pix. Only to compare with.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
Norm = Callable[[int], nn.Module]
NORMS: dict[str, Norm] = {
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
    "affine": lambda n: nn.InstanceNorm2d(n, affine=True),
    "none": lambda n: nn.Identity(),
}
WITH_BIASES = ("instance", "affine")
"""Norms before which the authors' convolutions have biases."""


class Within(nn.Module):
    """A network, as `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Chain(Within):
    """Layers one after the other, as `model`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(nn.Sequential(*layers))


class Beside(Chain):
    """What comes in, beside what the layers make of it. Their first one changes what comes in."""

    def forward(self, x: Tensor) -> Tensor:
        made = self.model(x)
        return torch.cat([x, made], dim=1)


class Block(nn.Module):
    def __init__(self, channels: int, norm: str, dropout: bool, zeros: bool) -> None:
        super().__init__()

        def padded() -> list[nn.Module]:
            edges = [] if zeros else [nn.ReflectionPad2d(1)]
            return [*edges, nn.Conv2d(channels, channels, 3, padding=int(zeros), bias=norm in WITH_BIASES), NORMS[norm](channels)]

        between = [nn.ReLU(True), *([nn.Dropout(0.5)] if dropout else [])]
        self.conv_block = nn.Sequential(*padded(), *between, *padded())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def residual(before: int, after: int, width: int, blocks: int, norm: str, *, dropout: bool = False, zeros: bool = False) -> nn.Module:
    bias, normal = norm in WITH_BIASES, NORMS[norm]
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(before, width, 7, bias=bias), normal(width), nn.ReLU(True)]
    for inner in (width, 2 * width):
        layers += [nn.Conv2d(inner, 2 * inner, 3, 2, 1, bias=bias), normal(2 * inner), nn.ReLU(True)]
    layers += [Block(4 * width, norm, dropout, zeros) for _ in range(blocks)]
    for outer in (2 * width, width):
        layers += [nn.ConvTranspose2d(2 * outer, outer, 3, 2, 1, output_padding=1, bias=bias), normal(outer), nn.ReLU(True)]
    return randomized(Chain(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, after, 7), nn.Tanh()))


def unet(before: int, after: int, width: int, halvings: int, norm: str, *, dropout: bool = False) -> nn.Module:
    bias, normal = norm in WITH_BIASES, NORMS[norm]
    widths = [width, 2 * width, 4 * width] + [8 * width] * (halvings - 3)
    inner, outer = widths[-1], widths[-2]
    below: nn.Module = Beside(
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(outer, inner, 4, 2, 1, bias=bias),
        nn.ReLU(True),
        nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias),
        normal(outer),
    )
    for depth in range(halvings - 2, 0, -1):
        inner, outer = widths[depth], widths[depth - 1]
        layers = [
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(outer, inner, 4, 2, 1, bias=bias),
            normal(inner),
            below,
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * inner, outer, 4, 2, 1, bias=bias),
            normal(outer),
        ]
        below = Beside(*layers, *([nn.Dropout(0.5)] if dropout and depth > 3 else []))
    last = nn.ConvTranspose2d(2 * width, after, 4, 2, 1)
    return randomized(Within(Chain(nn.Conv2d(before, width, 4, 2, 1, bias=bias), below, nn.ReLU(True), last, nn.Tanh())))


def patches(channels: int, width: int, halvings: int, norm: str) -> nn.Module:
    widths = [min(width * 2**place, 8 * width) for place in range(halvings + 1)]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for place in range(halvings):
        before, after = widths[place : place + 2]
        stride = 2 if place < halvings - 1 else 1
        layers += [nn.Conv2d(before, after, 4, stride, 1, bias=norm in WITH_BIASES), NORMS[norm](after), nn.LeakyReLU(0.2, True)]
    return randomized(Chain(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1)))


class Pixels(nn.Module):
    """A judge of pixels by themselves."""

    def __init__(self, channels: int, width: int, norm: str) -> None:
        super().__init__()
        bias = norm in WITH_BIASES
        layers = [nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2, True), nn.Conv2d(width, 2 * width, 1, bias=bias), NORMS[norm](2 * width)]
        self.net = nn.Sequential(*layers, nn.LeakyReLU(0.2, True), nn.Conv2d(2 * width, 1, 1, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def pixels(channels: int, width: int, norm: str) -> nn.Module:
    return randomized(Pixels(channels, width, norm))


@torch.no_grad()
def randomized(network: nn.Module) -> nn.Module:
    """In evaluation mode, with weights, biases and statistics that all tell in what comes out."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
            module.bias.normal_(0, 0.3)
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.3)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.2, 1.0)
    return network.eval()
