"""The kernel distance: squared maximum mean discrepancy with the polynomial kernel of KID (Binkowski et al. 2018)."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from sparring.core.errors import DataError
from sparring.metrics.feature_arrays import FeatureArray, check_feature_pair

CHUNK = 512


def polynomial_kernel(x: Float64[Tensor, "n d"], y: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
    """(x y / d + 1)^3 (section 4)."""
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)


def mean_kernel_within(x: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
    """Each row's mean kernel with the others of its sample. In pieces, of which those below the diagonal are not computed."""
    sums = torch.zeros(len(x), dtype=x.dtype)
    for start in range(0, len(x), CHUNK):
        stop = min(start + CHUNK, len(x))
        values = polynomial_kernel(x[start:stop], x[start:])
        values.diagonal().zero_()
        sums[start:stop] += values.sum(dim=1)
        sums[stop:] += values[:, stop - start :].sum(dim=0)
    return sums / (len(x) - 1)


def mean_kernel_across(x: Float64[Tensor, "n d"], y: Float64[Tensor, "m d"]) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " m"]]:
    """Each row's mean kernel with all of the other sample, for both samples."""
    of_x, of_y = torch.empty(len(x), dtype=x.dtype), torch.zeros(len(y), dtype=x.dtype)
    for start in range(0, len(x), CHUNK):
        values = polynomial_kernel(x[start : start + CHUNK], y)
        of_x[start : start + CHUNK] = values.mean(dim=1)
        of_y += values.sum(dim=0)
    return of_x, of_y / len(x)


class KernelDistance(float):
    """An unbiased estimate (it may be a little below 0), which is a number, with its `standard_error`."""

    standard_error: float

    def __new__(cls, value: float, standard_error: float) -> "KernelDistance":
        """A float that knows its doubt."""
        number = super().__new__(cls, value)
        number.standard_error = standard_error
        return number


def kernel_distance(
    real: FeatureArray, fake: FeatureArray, *, subsets: int | None = None, subset_size: int = 1000, seed: int = 2020
) -> KernelDistance:
    """The unbiased estimate of MMD^2 (Gretton et al. 2012, equation 3) between samples of shape (n, d), computed in float64.

    Over all samples, with the standard error of the statistic's first-order (Hoeffding) terms. With `subsets`, the protocol of
    the published KID instead: the mean over so many random subsets of `subset_size` (drawn as torch-fidelity draws them, the
    fake ones first), and the standard error of that mean.
    """
    a, b = check_feature_pair(real, fake)
    a, b = a.double(), b.double()
    if subsets is None:
        return _unbiased_estimate(a, b)
    if subsets < 1 or not 2 <= subset_size <= min(len(a), len(b)):
        raise DataError(f"subsets must be 1 or more, of 2 to {min(len(a), len(b)):,} samples, not {subsets} of {subset_size:,}.")
    draws = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        ours = b[torch.from_numpy(draws.choice(len(b), subset_size, replace=False))]
        values.append(_unbiased_estimate(a[torch.from_numpy(draws.choice(len(a), subset_size, replace=False))], ours))
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1)) / subsets**0.5 if subsets > 1 else float("nan"))


def _unbiased_estimate(real: Float64[Tensor, "n d"], fake: Float64[Tensor, "m d"]) -> KernelDistance:
    of_real, of_fake = mean_kernel_across(real, fake)
    differences = mean_kernel_within(real) - of_real, mean_kernel_within(fake) - of_fake
    value = differences[0].mean() + differences[1].mean()
    variance = 4 * (differences[0].var() / len(real) + differences[1].var() / len(fake))
    return KernelDistance(value.item(), variance.sqrt().item())
