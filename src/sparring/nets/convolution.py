"""Convolutions whose weight gradient is fast on a CPU too.

oneDNN computes the weight gradient of wide convolutions on small maps at half of its bfloat16 speed and
less. There, one matrix product with the unfolded input (im2col) does the same sum faster; everywhere else
these modules are torch's own.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDE_CHANNELS = 128
"""Narrower inputs leave too little work in the product (measured: docs/benchmarks.md)."""
SMALL_SIDE = 8
"""Largest side of the larger map; unfolding beyond it costs more than it saves."""


def _unfold(larger: Float[Tensor, "n c h w"], kernel: int, stride: int, padding: int) -> Float[Tensor, "positions taps_and_channels"]:
    """Each place of the kernel as a row, (row, column, channel) in order: runs of channels-last memory, so a cheap copy."""
    channels = larger.shape[1]
    padded = nn.functional.pad(larger.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    windows = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # n, rows, columns, c, kernel, kernel
    return windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, kernel * kernel * channels)


def _weight_gradient(
    larger: Float[Tensor, "n c h w"], smaller: Float[Tensor, "n o p q"], kernel: int, stride: int, padding: int
) -> Float[Tensor, "o c kernel kernel"]:
    """Sum over all places of (smaller map) x (larger map under the kernel). The smaller map is the output of a
    convolution or the input of a transposed one.
    """
    rows = smaller.permute(0, 2, 3, 1).reshape(-1, smaller.shape[1])
    product = rows.t() @ _unfold(larger, kernel, stride, padding)
    return product.view(smaller.shape[1], kernel, kernel, larger.shape[1]).permute(0, 3, 1, 2)


class _Convolve(torch.autograd.Function):
    """A convolution without bias, or its transpose, with the weight gradient as one matrix product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, transposed: bool) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        ctx.geometry = (stride, padding, transposed)
        function = nn.functional.conv_transpose2d if transposed else nn.functional.conv2d
        return function(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        stride, padding, transposed = ctx.geometry
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        # A second derivative (R1, path length) goes through torch's own formula.
        by_product = wants_weight and not torch.is_grad_enabled()
        x_gradient, weight_gradient, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, [stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1,
            [wants_x, wants_weight and not by_product, False],
        )  # fmt: skip
        if by_product:
            larger, smaller = (gradient, x) if transposed else (x, gradient)
            weight_gradient = _weight_gradient(larger, smaller, weight.shape[2], stride, padding)
        return x_gradient, weight_gradient, None, None, None


def _product_is_faster(larger_channels: int, larger_side: int, x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and larger_channels >= WIDE_CHANNELS
        and larger_side <= SMALL_SIDE
        and torch.is_grad_enabled()
    )


def convolve(x: Float[Tensor, "n c h w"], weight: Float[Tensor, "o c k k"], stride: int = 1, padding: int = 0) -> Float[Tensor, "n o p q"]:
    """Torch's `conv2d` without bias."""
    if not weight.requires_grad or not _product_is_faster(weight.shape[1], x.shape[2], x):
        return nn.functional.conv2d(x, weight, None, stride, padding)
    return _Convolve.apply(x.bfloat16(), weight.bfloat16(), stride, padding, False)


def convolve_transposed(
    x: Float[Tensor, "n c h w"], weight: Float[Tensor, "c o k k"], stride: int = 1, padding: int = 0
) -> Float[Tensor, "n o p q"]:
    """Torch's `conv_transpose2d` without bias."""
    if not weight.requires_grad or not _product_is_faster(weight.shape[1], x.shape[2] * stride, x):
        return nn.functional.conv_transpose2d(x, weight, None, stride, padding)
    return _Convolve.apply(x.bfloat16(), weight.bfloat16(), stride, padding, True)


class Convolution(nn.Conv2d):
    """`nn.Conv2d` with a square kernel and no bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=False)

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o p q"]:
        """(n, in_channels, h, w) to (n, out_channels, ...)."""
        return convolve(input, self.weight, self.stride[0], int(self.padding[0]))


class TransposedConvolution(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d` with a square kernel and no bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=False)

    def forward(self, input: Float[Tensor, "n c h w"], output_size: list[int] | None = None) -> Float[Tensor, "n o p q"]:
        """(n, in_channels, h, w) to (n, out_channels, ...). An `output_size` other than the natural one is not for these."""
        assert output_size is None
        return convolve_transposed(input, self.weight, self.stride[0], int(self.padding[0]))
