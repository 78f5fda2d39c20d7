"""What images look like, in numbers: as rows of pixels with distances between them, and the traces of networks in them.

Rows are averaged down to 16x16: cheap enough to be compared throughout training, and enough to tell samples that are all alike, copies, or
those that never come to rest. Scores that tell good images from better ones are the judge's.
"""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.core.formatting import rounded
from sparring.metrics.nearest_neighbors import squared_distances

SIDE = 16
SATURATED = 0.98
LLOYD_STEPS = 20


def rows_of(samples: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
    """Samples as rows of numbers: images averaged down to a side of 16 at most, others as they are."""
    if samples.ndim != 4:
        return samples.float().flatten(1)
    images = samples
    height, width = (min(SIDE, side) for side in images.shape[2:])
    return nn.functional.adaptive_avg_pool2d(images.float(), (height, width)).flatten(1)


def mean_distance(rows: Float[Tensor, "n d"]) -> float:
    """Of two different rows."""
    n = len(rows)
    rows = rows - rows.mean(dim=0)  # rounding is less
    return squared_distances(rows, rows).fill_diagonal_(0).sqrt().sum(dtype=torch.float64).item() / max(1, n * (n - 1))


def own_nearest(rows: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " n"], Int64[Tensor, " n"]]:
    """Distance to the nearest other row, and its place."""
    rows = rows - rows.mean(dim=0)
    squared, places = squared_distances(rows, rows).fill_diagonal_(torch.inf).min(dim=1)
    return squared.sqrt(), places


def radii(rows: Float[Tensor, "n d"], k: int) -> Float[Tensor, " n"]:
    """Squared distance to the k-th nearest other row."""
    return squared_distances(rows, rows).fill_diagonal_(torch.inf).kthvalue(max(1, k), dim=1).values


def clusters(rows: Float[Tensor, "n d"], k: int) -> Int64[Tensor, " n"]:
    """Which of `k` clusters each row is in: k-means (Lloyd 1982), begun with rows that are far from one another."""
    centers = rows[:1]
    for _ in range(k - 1):
        farthest = squared_distances(rows, centers).amin(dim=1).argmax()
        centers = torch.cat([centers, rows[farthest : farthest + 1]])
    places = squared_distances(rows, centers).argmin(dim=1)
    for _ in range(LLOYD_STEPS):
        sums = torch.zeros_like(centers).index_add_(0, places, rows)
        counts = torch.bincount(places, minlength=k)[:, None]
        centers = torch.where(counts > 0, sums / counts.clamp_min(1), centers)
        places = squared_distances(rows, centers).argmin(dim=1)
    return places


def shares(labels: Int64[Tensor, " n"], classes: int) -> list[float]:
    """Of each class."""
    return [rounded(share) for share in (torch.bincount(labels, minlength=classes) / len(labels)).tolist()]


def agreements(labels: Int64[Tensor, " n"], others: Int64[Tensor, " n"], classes: int) -> list[float]:
    """Of those of each class, the share whose other label is the same; 0 where there are none."""
    alike, all_ = (torch.bincount(some, minlength=classes) for some in (labels[labels == others], labels))
    return [rounded(share) for share in (alike / all_.clamp_min(1)).tolist()]


def label_signs(rows: Float[Tensor, "n d"], labels: Int64[Tensor, " n"]) -> dict[str, Any]:
    """How often a image's nearest neighbor has its class, and how often it would by chance."""
    _, places = own_nearest(rows)
    of_classes = torch.tensor(shares(labels, int(labels.max()) + 1))
    return {
        "classes": of_classes.tolist(),
        "agreement": (labels[places] == labels).double().mean().item(),
        "agreements": agreements(labels, labels[places], len(of_classes)),
        "agreement_by_chance": of_classes.square().sum().item(),
    }


def saturation(images: Float[Tensor, "n ..."]) -> float:
    """The share of numbers at either end of the range."""
    return (images.abs() > SATURATED).double().mean().item()


def checkerboard(images: Float[Tensor, "n c h w"]) -> float:
    """The share of images' differences from their means that alternates from pixel to pixel, in rows, columns or both: a strided
    transposed convolution leaves it (Odena et al. 2016, Deconvolution and Checkerboard Artifacts).
    """
    x = images - images.mean(dim=(2, 3), keepdim=True)
    height, width = x.shape[2] - x.shape[2] % 2, x.shape[3] - x.shape[3] % 2
    x = x[:, :, :height, :width]
    rows, columns = (1 - 2 * (torch.arange(size) % 2).float() for size in (height, width))
    size = height * width
    along = [
        (x * rows[:, None] * columns).sum(dim=(2, 3)).square() / size,
        (x * rows[:, None]).sum(dim=(2, 3)).square() / size,
        (x * columns).sum(dim=(2, 3)).square() / size,
    ]
    return (sum(one.sum() for one in along) / x.square().sum().clamp_min(1e-12)).item()  # pyright: ignore[reportAttributeAccessIssue]
