"""Scores from nearest neighbors in feature space: precision and recall, density and coverage, memorization.

All of them use the same distances, which `Neighborhoods.find` computes once, in chunks.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.errors import DataError
from sparring.metrics.feature_arrays import FeatureArray, check_feature_pair

CHUNK = 1024
"""Number of rows whose distances to all others are in memory at once."""
COPY_QUANTILE = 0.01
"""A sample is called a copy if it is nearer to a training image than all but this share of the images it is compared with."""


def squared_distances(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Squared Euclidean distances of all pairs of rows."""
    products = torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2)
    return products.add_(x.square().sum(dim=1, keepdim=True)).clamp_(min=0)


@dataclass(frozen=True)
class OwnNeighbors:
    """Distances of each row of a sample to its neighbors in the same sample."""

    radii: Float[Tensor, "n k"]
    """Squared distances of each row to its k nearest other rows, in ascending order."""
    mean_distance: float
    """Mean distance of two different rows."""
    mean_distance_error: float
    """Standard error of `mean_distance` (first-order Hoeffding term)."""
    nearest_distance: Float[Tensor, " n"]
    """Exact distance of each row to its nearest other row: 0 for a duplicate."""

    @classmethod
    def find(cls, rows: Float[Tensor, "n d"], k: int) -> "OwnNeighbors":
        """Find the `k` nearest other rows of each row. Raises a DataError if there are no more than `k` rows."""
        n, radii, means, nearest_distances = len(rows), [], [], []
        if n <= k:
            raise DataError(f"{k} neighbors were requested in a sample of {n} rows: at least {k + 1} are needed.")
        rows = rows - rows.mean(dim=0)  # distances stay the same, with smaller rounding errors
        for start in range(0, n, CHUNK):
            distances = squared_distances(rows[start : start + CHUNK], rows)
            distances.diagonal(start).zero_()
            means.append(distances.sqrt().sum(dim=1, dtype=torch.float64) / (n - 1))
            distances.diagonal(start).fill_(torch.inf)
            least = distances.topk(k, largest=False)
            radii.append(least.values)
            nearest_distances.append((rows[start : start + CHUNK] - rows[least.indices[:, 0]]).norm(dim=1))
        mean = torch.cat(means)
        return cls(torch.cat(radii), mean.mean().item(), 2 * mean.std().item() / n**0.5, torch.cat(nearest_distances))


@dataclass(frozen=True)
class Neighborhoods:
    """How `n` real and `m` fake rows lie among each other. A row's k-ball reaches to its k-th nearest neighbor in its own sample."""

    in_real_balls: dict[int, Int64[Tensor, " m"]]
    """For each k, the number of real rows' k-balls that each fake row lies in."""
    in_fake_balls: dict[int, Bool[Tensor, " n"]]
    """For each k, whether each real row lies in any fake row's k-ball."""
    real_balls_hit: dict[int, Bool[Tensor, " n"]]
    """For each k, whether each real row's k-ball contains any fake row."""
    nearest: Int64[Tensor, " m"]
    """Index of the real row nearest to each fake row."""
    nearest_distance: Float[Tensor, " m"]
    """Exact distance of each fake row to its nearest real row: 0 for a copy."""

    @classmethod
    def find(
        cls, real: Float[Tensor, "n d"], fake: Float[Tensor, "m d"], ks: tuple[int, ...], real_own: OwnNeighbors, fake_own: OwnNeighbors
    ) -> "Neighborhoods":
        """Compute the neighborhoods of two samples from their own neighbors, for each number of neighbors in `ks`."""
        center = real.mean(dim=0)
        centered_real, centered_fake = real - center, fake - center
        counts: dict[int, list[Tensor]] = {k: [] for k in ks}
        in_fake, hit = ({k: torch.zeros(len(real), dtype=torch.bool) for k in ks} for _ in range(2))
        nearest_chunks = []
        for start in range(0, len(fake), CHUNK):
            distances = squared_distances(centered_fake[start : start + CHUNK], centered_real)
            for k in ks:
                within = distances <= real_own.radii[:, k - 1]
                counts[k].append(within.sum(dim=1))
                hit[k] |= within.any(dim=0)
                in_fake[k] |= (distances <= fake_own.radii[start : start + CHUNK, k - 1, None]).any(dim=0)
            nearest_chunks.append(distances.argmin(dim=1))
        nearest = torch.cat(nearest_chunks)
        nearest_distance = (fake - real[nearest]).norm(dim=1)  # computed again without the rounding of products: 0 for a copy
        return cls({k: torch.cat(counts[k]) for k in ks}, in_fake, hit, nearest, nearest_distance)

    def precision_recall(self, k: int) -> "PrecisionRecall":
        """Improved precision and recall with k-balls, for a `k` that neighborhoods were computed for."""
        return PrecisionRecall((self.in_real_balls[k] > 0).double().mean().item(), self.in_fake_balls[k].double().mean().item())

    def density_coverage(self, k: int) -> "DensityCoverage":
        """Density and coverage with k-balls, for a `k` that neighborhoods were computed for."""
        return DensityCoverage(self.in_real_balls[k].double().mean().item() / k, self.real_balls_hit[k].double().mean().item())


@dataclass(frozen=True)
class PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2)."""

    precision: float
    """Share of fake samples that lie in the ball of a real sample: quality."""
    recall: float
    """Share of real samples that lie in the ball of a fake sample: variety."""


@dataclass(frozen=True)
class DensityCoverage:
    """Density and coverage (Naeem et al. 2020, equations 5 and 6)."""

    density: float
    """Mean number of real balls that a fake sample lies in, divided by k: 1 for equal distributions, and possibly more."""
    coverage: float
    """Share of real samples whose ball contains a fake sample."""


def precision_recall(real: FeatureArray, fake: FeatureArray, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall of samples of shape (n, d) and (m, d). Raises a DataError for fewer than k + 1 rows."""
    return _find_neighborhoods(real, fake, k).precision_recall(k)


def density_coverage(real: FeatureArray, fake: FeatureArray, k: int = 5) -> DensityCoverage:
    """Density and coverage of samples of shape (n, d) and (m, d). Raises a DataError for fewer than k + 1 rows."""
    return _find_neighborhoods(real, fake, k).density_coverage(k)


def _find_neighborhoods(real: FeatureArray, fake: FeatureArray, k: int) -> Neighborhoods:
    if k < 1:
        raise DataError(f"k must be at least 1, not {k}.")
    a, b = check_feature_pair(real, fake)
    return Neighborhoods.find(a, b, (k,), OwnNeighbors.find(a, k), OwnNeighbors.find(b, k))


def nearest_distances(rows: Float[Tensor, "n d"], to: Float[Tensor, "m d"]) -> Float[Tensor, " n"]:
    """Exact distance of each row to the nearest row of `to`: 0 for a copy."""
    center = to.mean(dim=0)
    centered = to - center
    nearest = torch.cat([squared_distances(chunk - center, centered).argmin(dim=1) for chunk in rows.split(CHUNK)])
    return (rows - to[nearest]).norm(dim=1)


def expected_coverage(n_real: int, n_fake: int, k: int) -> float:
    """Expected coverage by `n_fake` samples from the distribution of the real samples, which is small if they are few (Naeem et al. 2020,
    lemma 2).
    """
    return 1 - math.prod((n_real - i) / (n_real + n_fake - i) for i in range(1, k + 1))


@dataclass(frozen=True)
class Memorization:
    """Whether samples are copies of training images: their distances to the nearest training image, compared with the distances of images
    that were not trained on (after Meehan et al. 2020).
    """

    nearer: float
    """How often a sample is nearer to its nearest training image than a comparison image is to its own (ties count half): about 0.5 if
    nothing is memorized, 1 if everything is."""
    nearer_error: float
    """Standard error of `nearer` if nothing is memorized (Mann and Whitney 1947)."""
    copies: float
    """Share of samples that are nearer than all but 1 % of the comparison images: about 0.01 if nothing is memorized."""


def memorization(nearest: Float[Tensor, " m"], comparison: Float[Tensor, " h"]) -> Memorization:
    """Memorization from the distances of `m` samples and of `h` comparison images to their nearest training images.

    Raises a DataError if there are no samples or no comparison images.
    """
    m, h = len(nearest), len(comparison)
    if not m or not h:
        raise DataError(f"Memorization needs samples and images to compare them with, but there are {m} and {h}.")
    sample, reference = nearest.double(), comparison.double().sort().values
    below = torch.searchsorted(reference, sample, right=False)
    ties = torch.searchsorted(reference, sample, right=True) - below
    nearer = 1 - (below + ties / 2).sum().item() / (m * h)
    copies = (sample <= torch.quantile(reference, COPY_QUANTILE)).double().mean().item()
    return Memorization(nearer, ((m + h + 1) / (12 * m * h)) ** 0.5, copies)
