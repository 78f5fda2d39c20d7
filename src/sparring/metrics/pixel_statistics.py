"""Statistics in pixel space that are cheap enough for monitoring: distances of images averaged down to 16x16, and artifacts of networks.

They detect samples that are all alike, copies of the data, and samples that keep changing. Scores that tell good images from better ones
are in `evaluation`.
"""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.core.formatting import rounded
from sparring.metrics.nearest_neighbors import squared_distances

SIDE = 16
"""Largest side in pixels of averaged images."""
SATURATED = 0.98
"""Absolute value beyond which a pixel in [-1, 1] counts as saturated."""
LLOYD_STEPS = 20
"""Number of k-means iterations."""


def rows_of(samples: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
    """Samples as rows of numbers: images averaged down to at most 16x16 pixels, others as they are."""
    if samples.ndim != 4:
        return samples.float().flatten(1)
    height, width = (min(SIDE, side) for side in samples.shape[2:])
    return nn.functional.adaptive_avg_pool2d(samples.float(), (height, width)).flatten(1)


def mean_distance(rows: Float[Tensor, "n d"]) -> float:
    """Mean Euclidean distance of two different rows; 0 for a single row."""
    n = len(rows)
    rows = rows - rows.mean(dim=0)  # for smaller rounding errors
    return squared_distances(rows, rows).fill_diagonal_(0).sqrt().sum(dtype=torch.float64).item() / max(1, n * (n - 1))


def own_nearest(rows: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " n"], Int64[Tensor, " n"]]:
    """Distance of each row to its nearest other row, and that row's index."""
    rows = rows - rows.mean(dim=0)
    squared, indices = squared_distances(rows, rows).fill_diagonal_(torch.inf).min(dim=1)
    return squared.sqrt(), indices


def radii(rows: Float[Tensor, "n d"], k: int) -> Float[Tensor, " n"]:
    """Squared distance of each row to its k-th nearest other row."""
    return squared_distances(rows, rows).fill_diagonal_(torch.inf).kthvalue(max(1, k), dim=1).values


def clusters(rows: Float[Tensor, "n d"], k: int) -> Int64[Tensor, " n"]:
    """Index of each row's cluster among `k`, by k-means (Lloyd 1982) that starts from rows far from one another."""
    centers = rows[:1]
    for _ in range(k - 1):
        farthest = squared_distances(rows, centers).amin(dim=1).argmax()
        centers = torch.cat([centers, rows[farthest : farthest + 1]])
    cluster_of = squared_distances(rows, centers).argmin(dim=1)
    for _ in range(LLOYD_STEPS):
        sums = torch.zeros_like(centers).index_add_(0, cluster_of, rows)
        counts = torch.bincount(cluster_of, minlength=k)[:, None]
        centers = torch.where(counts > 0, sums / counts.clamp_min(1), centers)
        cluster_of = squared_distances(rows, centers).argmin(dim=1)
    return cluster_of


def shares(labels: Int64[Tensor, " n"], classes: int) -> list[float]:
    """Share of each class among the labels, rounded."""
    return [rounded(share) for share in (torch.bincount(labels, minlength=classes) / len(labels)).tolist()]


def agreements(labels: Int64[Tensor, " n"], others: Int64[Tensor, " n"], classes: int) -> list[float]:
    """For each class in `labels`, the share of its members with the same label in `others`, rounded; 0 for absent classes."""
    alike, all_ = (torch.bincount(some, minlength=classes) for some in (labels[labels == others], labels))
    return [rounded(share) for share in (alike / all_.clamp_min(1)).tolist()]


def label_signs(rows: Float[Tensor, "n d"], labels: Int64[Tensor, " n"]) -> dict[str, Any]:
    """How often an image's nearest other image has the same class, over all and for each class, and how often it would by chance."""
    _, nearest = own_nearest(rows)
    of_classes = torch.tensor(shares(labels, int(labels.max()) + 1))
    return {
        "classes": of_classes.tolist(),
        "agreement": (labels[nearest] == labels).double().mean().item(),
        "agreements": agreements(labels, labels[nearest], len(of_classes)),
        "agreement_by_chance": of_classes.square().sum().item(),
    }


def saturation(images: Float[Tensor, "n ..."]) -> float:
    """Share of pixel values at either end of the range [-1, 1]."""
    return (images.abs() > SATURATED).double().mean().item()


def checkerboard(images: Float[Tensor, "n c h w"]) -> float:
    """Share of the images' variance that alternates from pixel to pixel, in rows, columns or both.

    Strided transposed convolutions cause it (Odena et al. 2016, Deconvolution and Checkerboard Artifacts).
    """
    x = images - images.mean(dim=(2, 3), keepdim=True)
    height, width = x.shape[2] - x.shape[2] % 2, x.shape[3] - x.shape[3] % 2
    x = x[:, :, :height, :width]
    rows, columns = (1 - 2 * (torch.arange(size) % 2).float() for size in (height, width))
    size = height * width
    alternating = [
        (x * rows[:, None] * columns).sum(dim=(2, 3)).square() / size,
        (x * rows[:, None]).sum(dim=(2, 3)).square() / size,
        (x * columns).sum(dim=(2, 3)).square() / size,
    ]
    return (sum(one.sum() for one in alternating) / x.square().sum().clamp_min(1e-12)).item()  # pyright: ignore[reportAttributeAccessIssue]
