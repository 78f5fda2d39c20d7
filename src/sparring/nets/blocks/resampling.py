"""Up- and downsampling with the binomial filter (1, 3, 3, 1) of StyleGAN2 (Karras et al. 2020, appendix B), each as one operation.

Each operation is linear, and its gradient is another one of them, so gradients of any order cost as much as forward passes. (Torch's own
gradient of a strided depthwise convolution is ten times slower on a CPU.)
"""

import functools
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from sparring.nets.blocks.exporting import is_exporting

TAPS = (1.0, 3.0, 3.0, 1.0)
SIDE = len(TAPS)
UP_GAIN = 4.0
"""Keeps the brightness of maps with zeros inserted in rows and columns."""


def _new_kernel(channels: int, gain: float, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "c 1 4 4"]:
    row = torch.tensor(TAPS, dtype=torch.float64) / sum(TAPS)
    return (gain * torch.outer(row, row)).expand(channels, 1, SIDE, SIDE).to(device, dtype).contiguous()


_kept_kernel = functools.lru_cache(maxsize=256)(_new_kernel)


def _kernel(channels: int, gain: float, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "c 1 4 4"]:
    # a tensor of a trace has no values, and must not be kept for later
    return (_new_kernel if is_exporting() else _kept_kernel)(channels, gain, dtype, device)


def _depthwise(x: Tensor, gain: float, padding: int, stride: int = 1) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):  # in the input's precision, so that images stay exact
        return conv2d(x, _kernel(x.shape[1], gain, x.dtype, x.device), padding=padding, stride=stride, groups=x.shape[1])


def _interpolated(x: Float[Tensor, "n c h w"], gain: float) -> Float[Tensor, "n c 2*h 2*w"]:
    """What upsampling by the filter is, as bilinear interpolation, 1.3 to 4 times as fast in float32: between pixels a quarter of the one
    and three of the other, which the rows and columns on the edges share with zeros in place of with themselves.
    """
    y = interpolate(x, scale_factor=2.0, mode="bilinear")
    if gain != UP_GAIN:
        y *= gain / UP_GAIN
    for dimension in (2, 3):
        y.select(dimension, 0).mul_(0.75)
        y.select(dimension, -1).mul_(0.75)
    return y


class _Filter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: int, gain: float) -> Tensor:  # noqa: ANN401
        ctx.settings = (padding, gain)
        return _depthwise(x, gain, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        padding, gain = ctx.settings
        return smooth(gradients[0], SIDE - 1 - padding, gain), None, None  # the filter is symmetric


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:  # noqa: ANN401
        ctx.gain = gain
        return _depthwise(x, gain, padding=1, stride=2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return _Up.apply(gradients[0], ctx.gain), None  # pyright: ignore[reportReturnType]


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:  # noqa: ANN401
        ctx.gain = gain
        if x.device.type == "cpu" and x.dtype == torch.float32:
            return _interpolated(x, gain)
        n, channels, height, width = x.shape
        # zeros between the pixels, two before the first and two after the last
        spaced = torch.zeros(n, 2 * height + 3, 2 * width + 3, channels, dtype=x.dtype, device=x.device).permute(0, 3, 1, 2)
        spaced[:, :, 2:-1:2, 2:-1:2] = x
        return _depthwise(spaced, gain, padding=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return _Down.apply(gradients[0], ctx.gain), None  # pyright: ignore[reportReturnType]


def smooth(x: Float[Tensor, "n c h w"], padding: int, gain: float = 1.0) -> Float[Tensor, "n c p q"]:
    """Each channel smoothed by the filter, with `padding` rows and columns of zeros on every side: (n, c, h + 2 padding - 3, ...)."""
    if is_exporting():
        return _depthwise(x, gain, padding)
    return _Filter.apply(x, padding, gain)  # pyright: ignore[reportReturnType]


def downsample(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h/2 w/2"]:
    """Maps at half the side: smoothed by the filter, then every second pixel."""
    if is_exporting():
        return _depthwise(x, 1.0, padding=1, stride=2)
    return _Down.apply(x, 1.0)  # pyright: ignore[reportReturnType]


def upsample(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
    """Maps at twice the side: zeros inserted between pixels, smoothed by the filter, and multiplied by 4 to keep the brightness."""
    if is_exporting():  # one operation in place of eight that write zeros and pixels; other runtimes are five times as fast
        return conv_transpose2d(x, _kernel(x.shape[1], UP_GAIN, x.dtype, x.device), stride=2, padding=1, groups=x.shape[1])
    return _Up.apply(x, UP_GAIN)  # pyright: ignore[reportReturnType]
