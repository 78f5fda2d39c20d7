"""Probabilities of 8-bit pixels."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

LEVELS = 256
"""Values that a pixel's channel may have."""
HALF_BIN = 1 / 255
"""Half the distance of two neighboring levels, where 0 to 255 are -1 to 1."""


def levels_of(images: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Images in [-1, 1] as whole numbers from 0 to 255, in float32, or in float64 if they are."""
    exact = images if images.dtype == torch.float64 else images.float()
    return ((exact + 1) * 127.5).round().clamp(0, LEVELS - 1)


def images_of(levels: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Numbers from 0 to 255, whole or not, as images in [-1, 1]."""
    return (levels / 127.5 - 1).clamp(-1, 1)


def bits_per_dimension(log_likelihood: Float[Tensor, " n"], dimensions: int) -> Float[Tensor, " n"]:
    """Bits for each number of an image, from natural logarithms of probabilities. Where all values of a pixel are equally likely: 8."""
    return -log_likelihood / (dimensions * math.log(2))


def log_discretized_logistic(
    images: Float[Tensor, "*shape"], means: Float[Tensor, "*shape"], log_scales: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Natural logarithm of the probability of each number of images in [-1, 1] that are 8-bit pixels, under logistic distributions of which
    each level has the part of its bin, and the outermost levels all that is beyond (Salimans et al. 2017, equation 2).
    """
    inverse = torch.exp(-log_scales)
    upper, lower = (images - means + HALF_BIN) * inverse, (images - means - HALF_BIN) * inverse
    # log(sigmoid(u) - sigmoid(l)) = logsigmoid(u) + logsigmoid(-l) + log(1 - e^(l - u)), of which no term cancels another
    between = logsigmoid(upper) + logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    darkest, brightest = images <= -1 + HALF_BIN, images >= 1 - HALF_BIN
    return torch.where(darkest, logsigmoid(upper), torch.where(brightest, -softplus(lower), between))


def normal_divergence(mean: Float[Tensor, "n d"], log_variance: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Kullback-Leibler divergence, in nats, of normal distributions from the standard one (Kingma and Welling 2014, appendix B)."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp())
