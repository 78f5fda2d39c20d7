"""The kernel distance: squared maximum mean discrepancy with the polynomial kernel of KID (Binkowski et al. 2018)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from sparring.core.errors import DataError
from sparring.judge.arrays import Rows, both

PIECE = 2048


def kernel(x: Float64[Tensor, "n d"], y: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
    """(x y / d + 1)^3 (section 4)."""
    products = (x @ y.T).div_(x.shape[1]).add_(1)
    return products * products.square()


@dataclass(frozen=True)
class Sums:
    """What the estimate needs of the kernel between two samples: for each of the n, its mean kernel with ..."""

    own: Float64[Tensor, " n"]
    """the n - 1 others of its own sample,"""
    other: Float64[Tensor, " n"]
    """and all of the other sample."""


def sums(x: Float64[Tensor, "n d"], y: Float64[Tensor, "m d"]) -> Sums:
    """In pieces of rows, so that no matrix of n x n lies in memory."""
    own, other = [], []
    for start in range(0, len(x), PIECE):
        rows = x[start : start + PIECE]
        within = kernel(rows, x)
        own.append((within.sum(dim=1) - within.diagonal(start)) / (len(x) - 1))
        other.append(kernel(rows, y).mean(dim=1))
    return Sums(torch.cat(own), torch.cat(other))


class KernelDistance(float):
    """An unbiased estimate (it may be a little below 0), which is a number, with its `standard_error`."""

    standard_error: float

    def __new__(cls, value: float, standard_error: float) -> "KernelDistance":
        """A float that knows its doubt."""
        number = super().__new__(cls, value)
        number.standard_error = standard_error
        return number


def kernel_distance(real: Rows, fake: Rows, *, subsets: int | None = None, subset_size: int = 1000, seed: int = 2020) -> KernelDistance:
    """The unbiased estimate of MMD^2 (Gretton et al. 2012, equation 3) between samples of shape (n, d), computed in float64.

    Over all samples, with the standard error of the statistic's first-order (Hoeffding) terms. With `subsets`, the protocol of
    the published KID instead: the mean over so many random subsets of `subset_size` (drawn as torch-fidelity draws them, the
    fake ones first), and the standard error of that mean.
    """
    a, b = both(real, fake)
    a, b = a.double(), b.double()
    if subsets is None:
        return _whole(a, b)
    if subsets < 1 or not 2 <= subset_size <= min(len(a), len(b)):
        raise DataError(f"subsets must be 1 or more, of 2 to {min(len(a), len(b)):,} samples, not {subsets} of {subset_size:,}.")
    draws = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        ours = b[torch.from_numpy(draws.choice(len(b), subset_size, replace=False))]
        values.append(_whole(a[torch.from_numpy(draws.choice(len(a), subset_size, replace=False))], ours))
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1)) / subsets**0.5 if subsets > 1 else float("nan"))


def _whole(real: Float64[Tensor, "n d"], fake: Float64[Tensor, "m d"]) -> KernelDistance:
    ours, theirs = sums(fake, real), sums(real, fake)
    value = ours.own.mean() + theirs.own.mean() - ours.other.mean() - theirs.other.mean()
    variance = 4 * sum(((each.own - each.other).var() / len(each.own) for each in (ours, theirs)), torch.zeros(()))
    return KernelDistance(value.item(), variance.sqrt().item())
