"""Kernel distance: squared maximum mean discrepancy (MMD) with the polynomial kernel of KID (Binkowski et al. 2018)."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from sparring.core.errors import DataError
from sparring.metrics.feature_arrays import FeatureArray, check_feature_pair

CHUNK = 512
"""Number of rows whose kernel values are in memory at once."""


def polynomial_kernel(x: Float64[Tensor, "n d"], y: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
    """Kernel (x y / d + 1)^3 of all pairs of rows (section 4)."""
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(3)


def mean_kernel_within(x: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
    """Mean kernel value of each row with the other rows of its sample, computed in chunks; the kernel's symmetry halves the work."""
    sums = torch.zeros(len(x), dtype=x.dtype)
    for start in range(0, len(x), CHUNK):
        stop = min(start + CHUNK, len(x))
        values = polynomial_kernel(x[start:stop], x[start:])
        values.diagonal().zero_()
        sums[start:stop] += values.sum(dim=1)
        sums[stop:] += values[:, stop - start :].sum(dim=0)
    return sums / (len(x) - 1)


def mean_kernel_across(x: Float64[Tensor, "n d"], y: Float64[Tensor, "m d"]) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " m"]]:
    """Mean kernel value of each row with all rows of the other sample, for both samples."""
    of_x, of_y = torch.empty(len(x), dtype=x.dtype), torch.zeros(len(y), dtype=x.dtype)
    for start in range(0, len(x), CHUNK):
        values = polynomial_kernel(x[start : start + CHUNK], y)
        of_x[start : start + CHUNK] = values.mean(dim=1)
        of_y += values.sum(dim=0)
    return of_x, of_y / len(x)


class KernelDistance(float):
    """An unbiased estimate of MMD^2 as a float, which may be slightly negative, with its `standard_error`."""

    standard_error: float

    def __new__(cls, value: float, standard_error: float) -> "KernelDistance":
        """Create a float with a standard error."""
        number = super().__new__(cls, value)
        number.standard_error = standard_error
        return number


def kernel_distance(
    real: FeatureArray, fake: FeatureArray, *, subsets: int | None = None, subset_size: int = 1000, seed: int = 2020
) -> KernelDistance:
    """Unbiased estimate of MMD^2 (Gretton et al. 2012, equation 3) between samples of shape (n, d), computed in float64.

    By default it is computed over all samples, with the standard error of its first-order (Hoeffding) terms. With `subsets`, it follows the
    protocol of published KID values: the mean over this number of random subsets of `subset_size` samples (chosen as in torch-fidelity,
    fake ones first), with the standard error of that mean. Raises a DataError for subsets that are larger than the samples.
    """
    a, b = check_feature_pair(real, fake)
    a, b = a.double(), b.double()
    if subsets is None:
        return _unbiased_estimate(a, b)
    if subsets < 1 or not 2 <= subset_size <= min(len(a), len(b)):
        raise DataError(
            f"subsets must be at least 1 and subset_size from 2 to {min(len(a), len(b)):,}, the number of samples; they are {subsets} and "
            f"{subset_size:,}."
        )
    draws = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        fake_subset = b[torch.from_numpy(draws.choice(len(b), subset_size, replace=False))]
        values.append(_unbiased_estimate(a[torch.from_numpy(draws.choice(len(a), subset_size, replace=False))], fake_subset))
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1)) / subsets**0.5 if subsets > 1 else float("nan"))


def _unbiased_estimate(real: Float64[Tensor, "n d"], fake: Float64[Tensor, "m d"]) -> KernelDistance:
    of_real, of_fake = mean_kernel_across(real, fake)
    differences = mean_kernel_within(real) - of_real, mean_kernel_within(fake) - of_fake
    value = differences[0].mean() + differences[1].mean()
    variance = 4 * (differences[0].var() / len(real) + differences[1].var() / len(fake))
    return KernelDistance(value.item(), variance.sqrt().item())
