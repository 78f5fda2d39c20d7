"""How many modes of a known distribution a generator reaches: mode collapse in numbers."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.data.points.mixtures import Mixture

HIGH_QUALITY_DEVIATIONS = 3
"""A sample within so many deviations of a center is of high quality."""


@dataclass(frozen=True)
class ModeCount:
    """What became of the modes in a sample. The protocol of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018) asks for 2,500
    samples: with more, more modes are found.
    """

    modes: int
    """Modes covered: at least one high-quality sample is nearest to one of its centers."""
    of: int
    """Modes there are."""
    high_quality: float
    """Share of the samples within 3 deviations of the nearest center (Euclidean). Of true samples of separate modes in the plane
    1 - exp(-4.5) = 98.9 % are."""
    kl: float
    """Kullback-Leibler divergence, in nats, from the finite samples' shares of nearest modes to the true ones (PacGAN's reverse KL):
    sum of p_hat log(p_hat / p). 0 is perfect, log(modes) if all samples are on one of equally likely modes; infinite without samples."""
    shares: tuple[float, ...]
    """Share of all samples that is nearest to each mode, whatever their quality; non-finite ones are in none."""
    n: int
    """Samples looked at."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold: an infinite `kl` is null."""
        return {**asdict(self), "kl": self.kl if math.isfinite(self.kl) else None, "shares": list(self.shares)}


def count_modes(points: Float[Tensor, "n 2"], mixture: Mixture) -> ModeCount:
    """Count the modes of `mixture` that the samples `points` cover.

    Samples that are infinite or not a number are of low quality and in no mode. If all are: no modes, no quality, infinite divergence.
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
    """From the classes that a classifier sees in samples: how many of `classes` are there, and the divergence (in nats, as
    `ModeCount.kl`) of their shares from equal ones. PacGAN's protocol for stacked MNIST: 1,000 classes, 26,000 samples.
    """
    counts = torch.bincount(labels.cpu(), minlength=classes)
    return int(counts.count_nonzero()), _kl_divergence(counts, torch.full((classes,), 1 / classes, dtype=torch.float64))


def _kl_divergence(counts: Int64[Tensor, " k"], shares: Float[Tensor, " k"]) -> float:
    """Of observed counts from true shares; 0 log 0 = 0, infinite if nothing was observed."""
    if not counts.any():
        return math.inf
    observed = counts.double() / counts.sum()
    return max(0.0, torch.xlogy(observed, observed / shares).sum().item())
