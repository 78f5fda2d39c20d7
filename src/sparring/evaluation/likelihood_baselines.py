"""Baselines of likelihoods: simple densities that are fitted on training images. What is not better than these has learned little."""

import importlib.util
import math
import warnings

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.data.dataset import Dataset
from sparring.losses.likelihoods import LEVELS, images_of, levels_of, log_discretized_logistic

KERNELS, COMPONENTS = 2000, 32
MOST_NUMBERS = 2**24
"""Number of pixels' values, of all images together, that a baseline is fitted on at most."""
LOG_SCALES = tuple(np.arange(-4.5, 0.01, 0.5).tolist())
"""Widths of kernels that are tried, as logarithms, where levels 0 to 255 are -1 to 1."""
TUNED_ON = 30
"""Number of training images that are no kernels, and choose the width."""


def likelihood_baselines(training: Dataset, unseen: Dataset, most: int) -> dict[str, tuple[str, float]]:
    """By name: the kind of the likelihood, and bits per dimension of at most `most` unseen images. The mixture needs scikit-learn, and is
    left out without it.
    """
    dimensions = math.prod(training.batch(np.array([0])).samples.shape[1:])
    known = some_levels(training, min(len(training), max(100, MOST_NUMBERS // dimensions)))
    others = some_levels(unseen, most)
    kernels = known[: max(2, min(KERNELS, len(known) - TUNED_ON))]
    found = {f"kernel density of {len(kernels):,} images": ("exact", kernel_bits(kernels, known[len(kernels) :][:TUNED_ON], others))}
    if importlib.util.find_spec("sklearn") is not None:
        found[f"mixture of {COMPONENTS} normal distributions"] = ("dequantized bound", mixture_bits(known, others))
    return found


def some_levels(data: Dataset, most: int) -> Int64[Tensor, "n d"]:
    """Levels of at most `most` images in a fixed random order, as rows."""
    order = np.random.default_rng(0).permutation(len(data))[:most]
    return torch.cat(
        [levels_of(data.batch(np.sort(part)).samples).flatten(1).long() for part in np.array_split(order, -(-len(order) // 500))]
    )


def kernel_bits(kernels: Int64[Tensor, "k d"], tuned_on: Int64[Tensor, "m d"], unseen: Int64[Tensor, "n d"]) -> float:
    """Bits per dimension of unseen images under a mean of discretized logistic distributions around `kernels`, of one width: the likeliest
    for `tuned_on`.
    """
    best = min(LOG_SCALES, key=lambda log_scale: mean_bits_around(kernels, tuned_on if len(tuned_on) else kernels[:1], log_scale))
    return mean_bits_around(kernels, unseen, best)


def mean_bits_around(kernels: Int64[Tensor, "k d"], images: Int64[Tensor, "n d"], log_scale: float) -> float:
    """Bits per dimension of images under kernels of a width."""
    every = images_of(torch.arange(float(LEVELS)))
    table = log_discretized_logistic(
        every[:, None].expand(LEVELS, LEVELS), every[None].expand(LEVELS, LEVELS), torch.full((LEVELS, LEVELS), log_scale)
    ).flatten()
    logs = [table[image * LEVELS + kernels].sum(dim=1).double().logsumexp(dim=0) - math.log(len(kernels)) for image in images]
    return -torch.stack(logs).mean().item() / (images.shape[1] * math.log(2))


def mixture_bits(training: Int64[Tensor, "n d"], unseen: Int64[Tensor, "m d"]) -> float:
    """A dequantized bound of bits per dimension under a mixture of normal distributions without correlations."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415 (an extra, and slow to import)

    random = np.random.default_rng(0)

    def shares(levels: Tensor) -> Float[np.ndarray, "n d"]:
        return (levels.numpy() + random.random(levels.shape)) / LEVELS

    count = max(1, min(COMPONENTS, len(training) // 10))
    mixture = GaussianMixture(count, covariance_type="diag", reg_covar=1e-5, random_state=0, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 50 steps are enough for a baseline
        mixture.fit(shares(training))
    return math.log2(LEVELS) - float(mixture.score(shares(unseen))) / (math.log(2) * training.shape[1])
