"""Fréchet distance of Gaussians fitted to two samples (Heusel et al. 2017, equation 6), and its extrapolation to infinite samples."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from sparring.metrics.feature_arrays import FeatureArray, check_feature_pair


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Gaussian fitted to a sample: its mean and covariance."""

    n: int
    """Number of rows in the sample."""
    mean: Float64[Tensor, " d"]
    covariance: Float64[Tensor, "d d"] | None
    """Covariance matrix (with n - 1), or None if there are too few rows for full rank; `centered_rows` is given then."""
    centered_rows: Float64[Tensor, "n d"] | None
    """Centered rows divided by sqrt(n - 1), so that R^T R is the covariance. None if `covariance` is given."""

    @classmethod
    def fit(cls, rows: Float[Tensor, "n d"]) -> "Gaussian":
        """Fit a Gaussian to the rows, in float64."""
        rows = rows.double()
        mean = rows.mean(dim=0)
        centered_rows = (rows - mean).div_((len(rows) - 1) ** 0.5)
        if len(rows) <= rows.shape[1]:
            return cls(len(rows), mean, None, centered_rows)
        return cls(len(rows), mean, centered_rows.T @ centered_rows, None)

    @cached_property
    def trace(self) -> float:
        """Trace of the covariance."""
        if self.centered_rows is not None:
            return self.centered_rows.square().sum().item()
        assert self.covariance is not None
        return self.covariance.trace().item()

    @cached_property
    def factor(self) -> Float64[Tensor, "d rank"]:
        """Factor F of the covariance, with F F^T = covariance."""
        if self.centered_rows is not None:
            return self.centered_rows.T
        assert self.covariance is not None
        factor, failed = torch.linalg.cholesky_ex(self.covariance)
        if not failed:
            return factor
        values, vectors = torch.linalg.eigh(self.covariance)
        kept = values > values[-1] * torch.finfo(torch.float64).eps * len(values)
        return vectors[:, kept] * values[kept].sqrt()


def gaussian_frechet_distance(real: Gaussian, fake: Gaussian) -> float:
    """Fréchet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two Gaussians with means m and covariances C.

    With F F^T = C1, the eigenvalues of C1 C2 are those of F^T C2 F, which is symmetric: half the work, and no complex numbers. Where
    C2 = R^T R has few rows R, the square roots of the eigenvalues are the singular values of R F, without squaring.
    """
    if fake.centered_rows is not None:
        roots = torch.linalg.svdvals(fake.centered_rows @ real.factor)
    else:
        assert fake.covariance is not None
        crossed = real.factor.T @ fake.covariance @ real.factor
        roots = torch.linalg.eigvalsh(crossed).clamp_(min=0).sqrt()
    means_apart = (real.mean - fake.mean).square().sum()
    return max(0.0, (means_apart + real.trace + fake.trace - 2 * roots.sum()).item())  # only rounding could make it negative


def frechet_distance(real: FeatureArray, fake: FeatureArray) -> float:
    """Fréchet distance of the Gaussians fitted to two samples of shape (n, d), computed in float64.

    It is 0 for equal Gaussians and has the squared unit of the features. It depends on means and covariances only, and is larger for fewer
    samples.
    """
    a, b = check_feature_pair(real, fake)
    return gaussian_frechet_distance(Gaussian.fit(a), Gaussian.fit(b))


BLOCKS = 10
"""Number of blocks of a sample that are left out in turn."""
STUDENT_T_CORRECTION = 2.262 / 1.960
"""Ratio of the 95 % intervals of Student's t distribution with nine degrees of freedom and of the normal distribution. Standard errors from
ten blocks are multiplied by it, so that 1.96 standard errors cover 95 %."""
MIN_SAMPLES = 2 * BLOCKS
"""Smallest number of samples that can be extrapolated from."""
RANK_DEFICIENCY_ERROR = 0.25
"""Largest observed error of the parabola, as a share of its correction, for Gaussians with the covariance of lite0's features and between a
quarter as many and as many samples as features."""


@dataclass(frozen=True)
class ExtrapolatedDistance:
    """A Fréchet distance without the bias from a finite number of fake samples, and standard errors."""

    standard_error: float
    """Standard error of the plain distance (delete-a-block jackknife)."""
    infinite: float
    """Estimate of the distance for infinitely many fake samples and the given real samples."""
    infinite_error: float
    """Standard error of `infinite`."""


def blocks_have_full_rank(n: int, d: int) -> bool:
    """Whether `n` samples without two of their blocks still have a covariance of full rank in `d` dimensions."""
    return n - -(-n // BLOCKS) * 2 > d


def extrapolate_distance(real: Gaussian, fake: Float[Tensor, "n d"], plain: float) -> ExtrapolatedDistance:
    """Extrapolate from the distance `plain` of all fake samples and the distances with one and with two of ten blocks left out.

    Chong and Forsyth 2020 (section 4) fit a line in 1 / N to distances of parts of the sample. Near N = d the line bends, so a parabola is
    used here, through the mean distances at N, 0.9 N and 0.8 N; these large parts share most of their noise, which cancels. The standard
    error combines that of the jackknife and that of the parabola's second order, estimated from how pairs of blocks differ. Where parts
    lack full rank, no parabola fits well, and a quarter of the correction is added to the error.
    """
    moments = [(len(block), block.sum(dim=0), block.T @ block) for block in fake.double().tensor_split(BLOCKS)]
    total = [torch.as_tensor(sum(parts)) for parts in zip(*moments, strict=True)]

    def without(*left_out: int) -> float:
        n, first, second = (whole - sum(moments[block][part] for block in left_out) for part, whole in enumerate(total))
        mean = first / n
        covariance = torch.addr(second, first, mean, alpha=-1) / (n - 1)
        return gaussian_frechet_distance(real, Gaussian(int(n), mean, covariance, None))

    one = [without(block) for block in range(BLOCKS)]
    two = [without(block, (block + 1) % BLOCKS) for block in range(BLOCKS)]
    ones, twos = (torch.tensor(each, dtype=torch.float64) for each in (one, two))
    error = STUDENT_T_CORRECTION * ((BLOCKS - 1) / BLOCKS * (ones - ones.mean()).square().sum()).sqrt()
    # 1 / N in units of the whole sample's 1 / N, and Lagrange's weights of the three points at 1 / N = 0
    u = torch.tensor([1, BLOCKS / (BLOCKS - 1), BLOCKS / (BLOCKS - 2)], dtype=torch.float64)
    weights = torch.stack(
        [
            u[[1, 2]].prod() / (u[[1, 2]] - u[0]).prod(),
            u[[0, 2]].prod() / (u[[0, 2]] - u[1]).prod(),
            u[[0, 1]].prod() / (u[[0, 1]] - u[2]).prod(),
        ]
    )
    infinite = weights @ torch.stack([torch.tensor(plain, dtype=torch.float64), ones.mean(), twos.mean()])
    # Effect of leaving out a pair beyond the sum of its two blocks: 0 for a statistic that is linear in the blocks.
    interaction = twos - ((BLOCKS - 1) * (ones + ones.roll(-1)) - BLOCKS * plain) / (BLOCKS - 2)
    second = STUDENT_T_CORRECTION * weights[2] * interaction.std() / BLOCKS**0.5
    rough = 0.0 if blocks_have_full_rank(*fake.shape) else RANK_DEFICIENCY_ERROR * (plain - infinite)
    return ExtrapolatedDistance(error.item(), infinite.item(), (error.square() + second.square() + rough**2).sqrt().item())
