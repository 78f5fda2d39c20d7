"""Layers with an equalized learning rate (Karras et al. 2018, section 4.1): weights have variance 1 and are scaled in the forward pass.

The scale is applied to the output, where it costs nothing, because matrix products and additions take a factor.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from sparring.nets.blocks.convolution import convolve, convolve_transposed
from sparring.nets.blocks.resampling import downsample, smooth, upsample

LEAKY_SLOPE, LEAKY_GAIN = 0.2, math.sqrt(2)
"""Slope of leaky ReLU below zero, and the gain that keeps the variance of its output equal to that of its input."""


def leaky_relu_in_place(x: Float[Tensor, "n c *places"], clamp: float | None = None) -> Float[Tensor, "n c *places"]:
    """Leaky ReLU in place, without gain: callers apply it before, because positive factors commute with leaky ReLU. `clamp` limits the
    absolute values.
    """
    x = leaky_relu_(x, LEAKY_SLOPE)
    return x if clamp is None else x.clamp(-clamp, clamp)


def pixel_norm(x: Float[Tensor, "n c *places"]) -> Float[Tensor, "n c *places"]:
    """Pixel norm: the vector at each position (along dimension 1) scaled to a mean square of 1 (Karras et al. 2018, section 4.2)."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class Linear(nn.Module):
    """A linear layer, followed by a leaky ReLU if `activated`. It always computes in full precision, because it is small.

    `rate` is the learning rate's factor (0.01 in the mapping network of Karras et al. 2019), and `offset` the initial bias.
    """

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, offset: float = 0.0, activated: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), offset / rate))
        self.activated = activated
        gain = rate * (LEAKY_GAIN if activated else 1.0)
        self.weight_gain, self.bias_gain = gain / math.sqrt(inputs), gain

    def forward(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        """(n, inputs) to (n, outputs)."""
        with torch.autocast(x.device.type, enabled=False):
            x = torch.addmm(self.bias, x.to(self.weight.dtype), self.weight.t(), beta=self.bias_gain, alpha=self.weight_gain)
        return leaky_relu_in_place(x) if self.activated else x


class Convolution(nn.Module):
    """A convolution that keeps the side, halves it (`down`) or doubles it (`up`) with the binomial filter, followed by a leaky ReLU if
    `activated`. `gain` scales the output, and `clamp` limits its absolute values before that scaling.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        bias: bool = True,
        activated: bool = True,
        up: bool = False,
        down: bool = False,
        gain: float = 1.0,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.up, self.down, self.activated = up, down, activated
        self.gain = gain * (LEAKY_GAIN if activated else 1.0)
        self.weight_gain = self.gain / math.sqrt(before * kernel**2)
        self.clamp = None if clamp is None else clamp * gain

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, ...)."""
        x = resampling_convolution(x, self.weight, up=self.up, down=self.down)
        if self.bias is None:
            x = x * self.weight_gain
        else:
            x = torch.add((self.bias * self.gain).to(x.dtype)[:, None, None], x, alpha=self.weight_gain)
        if self.activated:
            return leaky_relu_in_place(x, self.clamp)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


def resampling_convolution(
    x: Float[Tensor, "n c h w"], weight: Float[Tensor, "o c k k"], *, up: bool = False, down: bool = False
) -> Float[Tensor, "n o p q"]:
    """A convolution after upsampling or before downsampling with the binomial filter, in the cheapest order: with a 1x1 kernel, maps are
    filtered while they are small, and a 3x3 kernel never multiplies the zeros between upsampled pixels.
    """
    pointwise = weight.shape[2] == 1
    padding = weight.shape[2] // 2
    if up:
        if pointwise:
            return upsample(convolve(x, weight))
        return smooth(convolve_transposed(x, weight.transpose(0, 1), stride=2), padding=1, gain=4)
    if down:
        if pointwise:
            return convolve(downsample(x), weight)
        return convolve(smooth(x, padding=2), weight, stride=2)
    return convolve(x, weight, padding=padding)
