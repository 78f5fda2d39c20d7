"""The Fréchet distance of two samples' Gaussians (Heusel et al. 2017, equation 6), and what it would be without end of samples."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from sparring.metrics.feature_arrays import FeatureArray, check_feature_pair


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean and covariance of a sample, and a factor of the covariance."""

    n: int
    mean: Float64[Tensor, " d"]
    covariance: Float64[Tensor, "d d"] | None
    """None where there are too few samples for it to have full rank; `spread` says it all then."""
    centered_rows: Float64[Tensor, "n d"] | None
    """Centerd samples over sqrt(n - 1): spread^T spread is the covariance. None where they are more than needed."""

    @classmethod
    def fit(cls, rows: Float[Tensor, "n d"]) -> "Gaussian":
        """Of a sample, in float64."""
        rows = rows.double()
        mean = rows.mean(dim=0)
        spread = (rows - mean).div_((len(rows) - 1) ** 0.5)
        if len(rows) <= rows.shape[1]:
            return cls(len(rows), mean, None, spread)
        return cls(len(rows), mean, spread.T @ spread, None)

    @cached_property
    def trace(self) -> float:
        """Of the covariance."""
        if self.centered_rows is not None:
            return self.centered_rows.square().sum().item()
        assert self.covariance is not None
        return self.covariance.trace().item()

    @cached_property
    def factor(self) -> Float64[Tensor, "d rank"]:
        """F with F F^T = covariance."""
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
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    With F F^T = C1, the eigenvalues of C1 C2 are those of F^T C2 F, which is symmetric: half the work, and no complex
    numbers. Where C2 = S^T S has few rows, their roots are the singular values of S F, without squaring.
    """
    if fake.centered_rows is not None:
        roots = torch.linalg.svdvals(fake.centered_rows @ real.factor)
    else:
        assert fake.covariance is not None
        crossed = real.factor.T @ fake.covariance @ real.factor
        roots = torch.linalg.eigvalsh(crossed).clamp_(min=0).sqrt()
    apart = (real.mean - fake.mean).square().sum()
    return max(0.0, (apart + real.trace + fake.trace - 2 * roots.sum()).item())  # which rounding alone takes below zero


def frechet_distance(real: FeatureArray, fake: FeatureArray) -> float:
    """The Fréchet distance of Gaussians with the means and (n - 1) covariances of two samples of shape (n, d); computed in float64.

    0 for equal Gaussians, in the features' unit squared. It sees two moments only, and grows as samples get fewer.
    """
    a, b = check_feature_pair(real, fake)
    return gaussian_frechet_distance(Gaussian.fit(a), Gaussian.fit(b))


BLOCKS = 10
"""Parts of a sample that are left out in turn."""
STUDENT_T_CORRECTION = 2.262 / 1.960
"""So much wider is a 95 % interval of Student's t with nine degrees of freedom than a normal one: standard errors from ten blocks
are enlarged by it, so that the usual 1.96 of them hold what they promise."""
MIN_SAMPLES = 2 * BLOCKS
"""Samples that are needed to extrapolate at all."""
RANK_DEFICIENCY_ERROR = 0.25
"""Share of the correction by which the parabola missed at most, for Gaussians with the covariance of lite0's features and from a
quarter to all as many samples as features."""


@dataclass(frozen=True)
class ExtrapolatedDistance:
    """A Fréchet distance with its doubt, and without the bias that comes from having few fake samples."""

    standard_error: float
    """Of the plain distance (delete-a-block jackknife)."""
    infinite: float
    """What the distance would be with endless fake samples. The real ones stay as many as they are."""
    infinite_error: float
    """Standard error of that."""


def blocks_have_full_rank(n: int, d: int) -> bool:
    """Whether even the smallest part of so many samples has a covariance of full rank."""
    return n - -(-n // BLOCKS) * 2 > d


def extrapolate_distance(real: Gaussian, fake: Float[Tensor, "n d"], plain: float) -> ExtrapolatedDistance:
    """From `plain`, the distance of all fake samples, and the distances with one and with two of ten blocks left out.

    Chong and Forsyth 2020 (section 4) fit a line in 1 / N to distances of parts of the sample. Near N = d the line bends, so
    here it is a parabola, through the means at N, 0.9 N and 0.8 N; these large parts share most of their noise, which then
    cancels. The doubt is the jackknife's and that of the parabola's second order, from how the pairs of blocks differ.
    Where the parts lack full rank, no parabola fits well, and a quarter of the correction is added to the doubt.
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
    # 1 / N in units of the whole sample's, and Lagrange's weights of the three points at 1 / N = 0
    u = torch.tensor([1, BLOCKS / (BLOCKS - 1), BLOCKS / (BLOCKS - 2)], dtype=torch.float64)
    weights = torch.stack(
        [
            u[[1, 2]].prod() / (u[[1, 2]] - u[0]).prod(),
            u[[0, 2]].prod() / (u[[0, 2]] - u[1]).prod(),
            u[[0, 1]].prod() / (u[[0, 1]] - u[2]).prod(),
        ]
    )
    infinite = weights @ torch.stack([torch.tensor(plain, dtype=torch.float64), ones.mean(), twos.mean()])
    # What pairs do beyond the sum of their blocks: 0 for a statistic that is linear in the blocks.
    interaction = twos - ((BLOCKS - 1) * (ones + ones.roll(-1)) - BLOCKS * plain) / (BLOCKS - 2)
    second = STUDENT_T_CORRECTION * weights[2] * interaction.std() / BLOCKS**0.5
    rough = 0.0 if blocks_have_full_rank(*fake.shape) else RANK_DEFICIENCY_ERROR * (plain - infinite)
    return ExtrapolatedDistance(error.item(), infinite.item(), (error.square() + second.square() + rough**2).sqrt().item())
