"""Group norm that is also fast on a CPU in channels-last memory, where torch's own takes up to three times as long to train."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

SMALLEST_MAP = 64
"""Number of positions from which this is faster than torch's own (measured with 32 to 128 channels)."""


class GroupNorm(nn.GroupNorm):
    """`nn.GroupNorm`. Where gradients are wanted of channels-last maps on a CPU, sums over positions are taken channel by channel, along
    the memory, and only then put together by groups.
    """

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape and type."""
        channels_last = not input.is_contiguous() and input.is_contiguous(memory_format=torch.channels_last)
        large = input.shape[2] * input.shape[3] >= SMALLEST_MAP
        if not (channels_last and large and input.device.type == "cpu" and torch.is_grad_enabled()):
            return super().forward(input)
        return _Normalize.apply(input, self.weight, self.bias, self.num_groups, self.eps)


class _Normalize(torch.autograd.Function):
    """Group norm of channels-last maps (Wu and He 2018, equations 1 to 6)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:  # noqa: ANN401
        maps = x.permute(0, 2, 3, 1)
        count = maps[0].numel() // groups
        mean = _by_group(_over_positions(maps), groups) / count
        square = _by_group(_over_positions(maps.square()), groups) / count
        inverse = (square - mean.square()).clamp_min(0).add(eps).rsqrt()
        scale = inverse * weight
        ctx.save_for_backward(maps, weight, mean, inverse)
        ctx.groups = groups
        return torch.addcmul(_spread(bias - mean * scale, maps), maps, _spread(scale, maps)).permute(0, 3, 1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 # pyright: ignore[reportIncompatibleMethodOverride] (of the decorator)
        maps, weight, mean, inverse = ctx.saved_tensors
        gradient = gradients[0].permute(0, 2, 3, 1)
        count = maps[0].numel() // ctx.groups
        total = _over_positions(gradient)
        by_normal = (_over_positions(gradient * maps) - mean * total) * inverse  # sums of the gradient times the normalized maps
        mean_gradient = _by_group(total * weight, ctx.groups) / count
        mean_by_normal = _by_group(by_normal * weight, ctx.groups) / count
        # inverse * (weight * gradient - mean_gradient - (maps - mean) * inverse * mean_by_normal)
        slope = -inverse.square() * mean_by_normal
        offset = -inverse * mean_gradient - slope * mean
        moved = torch.addcmul(_spread(offset, maps), maps, _spread(slope, maps))
        moved = moved.addcmul_(gradient, _spread(inverse * weight, maps))
        return moved.permute(0, 3, 1, 2), by_normal.sum(dim=0).to(weight.dtype), total.sum(dim=0).to(weight.dtype), None, None


def _over_positions(maps: Float[Tensor, "n h w c"]) -> Float[Tensor, "n c"]:
    """Sums over positions, in float32, or in float64 for such maps. Sums of rows are in the maps' own type, which saves a copy of them all
    and adds less than its rounding of the maps.
    """
    rows = maps.sum(dim=2)
    return rows.to(torch.promote_types(rows.dtype, torch.float32)).sum(dim=1)


def _by_group(sums: Float[Tensor, "n c"], groups: int) -> Float[Tensor, "n c"]:
    """For each channel, the sum over the channels of its group."""
    n, c = sums.shape
    return sums.view(n, groups, 1, -1).sum(dim=3).expand(n, groups, c // groups).reshape(n, c)


def _spread(values: Float[Tensor, "n c"], maps: Float[Tensor, "n h w c"]) -> Float[Tensor, "n 1 1 c"]:
    """Values of channels in the type of the maps, to be combined with all positions."""
    return values.to(maps.dtype)[:, None, None]
