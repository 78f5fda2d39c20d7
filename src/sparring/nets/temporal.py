"""Networks of series: causal convolutions, whose output at a step depends on no later step.

Inside, steps are the width of images of one row in channels-last memory: there, convolutions are twice as fast on a CPU as those of series.
"""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

KERNEL, SLOPE = 2, 0.2


def blocks_for(steps: int) -> int:
    """The largest number of blocks of a `TemporalNetwork` whose receptive field is at most `steps`; at least 1."""
    return max(1, (steps + 1).bit_length() - 2)


def blocks_to_see(steps: int) -> int:
    """The smallest number of blocks of a `TemporalNetwork` whose receptive field is at least `steps`."""
    return max(1, steps.bit_length() - 1)


def convolution(channels: int, out_channels: int, kernel: int = 1, dilation: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution over the steps of (n, c, 1, t)."""
    return nn.Conv2d(channels, out_channels, (1, kernel), dilation=(1, dilation), bias=bias)


class TemporalBlock(nn.Module):
    """Two dilated convolutions, each followed by a leaky ReLU (Wiese et al. 2020, definition 3.6, has PReLUs, which are slow). Outputs are
    as many steps fewer as the convolutions reach back.
    """

    def __init__(self, channels: int, hidden: int, dilation: int) -> None:
        super().__init__()
        self.reach = 2 * dilation * (KERNEL - 1)
        self.layers = nn.Sequential(
            convolution(channels, hidden, KERNEL, dilation),
            nn.LeakyReLU(SLOPE, inplace=True),
            convolution(hidden, hidden, KERNEL, dilation),
            nn.LeakyReLU(SLOPE, inplace=True),
        )

    def forward(self, x: Float[Tensor, "n c 1 t"]) -> Float[Tensor, "n hidden 1 t_less_reach"]:
        """Features of each step that has so many before it."""
        return self.layers(x)


class TemporalNetwork(nn.Module):
    """A temporal convolutional network with skip connections (Wiese et al. 2020, section 5.1): blocks with dilations 1, 2, 4, ..., and the
    sum of a linear map of each block's outputs. Its outputs are `receptive_field - 1` steps fewer than its inputs.
    """

    def __init__(self, in_channels: int, out_channels: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.enter = nn.Sequential(convolution(in_channels, hidden), nn.LeakyReLU(SLOPE, inplace=True))
        self.blocks = nn.ModuleList(TemporalBlock(hidden, hidden, 2**number) for number in range(blocks))
        self.skips = nn.ModuleList(convolution(hidden, hidden, bias=number == 0) for number in range(blocks))
        self.leave = nn.Sequential(nn.LeakyReLU(SLOPE), convolution(hidden, out_channels))
        self.receptive_field = 1 + sum(block.reach for block in self.blocks)  # pyright: ignore[reportCallIssue, reportArgumentType]
        """Number of steps that each output depends on: 2^(blocks + 1) - 1."""

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n out t_less_field"]:
        """Outputs at each step that has a whole receptive field."""
        steps = x.shape[2] - self.receptive_field + 1
        assert steps > 0, f"{x.shape[2]} steps are fewer than the receptive field of {self.receptive_field}"
        y = self.enter(x[:, :, None].contiguous(memory_format=torch.channels_last))
        total = y.new_zeros(())
        for block, skip in zip(self.blocks, self.skips, strict=True):
            y = block(y)
            total = total + skip(y[:, :, :, -steps:])
        return self.leave(total)[:, :, 0].to(x.dtype)


def at_scales(noise: Float[Tensor, "n c t"], scales: Sequence[int]) -> Float[Tensor, "n c_and_scales t_less_longest"]:
    """Noise, and its means over the last `scales` steps, each of unit variance as the noise is: what changes slowly begins here. Steps that
    have not so many before them are left out.
    """
    steps = noise.shape[2] - max(scales, default=1) + 1
    upto = pad(noise.double().cumsum(dim=2), (1, 0))
    means = [(upto[:, :, -steps:] - upto[:, :, -steps - scale : upto.shape[2] - scale]) / scale**0.5 for scale in scales]
    return torch.cat([noise[:, :, -steps:], *(each.to(noise.dtype) for each in means)], dim=1)


def time_scales(steps: int) -> list[int]:
    """Powers of four that are at most `steps`, from 4 to 256: scales of noise for windows of so many steps."""
    return [4**power for power in range(1, 5) if 4**power <= steps]


class VolatilityHead(nn.Module):
    """Values as drift and volatility times an innovation, which comes from the noise of the step alone (Wiese et al. 2020, stochastic
    volatility neural networks).
    """

    def __init__(self, latent_size: int, values: int, hidden: int) -> None:
        super().__init__()
        self.innovation = nn.Sequential(
            convolution(latent_size, hidden),
            nn.LeakyReLU(SLOPE, inplace=True),
            convolution(hidden, hidden),
            nn.LeakyReLU(SLOPE, inplace=True),
            convolution(hidden, values),
        )

    def forward(self, drift_and_size: Float[Tensor, "n twice_values t"], noise: Float[Tensor, "n latent t"]) -> Float[Tensor, "n values t"]:
        """Values of each step."""
        drift, size = drift_and_size.chunk(2, dim=1)
        innovation = self.innovation(noise[:, :, None].contiguous(memory_format=torch.channels_last))[:, :, 0]
        return drift + softplus(size) * innovation.to(drift.dtype)


class PathGenerator(nn.Module):
    """From noise at each step to values at each step, paths of any length. Drift and volatility come from the noise of the steps before, at
    several scales of time, by a temporal network.
    """

    def __init__(self, latent_size: int, values: int, hidden: int, steps: int) -> None:
        super().__init__()
        self.latent_size, self.scales = latent_size, time_scales(steps)
        self.network = TemporalNetwork(latent_size * (1 + len(self.scales)), 2 * values, hidden, blocks_for(steps))
        self.head = VolatilityHead(latent_size, values, hidden)

    @property
    def lead(self) -> int:
        """Number of steps of noise before the first step of a path."""
        return self.network.receptive_field + max(self.scales, default=1) - 1

    def forward(self, noise: Float[Tensor, "n latent t_and_lead"]) -> Float[Tensor, "n values t"]:
        """Values of each step after the lead."""
        return self.head(self.network(at_scales(noise[:, :, :-1], self.scales)), noise[:, :, self.lead :])


class FutureGenerator(nn.Module):
    """From noise at several scales of time, what is known of the values, and what is known of each step to the values of all steps."""

    def __init__(self, latent_size: int, values: int, known: int, hidden: int, steps: int) -> None:
        super().__init__()
        self.latent_size, self.scales = latent_size, time_scales(steps)
        inputs = latent_size * (1 + len(self.scales)) + values + 1 + known
        self.network = TemporalNetwork(inputs, 2 * values, hidden, blocks_to_see(steps))
        self.head = VolatilityHead(latent_size, values, hidden)

    @property
    def lead(self) -> int:
        """Number of steps of noise before the first step of a window."""
        return max(self.scales, default=1) - 1

    def forward(
        self,
        noise: Float[Tensor, "n latent t_and_lead"],
        given: Float[Tensor, "n values t"],
        mask: Float[Tensor, "n 1 t"],
        known: Float[Tensor, "n known t"],
    ) -> Float[Tensor, "n values t"]:
        """Values of each step. `mask`: 1 where the values are given, else 0 (and `given` is not looked at); `known`: see SeriesSpec."""
        inputs = torch.cat([at_scales(noise, self.scales), given * mask, mask, known], dim=1)
        return self.head(self.network(pad(inputs, (self.network.receptive_field - 1, 0))), noise[:, :, self.lead :])


class WindowDiscriminator(nn.Module):
    """From a window to a logit: means and deviations over the steps of the features of each temporal block, through a perceptron. It sees
    absolute values, too. (A temporal network's output at the last step tells series with and without memory of volatility apart only after
    a long time, and knows windows by heart soon. Statistics over steps are what memory is.)
    """

    def __init__(self, channels: int, hidden: int, steps: int) -> None:
        super().__init__()
        blocks = blocks_for(steps)
        self.enter = nn.Sequential(convolution(2 * channels, hidden), nn.LeakyReLU(SLOPE, inplace=True))
        self.blocks = nn.ModuleList(TemporalBlock(hidden, hidden, 2**number) for number in range(blocks))
        self.leave = perceptron([2 * hidden * blocks, 2 * hidden, 1])

    def forward(self, windows: Float[Tensor, "n c t"], condition: None = None) -> Float[Tensor, "n 1"]:
        """Logits."""
        y = self.enter(torch.cat([windows, windows.abs()], dim=1)[:, :, None].contiguous(memory_format=torch.channels_last))
        found = []
        for block in self.blocks:
            y = block(y)
            steps = y[:, :, 0].float()
            mean = steps.mean(dim=2)
            deviation = ((steps - mean[..., None]).square().mean(dim=2) + 1e-4).sqrt()
            found += [mean, deviation]
        return self.leave(torch.cat(found, dim=1)).to(windows.dtype)


class Recurrent(nn.Module):
    """A GRU over steps, and a linear map of its state at each step. Both are in the precision of the weights: their products are too small
    to be faster in another.
    """

    def __init__(self, in_channels: int, out_channels: int, hidden: int, layers: int, outputs: nn.Module | None = None) -> None:
        super().__init__()
        self.gru = nn.GRU(in_channels, hidden, layers, batch_first=True)
        self.to_outputs = nn.Linear(hidden, out_channels)
        self.outputs = outputs if outputs is not None else nn.Identity()

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n out t"]:
        """Outputs of each step, each from the steps until then."""
        with torch.autocast(x.device.type, enabled=False):
            states, _ = self.gru(x.to(self.to_outputs.weight.dtype).transpose(1, 2))
            return self.outputs(self.to_outputs(states)).transpose(1, 2)


def perceptron(sizes: Sequence[int], slope: float = 0.2) -> nn.Sequential:
    """Linear maps with leaky ReLUs between them."""
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.LeakyReLU(slope)] * (number > 0) + [nn.Linear(before, after)]
    return nn.Sequential(*layers)
