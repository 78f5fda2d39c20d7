"""Probabilities of 8-bit pixels."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

HALF_BIN = 1 / 255
"""Half the distance of two neighboring levels, where 0 to 255 are -1 to 1."""


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
