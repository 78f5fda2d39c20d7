"""Reversible networks: from images to latents of the same size and back, with the logarithm of the determinant of what they do.

RealNVP (Dinh, Sohl-Dickstein, Bengio 2017) and Glow (Kingma, Dhariwal 2018). Every part has `forward`, which gives its output and the
logarithm of the absolute value of its Jacobian's determinant for each image, and `inverse`.
"""

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle, relu

from sparring.nets.blocks.convolution import convolve_narrow

Images = Float[Tensor, "n _ _ _"]
"""Images, or maps of features with other channels and sides."""
LogDeterminant = Float[Tensor, " n"]
LARGEST_LOG_SCALE = 2.0
"""Couplings multiply by at most e to this power: scales without a bound overflow."""


class Reversible(nn.Module):
    """A part of a flow."""

    def forward(self, x: Images) -> tuple[Images, LogDeterminant]:
        """The output, and the log-determinant."""
        raise NotImplementedError

    def inverse(self, y: Images) -> Images:
        """The input of an output."""
        raise NotImplementedError


class ActNorm(Reversible):
    """Adds a number to each channel and multiplies it by another; both are chosen so that the first batch has mean 0 and variance 1 (Kingma
    and Dhariwal 2018, section 3.1), and learned from there.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("begun", torch.zeros((), dtype=torch.int64))

    begun: Tensor
    """1 once the first batch was seen."""

    def begin(self, x: Images) -> None:
        """Normalize this batch."""
        with torch.no_grad():
            mean, deviation = x.mean(dim=(0, 2, 3), keepdim=True), x.std(dim=(0, 2, 3), keepdim=True, correction=0)
            self.shift.copy_(-mean)
            self.log_scale.copy_(-(deviation + 1e-6).log())
            self.begun.fill_(1)

    def forward(self, x: Images) -> tuple[Images, LogDeterminant]:
        """See Reversible."""
        if self.training and not self.begun:
            self.begin(x)
        found = self.log_scale.sum() * (x.shape[2] * x.shape[3])
        return (x + self.shift) * self.log_scale.exp(), found.expand(x.shape[0])

    def inverse(self, y: Images) -> Images:
        """See Reversible."""
        return y * (-self.log_scale).exp() - self.shift


class InvertibleConvolution(Reversible):
    """A 1x1 convolution with a square matrix of weights, kept as the product of a permutation, a lower and an upper triangular matrix, so
    that its determinant is known and never 0 (Kingma and Dhariwal 2018, section 3.2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(channels, channels))[0])
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation.contiguous())
        self.register_buffer("signs", diagonal.sign())
        self.lower = nn.Parameter(lower.tril(-1).contiguous())
        self.upper = nn.Parameter(upper.triu(1).contiguous())
        self.log_diagonal = nn.Parameter(diagonal.abs().log())

    permutation: Float[Tensor, "c c"]
    signs: Float[Tensor, " c"]

    def matrix(self) -> Float[Tensor, "c c"]:
        """The weights."""
        lower = self.lower.tril(-1) + torch.eye(len(self.lower), device=self.lower.device, dtype=self.lower.dtype)
        return self.permutation @ lower @ (self.upper.triu(1) + torch.diag(self.signs * self.log_diagonal.exp()))

    def forward(self, x: Images) -> tuple[Images, LogDeterminant]:
        """See Reversible."""
        found = self.log_diagonal.sum() * (x.shape[2] * x.shape[3])
        return conv2d(x, self.matrix()[:, :, None, None]), found.expand(x.shape[0])

    fixed_inverse: Float[Tensor, "c c"] | None = None
    """The inverse of the weights, where they do not change any more and the inverse cannot be computed: see `fix_for_export`."""

    def fix_for_export(self) -> None:
        """Compute the inverse once and for all, for a file that is exported."""
        self.fixed_inverse = torch.linalg.inv(self.matrix().double()).to(self.lower.dtype).detach()

    def inverse(self, y: Images) -> Images:
        """See Reversible."""
        inverse = torch.linalg.inv(self.matrix().double()).to(y.dtype) if self.fixed_inverse is None else self.fixed_inverse
        return conv2d(y, inverse[:, :, None, None])


class CouplingNetwork(nn.Module):
    """What a coupling changes by: shifts and logarithms of scales, from the part that it leaves alone. The last layer begins at zero, so
    that a coupling begins as the identity.

    `blocks`: number of residual blocks (RealNVP); 0: two hidden layers, the second 1x1 (Glow).
    """

    def __init__(self, channels: int, outputs: int, width: int, blocks: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
            for _ in range(blocks)
        )
        self.last = nn.Conv2d(width, 2 * outputs, 3, padding=1)
        self.gain = nn.Parameter(torch.zeros(1, outputs, 1, 1))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast(Tensor, self.last.bias))

    def forward(self, x: Images) -> tuple[Images, Images]:
        """Shifts, and logarithms of scales between -2 and 2."""
        if self.blocks:
            hidden = self.first(x)
            for block in self.blocks:
                hidden = hidden + block(hidden)
            found = self.last(relu(hidden))
        else:
            hidden = relu(convolve_narrow(x, self.first.weight, cast(Tensor, self.first.bias)), inplace=True)
            hidden = relu(self.middle(hidden), inplace=True)
            found = convolve_narrow(hidden, self.last.weight, cast(Tensor, self.last.bias))
        shift, log_scale = found.chunk(2, dim=1)
        return shift, LARGEST_LOG_SCALE * torch.tanh(log_scale * (self.gain.exp() / LARGEST_LOG_SCALE))


Mask = Literal["channels", "channels, swapped", "checkerboard", "checkerboard, swapped"]


class Coupling(Reversible):
    """Moves and scales one part of an image by what a network makes of the rest (Dinh et al. 2017, sections 3.2 to 3.4).

    `mask`: "channels" leaves the first half of the channels alone, "channels, swapped" the other one; "checkerboard" leaves alone every
    second pixel, as "checkerboard, swapped" does the others.
    """

    def __init__(
        self,
        channels: int,
        mask: Mask,
        width: int,
        blocks: int,
    ) -> None:
        super().__init__()
        self.by_channel, self.swapped = mask.startswith("channels"), mask.endswith("swapped")
        self.kept = (channels + (not self.swapped)) // 2 if self.by_channel else channels
        outputs = channels - self.kept if self.by_channel else channels
        self.network = CouplingNetwork(self.kept, outputs, width, blocks)

    def forward(self, x: Images) -> tuple[Images, LogDeterminant]:
        """See Reversible."""
        kept, moved, mask = self.parts(x)
        shift, log_scale = self.network(kept)
        log_scale = log_scale if mask is None else log_scale * mask
        moved = (moved + (shift if mask is None else shift * mask)) * log_scale.exp()
        return self.joined(kept, moved), log_scale.flatten(1).sum(dim=1)

    def inverse(self, y: Images) -> Images:
        """See Reversible."""
        kept, moved, mask = self.parts(y)
        shift, log_scale = self.network(kept)
        if mask is not None:
            shift, log_scale = shift * mask, log_scale * mask
        return self.joined(kept, moved * (-log_scale).exp() - shift)

    def parts(self, x: Images) -> tuple[Images, Images, Float[Tensor, "h w"] | None]:
        """What is left alone, what is moved, and where (of checkerboards: both have zeros elsewhere)."""
        if self.by_channel:
            first, second = x[:, : x.shape[1] - self.kept], x[:, x.shape[1] - self.kept :]
            return (second, first, None) if self.swapped else (x[:, : self.kept], x[:, self.kept :], None)
        rows, columns = torch.arange(x.shape[2], device=x.device), torch.arange(x.shape[3], device=x.device)
        mask = ((rows[:, None] + columns + self.swapped) % 2).to(x.dtype)
        return x * (1 - mask), x * mask, mask

    def joined(self, kept: Images, moved: Images) -> Images:
        """The inverse of `parts`."""
        if not self.by_channel:
            return kept + moved
        return torch.cat([moved, kept] if self.swapped else [kept, moved], dim=1)


class Squeeze(Reversible):
    """Every 2x2 pixels become one with four times the channels."""

    def forward(self, x: Images) -> tuple[Images, LogDeterminant]:
        """See Reversible."""
        return pixel_unshuffle(x, 2), x.new_zeros(x.shape[0])

    def inverse(self, y: Images) -> Images:
        """See Reversible."""
        return pixel_shuffle(y, 2)


class Prior(nn.Module):
    """Mean and logarithm of the deviation of a latent. `seen`: number of channels that it may be told from (the half that goes on), else 0;
    `classes`: number of classes that it may be told from. It begins at the standard normal distribution.
    """

    def __init__(self, channels: int, seen: int = 0, classes: int = 0, *, learned: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.network = nn.Conv2d(seen, 2 * channels, 3, padding=1) if seen and learned else None
        self.embed = nn.Linear(classes, 2 * channels, bias=False) if classes else None
        for layer in (self.network, self.embed):
            if layer is not None:
                nn.init.zeros_(layer.weight)
        if self.network is not None:
            nn.init.zeros_(cast(Tensor, self.network.bias))

    def forward(self, latent: Images, seen: Images | None, condition: Float[Tensor, "n classes"] | None) -> tuple[Images, Images]:
        """Mean and logarithm of the deviation."""
        found = latent.new_zeros(latent.shape[0], 2 * self.channels, *latent.shape[2:])
        if self.network is not None and seen is not None:
            found = found + self.network(seen)
        if self.embed is not None and condition is not None:
            found = found + self.embed(condition)[:, :, None, None]
        mean, log_deviation = found.chunk(2, dim=1)
        return mean, LARGEST_LOG_SCALE * torch.tanh(log_deviation / LARGEST_LOG_SCALE)


class Flow(nn.Module):
    """Levels of reversible parts. After each but the last, half of the channels become latents, and the other half goes on (Dinh et al.
    2017, section 3.6). Latents of all levels are one vector of standard normal numbers, as many as an image has.

    `levels`: the parts of each level, squeezing included; `priors`: of the latents of each level; `shape`: of an image.
    """

    def __init__(self, levels: Sequence[Sequence[Reversible]], priors: Sequence[Prior], shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.ModuleList(level) for level in levels)
        self.priors = nn.ModuleList(priors)
        self.shape = shape

    def forward(
        self, images: Images, condition: Float[Tensor, "n classes"] | None = None
    ) -> tuple[Float[Tensor, "n latent"], Float[Tensor, " n"]]:
        """Latents of images, and the natural logarithm of the images' density."""
        with torch.autocast(images.device.type, enabled=False):
            x, latents = images.float() if images.dtype != torch.float64 else images, []
            log_density = x.new_zeros(x.shape[0])
            for number, (level, prior) in enumerate(zip(self.levels, self.priors, strict=True)):
                for part in cast(nn.ModuleList, level):
                    x, more = part(x)
                    log_density = log_density + more
                last = number == len(self.levels) - 1
                x, latent = (x, x) if last else x.chunk(2, dim=1)
                mean, log_deviation = prior(latent, None if last else x, condition)
                latents.append(((latent - mean) * (-log_deviation).exp()).flatten(1))
                log_density = log_density - log_deviation.flatten(1).sum(dim=1)
            found = torch.cat(latents, dim=1)
            return found, log_density - 0.5 * (found.square() + math.log(2 * math.pi)).sum(dim=1)

    def inverse(self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Images:
        """Images of latents."""
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float() if latents.dtype != torch.float64 else latents
            shapes = self.latent_shapes()
            pieces = latents.split([math.prod(shape) for shape in shapes], dim=1)
            x: Tensor | None = None
            for level, prior, shape, piece in zip(
                reversed(self.levels), reversed(self.priors), reversed(shapes), reversed(pieces), strict=True
            ):
                latent = piece.reshape(-1, *shape)
                mean, log_deviation = prior(latent, x, condition)
                latent = latent * log_deviation.exp() + mean
                x = latent if x is None else torch.cat([x, latent], dim=1)
                for part in reversed(cast(nn.ModuleList, level)):
                    x = cast(Reversible, part).inverse(cast(Tensor, x))
            assert x is not None
            return x

    def latent_shapes(self) -> list[tuple[int, int, int]]:
        """The shape of the latents of each level."""
        shapes, (channels, height, width) = [], self.shape
        for number in range(len(self.levels)):
            channels, height, width = 4 * channels, height // 2, width // 2
            if number < len(self.levels) - 1:
                channels //= 2
            shapes.append((channels, height, width))
        return shapes


def glow(shape: tuple[int, int, int], levels: int, steps: int, width: int, classes: int) -> Flow:
    """Glow: at each level squeezing, and steps of actnorm, an invertible convolution and a coupling of channels."""
    parts: list[list[Reversible]] = []
    priors, channels = [], shape[0]
    for level in range(levels):
        channels *= 4
        own: list[Reversible] = [Squeeze()]
        for _ in range(steps):
            own += [ActNorm(channels), InvertibleConvolution(channels), Coupling(channels, "channels", width, 0)]
        parts.append(own)
        last = level == levels - 1
        priors.append(Prior(channels, 0, classes) if last else Prior(channels // 2, channels // 2))
        channels = channels if last else channels // 2
    return Flow(parts, priors, shape)


def real_nvp(shape: tuple[int, int, int], levels: int, width: int, blocks: int) -> Flow:
    """RealNVP: at each level three couplings of checkerboards, squeezing, and three couplings of channels, with actnorm before each; at the
    last level four couplings of checkerboards before squeezing.
    """
    parts: list[list[Reversible]] = []
    priors, channels = [], shape[0]
    for level in range(levels):
        last = level == levels - 1
        own: list[Reversible] = []
        for number in range(4 if last else 3):
            own += [ActNorm(channels), Coupling(channels, "checkerboard, swapped" if number % 2 else "checkerboard", width, blocks)]
        own.append(Squeeze())
        channels *= 4
        for number in range(0 if last else 3):
            own += [ActNorm(channels), Coupling(channels, "channels, swapped" if number % 2 else "channels", width, blocks)]
        parts.append(own)
        priors.append(Prior(channels if last else channels // 2, learned=False))
        channels = channels if last else channels // 2
        width *= 2
    return Flow(parts, priors, shape)
