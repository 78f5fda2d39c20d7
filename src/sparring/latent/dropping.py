"""Which of a generator's channels make a feature: DCGAN's bedrooms without windows (Radford et al. 2016, section 6.3.2)."""

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.latent.directions import discriminant


def responsible(strengths: Float[Tensor, "n c"], has_it: Bool[Tensor, " n"], count: int) -> Int64[Tensor, " k"]:
    """The channels whose strength (the mean of a map) speaks most for having it: those of the largest positive weights of a linear
    classifier. At most `count`; ValueError if all have it or none has.
    """
    deviations = strengths.std(dim=0).clamp_min(1e-6)
    weights = discriminant(strengths / deviations, has_it)
    strongest = weights.argsort(descending=True)[:count]
    return strongest[weights[strongest] > 0]
