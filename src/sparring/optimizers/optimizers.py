"""Optimizers by name, and their steps as functions that can be differentiated through (for unrolling)."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

OptimizerName = Literal["adam", "rmsprop", "sgd"]


def maker(
    name: OptimizerName, rate: float, *, betas: tuple[float, float], momentum: float, weight_decay: float = 0.0
) -> Callable[[list[nn.Parameter]], Optimizer]:
    """What makes the optimizer for a player's weights. `betas` are Adam's, `momentum` is gradient descent's.
    `weight_decay` is added to the gradient: a penalty on the squared weights.
    """

    def make(weights: list[nn.Parameter]) -> Optimizer:
        if name == "adam":
            # torch refuses whole numbers beside fractions
            return ChannelsLastAdam(weights, lr=rate, betas=(float(betas[0]), float(betas[1])), weight_decay=weight_decay, fused=True)
        if name == "rmsprop":
            return RMSprop(weights, lr=rate, weight_decay=weight_decay, foreach=True)
        return SGD(weights, lr=rate, momentum=momentum, weight_decay=weight_decay, fused=True)

    return make


class ChannelsLastAdam(Adam):
    """Torch's fused Adam, which on a processor copies weights that lie in channels-last memory at every step. It is shown them, and all
    that belongs to them, in the order in which they lie: to the bit the same step, in a third of the time.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] (it is called so)
        has_complex = super()._init_group(group, *lists)
        kinds = lists[:4]  # weights, gradients, and both averages
        for place, together in enumerate(zip(*kinds, strict=True)):
            if all(is_channels_last(each) for each in together):
                for kind, each in zip(kinds, together, strict=True):
                    kind[place] = each.permute(0, 2, 3, 1)
        return has_complex


def is_channels_last(tensor: Tensor) -> bool:
    """Whether it lies in that order alone, with nothing between."""
    return tensor.ndim == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
