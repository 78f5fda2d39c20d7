"""Convolutions that are also fast on a CPU with small feature maps.

oneDNN computes the weight gradient of wide convolutions on small maps at half of its bfloat16 speed or less. There, a single matrix product
with the unfolded input (im2col) computes the same sum faster. With few positions, as in the middle of a U-Net, the forward pass and the
input gradient are faster as matrix products, too, because oneDNN reorders the weights at every call. Everywhere else these modules are
torch's own.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDE_CHANNELS = 128
"""Smallest number of input channels for which the product is faster (measured: docs/benchmarks/speed.md)."""
SMALL_SIDE = 8
"""Largest side of the larger map for which unfolding saves time."""
FEW_POSITIONS, MANY_WEIGHTS = 128, 2**20
"""With at most this many positions in the smaller maps of a batch, and at least this many weights, all passes are matrix products."""

FEW_CHANNELS = 4
"""Largest number of channels on one side of a 3x3 convolution for which products are faster on larger maps."""


def _unfold(larger: Float[Tensor, "n c h w"], kernel: int, stride: int, padding: int) -> Float[Tensor, "positions taps_and_channels"]:
    """Each position of the kernel as a row of (kernel row, kernel column, channel): runs of channels-last memory, so a cheap copy."""
    channels = larger.shape[1]
    padded = nn.functional.pad(larger.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    windows = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # n, rows, columns, c, kernel, kernel
    return windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, kernel * kernel * channels)


def _weight_gradient(
    larger: Float[Tensor, "n c h w"], smaller: Float[Tensor, "n o p q"], kernel: int, stride: int, padding: int
) -> Float[Tensor, "o c kernel kernel"]:
    """Sum over all positions of the smaller map times the larger map under the kernel. The smaller map is the output of a convolution or
    the input of a transposed one.
    """
    rows = smaller.permute(0, 2, 3, 1).reshape(-1, smaller.shape[1])
    product = rows.t() @ _unfold(larger, kernel, stride, padding)
    return product.view(smaller.shape[1], kernel, kernel, larger.shape[1]).permute(0, 3, 1, 2)


def _matrix(weight: Float[Tensor, "a b k k"]) -> Float[Tensor, "a taps_and_b"]:
    """Weights as a matrix with columns ordered as in `_unfold`: a view if the weights are channels-last."""
    return weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1)


def _fold(
    columns: Float[Tensor, "positions taps_and_channels"], smaller: torch.Size, larger: torch.Size, kernel: int, stride: int, padding: int
) -> Float[Tensor, "n c h w"]:
    """The transpose of `_unfold`: adds up what each position of the smaller maps contributes to the larger ones."""
    n, channels, height, width = larger
    rows, across = smaller[2:]
    spread = columns.view(n, rows, across, kernel, kernel, channels)
    whole = columns.new_zeros(n, height + 2 * padding, width + 2 * padding, channels)
    for down in range(kernel):
        for right in range(kernel):
            whole[:, down : down + stride * rows : stride, right : right + stride * across : stride] += spread[:, :, :, down, right]
    return whole[:, padding : padding + height, padding : padding + width].permute(0, 3, 1, 2)


def _onto_smaller(larger: Tensor, weight: Tensor, size: tuple[int, int], stride: int, padding: int) -> Tensor:
    """A convolution as a matrix product: (n, c, h, w) to (n, o, *size). It is also the input gradient of a transposed convolution."""
    product = _unfold(larger, weight.shape[2], stride, padding) @ _matrix(weight).t()
    return product.view(len(larger), *size, -1).permute(0, 3, 1, 2)


def _onto_larger(smaller: Tensor, weight: Tensor, size: torch.Size, stride: int, padding: int) -> Tensor:
    """A transposed convolution as a matrix product: (n, o, p, q) to (n, c, h, w). It is also the input gradient of a convolution."""
    rows = smaller.permute(0, 2, 3, 1).reshape(-1, smaller.shape[1])
    return _fold(rows @ _matrix(weight), smaller.shape, size, weight.shape[2], stride, padding)


class _Convolve(torch.autograd.Function):
    """A convolution without bias, or its transpose, with the weight gradient as one matrix product, and with few positions all passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, transposed: bool) -> Tensor:  # noqa: ANN401
        kernel, (height, width) = weight.shape[2], x.shape[2:]
        if transposed:
            smaller = height, width
        else:
            smaller = (height + 2 * padding - kernel) // stride + 1, (width + 2 * padding - kernel) // stride + 1
        few = len(x) * smaller[0] * smaller[1] <= FEW_POSITIONS and weight.numel() >= MANY_WEIGHTS
        ctx.save_for_backward(x, weight)
        ctx.geometry = (stride, padding, transposed, few)
        if not few:
            function = nn.functional.conv_transpose2d if transposed else nn.functional.conv2d
            return function(x, weight, None, stride, padding)
        if transposed:
            larger = torch.Size([len(x), weight.shape[1], *((side - 1) * stride - 2 * padding + kernel for side in (height, width))])
            return _onto_larger(x, weight, larger, stride, padding)
        return _onto_smaller(x, weight, smaller, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        stride, padding, transposed, few = ctx.geometry
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        # Second derivatives (R1, path length) use torch's own formula.
        by_product = not torch.is_grad_enabled()
        x_gradient, weight_gradient = None, None
        if by_product and few and wants_x:
            if transposed:
                x_gradient = _onto_smaller(gradient, weight, x.shape[2:], stride, padding)
            else:
                x_gradient = _onto_larger(gradient, weight, x.shape, stride, padding)
        elif wants_x or not by_product:
            x_gradient, weight_gradient, _ = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, [stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1,
                [wants_x, wants_weight and not by_product, False],
            )  # fmt: skip
        if by_product and wants_weight:
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
    """Convolution without bias, as torch's `conv2d`."""
    if not weight.requires_grad or not _product_is_faster(weight.shape[1], x.shape[2], x):
        return nn.functional.conv2d(x, weight, None, stride, padding)
    return _Convolve.apply(x.bfloat16(), weight.bfloat16(), stride, padding, False)


def convolve_transposed(
    x: Float[Tensor, "n c h w"], weight: Float[Tensor, "c o k k"], stride: int = 1, padding: int = 0
) -> Float[Tensor, "n o p q"]:
    """Transposed convolution without bias, as torch's `conv_transpose2d`."""
    if not weight.requires_grad or not _product_is_faster(weight.shape[1], x.shape[2] * stride, x):
        return nn.functional.conv_transpose2d(x, weight, None, stride, padding)
    return _Convolve.apply(x.bfloat16(), weight.bfloat16(), stride, padding, True)


class _ConvolveNarrow(torch.autograd.Function):
    """A 3x3 convolution to maps of the same size, where one side has few channels. What oneDNN does slowly, because it fills few channels
    up to many, is a matrix product, with the nine taps of the few channels as columns.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        if weight.shape[0] > weight.shape[1]:
            return nn.functional.conv2d(x, weight, bias, 1, 1)
        return _onto_narrow(x, _as_transposed(weight), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        few_inputs = weight.shape[0] > weight.shape[1]
        by_product = not torch.is_grad_enabled()  # second derivatives use torch's own formula
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        x_by_product, weight_by_product = wants_x and by_product and few_inputs, wants_weight and by_product and not few_inputs
        x_gradient, weight_gradient, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1,
            [wants_x and not x_by_product, wants_weight and not weight_by_product, False],
        )  # fmt: skip
        bias_gradient = gradient.sum(dim=(0, 2, 3)) if wants_bias else None
        if x_by_product:
            x_gradient = _onto_narrow(gradient, weight)
        if weight_by_product:
            weight_gradient = _as_transposed(_weight_gradient(gradient, x, 3, 1, 1))
        return x_gradient, weight_gradient, bias_gradient


def _onto_narrow(
    wide: Float[Tensor, "n c h w"], weight: Float[Tensor, "c o 3 3"], bias: Float[Tensor, " o"] | None = None
) -> Float[Tensor, "n o h w"]:
    """A transposed convolution with stride 1 to maps of the same size. Taps are added up channel by channel, whose rows are longer runs of
    memory than the few channels of a pixel.
    """
    n, channels, height, width = wide.shape
    taps = weight.permute(2, 3, 1, 0).reshape(-1, channels) @ wide.permute(0, 2, 3, 1).reshape(-1, channels).t()
    parts = taps.view(3, 3, -1, n, height, width)
    whole = parts.new_zeros(*parts.shape[2:4], height + 2, width + 2)
    for down in range(3):
        for right in range(3):
            whole[:, :, down : down + height, right : right + width] += parts[down, right]
    inner = whole[:, :, 1:-1, 1:-1].transpose(0, 1)
    return (inner if bias is None else inner + bias[:, None, None]).contiguous(memory_format=torch.channels_last)


def _as_transposed(weight: Float[Tensor, "a b k k"]) -> Float[Tensor, "b a k k"]:
    """Weights with which a transposed convolution with stride 1 does what the convolution does, and the other way round."""
    return weight.flip(2, 3).transpose(0, 1)


def convolve_narrow(x: Float[Tensor, "n c h w"], weight: Float[Tensor, "o c 3 3"], bias: Float[Tensor, " o"]) -> Float[Tensor, "n o h w"]:
    """3x3 convolution to maps of the same size, as torch's `conv2d` with padding 1, which is faster to train where one of both maps has
    very few channels.
    """
    narrow = min(weight.shape[:2]) <= FEW_CHANNELS and x.shape[2] > SMALL_SIDE
    by_product = narrow and x.dtype == torch.float32 and weight.is_contiguous(memory_format=torch.channels_last)
    if x.device.type != "cpu" or not by_product or not torch.is_grad_enabled():
        return nn.functional.conv2d(x, weight, bias, 1, 1)
    return _ConvolveNarrow.apply(x, weight, bias)


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
        """(n, in_channels, h, w) to (n, out_channels, ...). An `output_size` is not supported."""
        assert output_size is None
        return convolve_transposed(input, self.weight, self.stride[0], int(self.padding[0]))
