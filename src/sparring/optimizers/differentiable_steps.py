"""Optimizer steps as differentiable functions, for unrolled GANs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer, RMSprop

SMALLEST_SQUARE = 1e-30
"""Smallest value under a square root, so that weights that never had a gradient can be differentiated. Epsilon is far larger, so steps are
unchanged."""


class DifferentiableSteps:
    """The next steps of an optimizer as differentiable functions of the gradients. The optimizer itself does not change.

    Adam follows Kingma and Ba 2015, algorithm 1, and RMSprop Tieleman and Hinton 2012 in torch's form (no centering, no momentum).
    """

    def __init__(self, optimizer: Optimizer) -> None:
        (self.settings,) = optimizer.param_groups
        known = [kind for kind in (Adam, RMSprop, SGD) if isinstance(optimizer, kind)]
        assert known, f"no steps to differentiate through for {type(optimizer).__name__}"
        (self.kind,) = known
        self.states: list[dict[str, Any]] = [dict(optimizer.state.get(weight, {})) for weight in self.settings["params"]]

    def step(self, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """The weights after one more step with these gradients."""
        return [self._updated_weight(*each) for each in zip(weights, gradients, self.states, strict=True)]

    def _updated_weight(self, weight: Tensor, gradient: Tensor, state: dict[str, Any]) -> Tensor:
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
