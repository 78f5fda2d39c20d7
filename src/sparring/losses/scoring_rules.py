"""Proper scoring rules: what a forecast of samples loses, and loses least with the true distribution."""

from jaxtyping import Float
from torch import Tensor

SMALLEST_SQUARE = 1e-8
"""Keeps the root's gradient finite at 0."""


def energy_score(samples: Float[Tensor, "2 n c t"], real: Float[Tensor, "n c t"]) -> Float[Tensor, " n"]:
    """The energy score (Gneiting and Raftery 2007, equation 22) with the sum of absolute differences as distance, of two independent
    samples for each real one: the continuous ranked probability score of each step, averaged over steps and channels.
    """
    one, other = samples
    to_real = ((one - real).abs() + (other - real).abs()) / 2
    return (to_real - (one - other).abs() / 2).mean(dim=(1, 2))


def vector_energy_score(samples: Float[Tensor, "2 n d"], real: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """The energy score with the Euclidean distance, which sees how the numbers of a vector go together."""

    def distance(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        return ((a - b).square().sum(dim=1) + SMALLEST_SQUARE).sqrt()

    one, other = samples
    return (distance(one, real) + distance(other, real) - distance(one, other)) / 2
