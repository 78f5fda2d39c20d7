"""Scores of images against their targets: L1, peak signal-to-noise ratio and structural similarity.

Images are in [-1, 1]; errors are given on the scale of [0, 1], where black and white are 1 apart.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

WINDOW, WINDOW_DEVIATION = 11, 1.5
"""Side and standard deviation in pixels of structural similarity's Gaussian window."""
C1, C2 = 0.01**2, 0.03**2
"""Constants K1 and K2 of structural similarity, squared, for pixels in a range of 1."""
CHUNK = 16
"""Number of pairs that are compared at once by scores that take much memory."""


def mean_absolute_error(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    """Mean absolute error (L1) over pixels and channels of each image: 0 for equal images, 1 for black against white."""
    return (images.double() - targets.double()).abs().mean(dim=(1, 2, 3)) / 2


def peak_signal_to_noise_ratio(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    """Peak signal-to-noise ratio of each image in decibels: 0 for black against white, infinite for equal images."""
    squared = (images.double() - targets.double()).square().mean(dim=(1, 2, 3)) / 4
    return -10 * squared.log10()


def structural_similarity(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    """SSIM of each image (Wang et al. 2004, equations 13 to 17): 1 for equal images, less for others.

    It is the mean over channels and over the positions whose window lies within the image. Raises a ValueError for sides under 11 pixels.
    """
    height, width = images.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"structural similarity needs images of at least {WINDOW}x{WINDOW} pixels, not {height}x{width}: enlarge them")
    return score_in_chunks(_ssim_chunk, images, targets)


def _ssim_chunk(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    a, b = ((each.double() + 1) / 2 for each in (images, targets))
    mean_a, mean_b, square_a, square_b, product = _window_means(torch.stack((a, b, a * a, b * b, a * b)))
    variances = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    means = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
    return (means * (2 * covariance + C2) / (variances + C2)).mean(dim=(1, 2, 3))


def _window_means(x: Float64[Tensor, "k n c h w"]) -> Float64[Tensor, "k n c h-10 w-10"]:
    """Weighted means under the Gaussian window, for each of its positions within the image."""
    rows, columns = (_window_matrix(side).to(x.device) for side in x.shape[3:])
    return rows @ x @ columns.T


def _window_matrix(side: int) -> Float64[Tensor, "{side}-10 {side}"]:
    """Matrix that applies the one-dimensional window at each of its positions along a line of `side` pixels."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = (-offsets.square() / (2 * WINDOW_DEVIATION**2)).softmax(dim=0)
    return torch.eye(side, dtype=torch.float64).unfold(0, WINDOW, 1) @ weights


def score_in_chunks(
    score: Callable[[Tensor, Tensor], Tensor], images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]
) -> Float64[Tensor, " n"]:
    """A score of all pairs, computed `CHUNK` pairs at a time to save memory."""
    return torch.cat([score(*pair) for pair in zip(images.split(CHUNK), targets.split(CHUNK), strict=True)])


def mean_scores(chunks: Sequence[Mapping[str, Float64[Tensor, " _"]]]) -> dict[str, float]:
    """Mean of each score over the images of all chunks.

    PSNR is averaged over the images that differ from their targets; it is infinite if none does.
    """
    scores = {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}
    finite = scores["PSNR"][scores["PSNR"] != torch.inf]
    return {name: each.mean().item() for name, each in scores.items()} | {"PSNR": finite.mean().item() if len(finite) else torch.inf}
