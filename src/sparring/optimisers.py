"""Optimisers by name, and their steps as functions that can be differentiated through (for unrolling)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

OptimiserName = Literal["adam", "rmsprop", "sgd"]
SMALLEST_SQUARE = 1e-30
"""Under Adam's square root: a weight that never had a gradient has a derivative then, and moves as before (epsilon is far larger)."""


def maker(
    name: OptimiserName, rate: float, *, betas: tuple[float, float], momentum: float, weight_decay: float = 0.0
) -> Callable[[list[nn.Parameter]], Optimizer]:
    """What makes the optimiser for a player's weights. `betas` are Adam's, `momentum` is gradient descent's.
    `weight_decay` is added to the gradient: a penalty on the squared weights.
    """

    def make(weights: list[nn.Parameter]) -> Optimizer:
        if name == "adam":
            # torch refuses whole numbers beside fractions
            return AdamInPlace(weights, lr=rate, betas=(float(betas[0]), float(betas[1])), weight_decay=weight_decay, fused=True)
        if name == "rmsprop":
            return RMSprop(weights, lr=rate, weight_decay=weight_decay, foreach=True)
        return SGD(weights, lr=rate, momentum=momentum, weight_decay=weight_decay, fused=True)

    return make


class AdamInPlace(Adam):
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


class DifferentiableSteps:
    """The steps that an optimiser would take from where it stands, as functions of the gradients. It is not moved itself.

    Adam: Kingma and Ba 2015, algorithm 1. RMSprop: Tieleman and Hinton 2012, in torch's form (no centring, no momentum).
    """

    def __init__(self, optimiser: Optimizer) -> None:
        (self.settings,) = optimiser.param_groups
        known = [kind for kind in (Adam, RMSprop, SGD) if isinstance(optimiser, kind)]
        assert known, f"no steps to differentiate through for {type(optimiser).__name__}"
        (self.kind,) = known
        self.states: list[dict[str, Any]] = [dict(optimiser.state.get(weight, {})) for weight in self.settings["params"]]

    def take(self, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """The weights after one more step."""
        return [self._moved(*each) for each in zip(weights, gradients, self.states, strict=True)]

    def _moved(self, weight: Tensor, gradient: Tensor, state: dict[str, Any]) -> Tensor:
        settings = self.settings
        gradient = gradient + settings["weight_decay"] * weight if settings["weight_decay"] else gradient
        if self.kind is Adam:
            first, second = settings["betas"]
            step = state["step"] = float(state.get("step", 0)) + 1
            mean = state["exp_avg"] = torch.lerp(gradient, state.get("exp_avg", torch.zeros_like(weight)), first)
            square = state["exp_avg_sq"] = torch.lerp(gradient.square(), state.get("exp_avg_sq", torch.zeros_like(weight)), second)
            root = (square / (1 - second**step)).clamp_min(SMALLEST_SQUARE).sqrt()
            return weight - settings["lr"] * (mean / (1 - first**step)) / (root + settings["eps"])
        if self.kind is RMSprop:
            square = state["square_avg"] = torch.lerp(
                gradient.square(), state.get("square_avg", torch.zeros_like(weight)), settings["alpha"]
            )
            return weight - settings["lr"] * gradient / (square.clamp_min(SMALLEST_SQUARE).sqrt() + settings["eps"])
        if settings["momentum"]:
            before = state.get("momentum_buffer")
            gradient = state["momentum_buffer"] = gradient if before is None else settings["momentum"] * before + gradient
        return weight - settings["lr"] * gradient
