"""Mode coverage: how many modes of a known distribution a generator reaches."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

HIGH_QUALITY_DEVIATIONS = 3
"""Largest distance, in standard deviations, from a mode's center to a sample of high quality."""


@runtime_checkable
class GaussianMixture(Protocol):
    """A mixture of equally likely round Gaussians of one deviation, several of which may form one mode."""

    @property
    def deviation(self) -> float:
        """Standard deviation of each Gaussian along each axis."""
        ...

    @property
    def mode_of_center(self) -> Int64[Tensor, " k"]:
        """The mode that each Gaussian belongs to, numbered from 0 without gaps."""
        ...

    @property
    def modes(self) -> int:
        """Number of modes."""
        ...

    @property
    def mode_shares(self) -> Float[Tensor, " modes"]:
        """Probability of each mode, in float64."""
        ...

    def nearest(self, points: Float[Tensor, "n 2"]) -> tuple[Float[Tensor, " n"], Int64[Tensor, " n"]]:
        """The distance of each point to its nearest center, and the index of that center."""
        ...


@dataclass(frozen=True)
class ModeCount:
    """Mode coverage of a sample.

    The protocol of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018) takes 2,500 samples; more samples reach more modes.
    """

    modes: int
    """Number of covered modes: those with at least one high-quality sample nearest to one of their centers."""
    of: int
    """Number of modes in the distribution."""
    high_quality: float
    """Share of the samples within 3 deviations of the nearest center (Euclidean). For true samples of separate modes in the plane it is
    1 - exp(-4.5) = 98.9 %."""
    kl: float
    """Kullback-Leibler divergence in nats of the samples' shares of modes from the true shares, sum of p_hat log(p_hat / p) (PacGAN's
    reverse KL). 0 is perfect; it is log(modes) if all samples are on one of equally likely modes, and infinite without finite samples."""
    shares: tuple[float, ...]
    """Share of all samples that are nearest to each mode, whatever their quality. Non-finite samples belong to no mode."""
    n: int
    """Number of samples."""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values; an infinite `kl` becomes null."""
        return {**asdict(self), "kl": self.kl if math.isfinite(self.kl) else None, "shares": list(self.shares)}


def count_modes(points: Float[Tensor, "n 2"], mixture: GaussianMixture) -> ModeCount:
    """Count the modes of `mixture` that the samples `points` cover.

    Samples that are infinite or NaN are of low quality and belong to no mode. If all are, no mode is covered and the divergence is
    infinite.
    """
    n, of = len(points), mixture.modes
    finite = points.detach().cpu()[points.isfinite().all(dim=1).cpu()]
    distances, centers = mixture.nearest(finite)
    modes = mixture.mode_of_center[centers]
    good = distances <= HIGH_QUALITY_DEVIATIONS * mixture.deviation
    counts = torch.bincount(modes, minlength=of)
    return ModeCount(
        modes=len(modes[good].unique()),
        of=of,
        high_quality=good.sum().item() / max(1, n),
        kl=_kl_divergence(counts, mixture.mode_shares),
        shares=tuple((counts.double() / max(1, n)).tolist()),
        n=n,
    )


def class_coverage(labels: Int64[Tensor, " n"], classes: int) -> tuple[int, float]:
    """Number of classes among predicted labels, and the divergence (in nats, as `ModeCount.kl`) of their shares from equal shares.

    PacGAN's protocol for Stacked MNIST takes 26,000 samples of 1,000 classes.
    """
    counts = torch.bincount(labels.cpu(), minlength=classes)
    return int(counts.count_nonzero()), _kl_divergence(counts, torch.full((classes,), 1 / classes, dtype=torch.float64))


def _kl_divergence(counts: Int64[Tensor, " k"], shares: Float[Tensor, " k"]) -> float:
    """Kullback-Leibler divergence of observed counts from true shares, with 0 log 0 = 0; infinite if nothing was observed."""
    if not counts.any():
        return math.inf
    observed = counts.double() / counts.sum()
    return max(0.0, torch.xlogy(observed, observed / shares).sum().item())
