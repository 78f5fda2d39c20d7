"""How well labels can be read from images again: whether generated images show the labels that they were asked for.

Labels are predicted from features by ridge regression that was fitted to real images. What such a prediction reaches on generated images is
compared with what it reaches on other real images, and with the same generated images under shuffled labels, which is what a generator
reaches that ignores them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Weights of the ridge penalty that are tried, in units of the mean variance of a feature."""


@dataclass(frozen=True)
class Recovery:
    """How well a label can be read from images again."""

    value: float
    """Of classes the share of images that are recognized as the class asked for; of numbers the mean absolute error, in their unit."""
    standard_error: float
    """Standard error of the value."""
    by_chance: float
    """The value that is expected if the labels asked for are shuffled among the images."""


def ridge_predictions(
    features: Float[Tensor, "n d"], targets: Float[Tensor, "n k"], others: Sequence[Float[Tensor, "_ d"]], wanted: Float[Tensor, "m k"]
) -> list[Float64[Tensor, "_ k"]]:
    """Predictions of `targets` for the rows of each of `others`, by ridge regression with an intercept on `features`. The penalty is that
    with the least squared error on the first of `others`, whose targets are `wanted`.
    """
    x, y = features.double(), targets.double()
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x = x - x_mean
    variances, axes = torch.linalg.eigh(x.T @ x / len(x))
    coordinates = axes.T @ (x.T @ (y - y_mean)) / len(x)
    unit = variances.clamp(min=0).mean() + 1e-12
    weights = [axes @ (coordinates / (variances.clamp(min=0) + strength * unit)[:, None]) for strength in STRENGTHS]
    first = (others[0].double() - x_mean) @ torch.stack(weights) + y_mean
    best = int((first - wanted.double()).square().mean(dim=(1, 2)).argmin())
    return [(rows.double() - x_mean) @ weights[best] + y_mean for rows in others]


def class_recovery(predicted: Int64[Tensor, " n"], asked: Int64[Tensor, " n"]) -> Recovery:
    """Share of images whose predicted class is the one that was asked for."""
    n, classes = len(asked), int(max(predicted.max(), asked.max())) + 1
    share = (predicted == asked).double().mean().item()
    middle = (share * n + 2) / (n + 4)  # Agresti and Coull 1998
    shares = [torch.bincount(each, minlength=classes).double() / n for each in (predicted, asked)]
    return Recovery(share, (middle * (1 - middle) / (n + 4)) ** 0.5, (shares[0] * shares[1]).sum().item())


def value_recovery(predicted: Float64[Tensor, " n"], asked: Float64[Tensor, " n"]) -> Recovery:
    """Mean absolute difference of predicted and asked values."""
    errors = (predicted - asked).abs()
    # The mean over all pairs, of predictions in order: each asked value has those below and those above it.
    ordered = predicted.sort().values
    sums = torch.cat([ordered.new_zeros(1), ordered.cumsum(dim=0)])
    below = torch.searchsorted(ordered, asked.contiguous())
    n = len(ordered)
    by_chance = ((asked * below - sums[below]) + (sums[n] - sums[below] - asked * (n - below))).mean().item() / n
    return Recovery(errors.mean().item(), (errors.std() / n**0.5).item(), by_chance)
