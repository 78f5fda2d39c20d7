"""Proper scoring rules: what a forecast of samples loses, and loses least with the true distribution."""

from jaxtyping import Float
from torch import Tensor


def energy_score(samples: Float[Tensor, "2 n c t"], real: Float[Tensor, "n c t"]) -> Float[Tensor, " n"]:
    """The energy score (Gneiting and Raftery 2007, equation 22) with the sum of absolute differences as distance, of two independent
    samples for each real one: the continuous ranked probability score of each step, averaged over steps and channels.
    """
    one, other = samples
    to_real = ((one - real).abs() + (other - real).abs()) / 2
    return (to_real - (one - other).abs() / 2).mean(dim=(1, 2))
