"""Scores of images against the very images they should be: by their pixels, by their structure, and by a network's features.

Images are in [-1, 1], as everywhere; errors are on the scale of [0, 1], where black and white are 1 apart.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

WINDOW, WINDOW_DEVIATION = 11, 1.5
"""Side and standard deviation of the Gaussian window of structural similarity, in pixels ..."""
CHUNK = 16
"""Pairs that are compared at a time, where that takes much memory."""
C1, C2 = 0.01**2, 0.03**2
"""... and its constants K1 and K2, squared, for a range of 1."""


def mean_absolute_error(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    """L1 (Isola et al. 2017, equation 3, for each pixel and channel): 0 for equal images, 1 for black and white."""
    return (images.double() - targets.double()).abs().mean(dim=(1, 2, 3)) / 2


def peak_signal_to_noise_ratio(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    """The peak signal-to-noise ratio in decibels: 0 for black and white, infinite for equal images."""
    squared = (images.double() - targets.double()).square().mean(dim=(1, 2, 3)) / 4
    return -10 * squared.log10()


def structural_similarity(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    """SSIM (Wang et al. 2004, equations 13 to 17): 1 for equal images, less for others.

    The mean over channels, and over the places whose window lies within the image. ValueError for sides under 11.
    """
    height, width = images.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"structural similarity needs images of {WINDOW}x{WINDOW} pixels at least, not {height}x{width}: enlarge them")
    return score_in_chunks(_ssim_chunk, images, targets)


def _ssim_chunk(images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
    a, b = ((each.double() + 1) / 2 for each in (images, targets))
    mean_a, mean_b, square_a, square_b, product = _window_means(torch.stack((a, b, a * a, b * b, a * b)))
    variances = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    means = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
    return (means * (2 * covariance + C2) / (variances + C2)).mean(dim=(1, 2, 3))


def _window_means(x: Float64[Tensor, "k n c h w"]) -> Float64[Tensor, "k n c h-10 w-10"]:
    """Means under the window, wherever it lies within the image."""
    rows, columns = (_window_matrix(side).to(x.device) for side in x.shape[3:])
    return rows @ x @ columns.T


def _window_matrix(side: int) -> Float64[Tensor, "{side}-10 {side}"]:
    """The weights of a line's places, for each place that the window may have on it."""
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = (-places.square() / (2 * WINDOW_DEVIATION**2)).softmax(dim=0)
    return torch.eye(side, dtype=torch.float64).unfold(0, WINDOW, 1) @ weights


def score_in_chunks(
    score: Callable[[Tensor, Tensor], Tensor], images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]
) -> Float64[Tensor, " n"]:
    """A score that takes much memory, of a few pairs at a time."""
    return torch.cat([score(*pair) for pair in zip(images.split(CHUNK), targets.split(CHUNK), strict=True)])


def mean_scores(pieces: Sequence[Mapping[str, Float64[Tensor, " _"]]]) -> dict[str, float]:
    """The mean of each score over all pieces' images; that of PSNR over those that are not equal to their targets (infinite if all
    are).
    """
    found = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
    unequal = found["PSNR"][found["PSNR"] != torch.inf]
    return {name: each.mean().item() for name, each in found.items()} | {"PSNR": unequal.mean().item() if len(unequal) else torch.inf}
