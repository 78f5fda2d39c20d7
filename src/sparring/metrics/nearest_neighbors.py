"""Scores that ask which samples lie among which: precision and recall, density and coverage, copies of the training set.

All of them come from the same distances, which are computed once, in pieces: `neighborhoods`.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.errors import DataError
from sparring.metrics.feature_arrays import FeatureArray, check_feature_pair

CHUNK = 1024
COPY_QUANTILE = 0.01
"""A sample is called a copy if it is nearer to a training image than all but this share of the images it is compared with."""


def squared_distances(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Between all rows."""
    products = torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2)
    return products.add_(x.square().sum(dim=1, keepdim=True)).clamp_(min=0)


@dataclass(frozen=True)
class OwnNeighbors:
    """Each row of a sample within its own sample."""

    radii: Float[Tensor, "n k"]
    """Squared distances to its first neighbors, itself left out."""
    mean_distance: float
    """Mean distance of two rows."""
    mean_distance_error: float
    """Standard error of it (first-order Hoeffding term)."""
    nearest_distance: Float[Tensor, " n"]
    """To its nearest neighbor, exactly: 0 for a duplicate."""

    @classmethod
    def find(cls, rows: Float[Tensor, "n d"], k: int) -> "OwnNeighbors":
        """With `k` neighbors. A DataError if there are not so many."""
        n, nearest, means, apart = len(rows), [], [], []
        if n <= k:
            raise DataError(f"{k} neighbors were asked for in a sample of {n}: at least {k + 1} are needed.")
        rows = rows - rows.mean(dim=0)  # distances stay as they are, and rounding is less
        for start in range(0, n, CHUNK):
            distances = squared_distances(rows[start : start + CHUNK], rows)
            distances.diagonal(start).zero_()
            means.append(distances.sqrt().sum(dim=1, dtype=torch.float64) / (n - 1))
            distances.diagonal(start).fill_(torch.inf)
            least = distances.topk(k, largest=False)
            nearest.append(least.values)
            apart.append((rows[start : start + CHUNK] - rows[least.indices[:, 0]]).norm(dim=1))
        mean = torch.cat(means)
        return cls(torch.cat(nearest), mean.mean().item(), 2 * mean.std().item() / n**0.5, torch.cat(apart))


@dataclass(frozen=True)
class Neighborhoods:
    """How two samples lie among each other. A row's k-ball reaches to its k-th neighbor in its own sample."""

    in_real_balls: dict[int, Int64[Tensor, " m"]]
    """By k: in how many real rows' balls each fake row lies."""
    in_fake_balls: dict[int, Bool[Tensor, " n"]]
    """By k: whether each real row lies in a fake row's ball."""
    real_balls_hit: dict[int, Bool[Tensor, " n"]]
    """By k: whether a fake row lies in each real row's ball."""
    nearest: Int64[Tensor, " m"]
    """Each fake row's nearest real row."""
    nearest_distance: Float[Tensor, " m"]
    """And how far away that is."""

    @classmethod
    def find(
        cls, real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"], ks: tuple[int, ...], real_own: OwnNeighbors, fake_own: OwnNeighbors
    ) -> "Neighborhoods":
        """Of two samples and their own neighbors, for each number of neighbors in `ks`."""
        center = real.mean(dim=0)
        moved_real, moved_fake = real - center, fake - center
        counts: dict[int, list[Tensor]] = {k: [] for k in ks}
        in_fake, hit = ({k: torch.zeros(len(real), dtype=torch.bool) for k in ks} for _ in range(2))
        nearest = []
        for start in range(0, len(fake), CHUNK):
            distances = squared_distances(moved_fake[start : start + CHUNK], moved_real)
            for k in ks:
                within = distances <= real_own.radii[:, k - 1]
                counts[k].append(within.sum(dim=1))
                hit[k] |= within.any(dim=0)
                in_fake[k] |= (distances <= fake_own.radii[start : start + CHUNK, k - 1, None]).any(dim=0)
            nearest.append(distances.argmin(dim=1))
        places = torch.cat(nearest)
        apart = (fake - real[places]).norm(dim=1)  # once more, without the rounding of products: 0 for a copy
        return cls({k: torch.cat(counts[k]) for k in ks}, in_fake, hit, places, apart)

    def precision_recall(self, k: int) -> "PrecisionRecall":
        """With k-balls."""
        return PrecisionRecall((self.in_real_balls[k] > 0).double().mean().item(), self.in_fake_balls[k].double().mean().item())

    def density_coverage(self, k: int) -> "DensityCoverage":
        """With k-balls."""
        return DensityCoverage(self.in_real_balls[k].double().mean().item() / k, self.real_balls_hit[k].double().mean().item())


@dataclass(frozen=True)
class PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2)."""

    precision: float
    """Share of fake samples that lie in a real one's ball: quality."""
    recall: float
    """Share of real samples that lie in a fake one's ball: variety."""


@dataclass(frozen=True)
class DensityCoverage:
    """Density and coverage (Naeem et al. 2020, equations 5 and 6)."""

    density: float
    """In how many real balls a fake sample lies, over k: 1 for equal distributions, and it may be more."""
    coverage: float
    """Share of real samples whose ball holds a fake one."""


def precision_recall(real: FeatureArray, fake: FeatureArray, k: int = 3) -> PrecisionRecall:
    """Of samples of shape (n, d) and (m, d)."""
    return _find_neighborhoods(real, fake, k).precision_recall(k)


def density_coverage(real: FeatureArray, fake: FeatureArray, k: int = 5) -> DensityCoverage:
    """Of samples of shape (n, d) and (m, d)."""
    return _find_neighborhoods(real, fake, k).density_coverage(k)


def _find_neighborhoods(real: FeatureArray, fake: FeatureArray, k: int) -> Neighborhoods:
    if k < 1:
        raise DataError(f"k must be at least 1, not {k}.")
    a, b = check_feature_pair(real, fake)
    return Neighborhoods.find(a, b, (k,), OwnNeighbors.find(a, k), OwnNeighbors.find(b, k))


def nearest_distances(rows: Float[Tensor, "n d"], to: Float[Tensor, "m d"]) -> Float[Tensor, " n"]:
    """From each row to the nearest of the others, exactly: 0 for a copy."""
    center = to.mean(dim=0)
    moved = to - center
    places = torch.cat([squared_distances(piece - center, moved).argmin(dim=1) for piece in rows.split(CHUNK)])
    return (rows - to[places]).norm(dim=1)


def expected_coverage(n_real: int, n_fake: int, k: int) -> float:
    """What coverage is to be expected of as many samples of the very distribution of the real ones: little if they are few
    (Naeem et al. 2020, lemma 2).
    """
    return 1 - math.prod((n_real - i) / (n_real + n_fake - i) for i in range(1, k + 1))


@dataclass(frozen=True)
class Memorization:
    """Whether samples are copies of training images: distances to the nearest training image, against those of images that
    were not trained on (after Meehan et al. 2020).
    """

    nearer: float
    """How often a sample is nearer to its training image than a comparison image to its own (ties count half): about 0.5 if
    nothing is memorized; 1 if everything is."""
    nearer_error: float
    """Standard error of `nearer` if nothing is memorized (Mann and Whitney 1947)."""
    copies: float
    """Share of samples nearer than all but 1 % of the comparison images: about 0.01 if nothing is memorized."""


def memorization(nearest: Float[Tensor, " m"], comparison: Float[Tensor, " h"]) -> Memorization:
    """From the distances to the nearest training image of `m` samples and of `h` comparison images."""
    m, h = len(nearest), len(comparison)
    if not m or not h:
        raise DataError(f"Memorization needs samples and images to compare them with, not {m} and {h}.")
    sample, against = nearest.double(), comparison.double().sort().values
    below = torch.searchsorted(against, sample, right=False)
    ties = torch.searchsorted(against, sample, right=True) - below
    nearer = 1 - (below + ties / 2).sum().item() / (m * h)
    copies = (sample <= torch.quantile(against, COPY_QUANTILE)).double().mean().item()
    return Memorization(nearer, ((m + h + 1) / (12 * m * h)) ** 0.5, copies)
