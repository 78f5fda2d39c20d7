"""Which of a generator's channels make a feature: DCGAN's bedrooms without windows (Radford et al. 2016, section 6.3.2)."""

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.latent.directions import discriminant


def responsible(maps: Float[Tensor, "n c h w"], has_it: Bool[Tensor, " n"], count: int) -> Int64[Tensor, " k"]:
    """The channels whose strength speaks most for having it: those of the largest positive weights of a linear classifier on each
    channel's mean. At most `count`; ValueError if all have it or none has.
    """
    strengths = maps.float().mean(dim=(2, 3))
    deviations = strengths.std(dim=0).clamp_min(1e-6)
    weights = discriminant(strengths / deviations, has_it)
    strongest = weights.argsort(descending=True)[:count]
    return strongest[weights[strongest] > 0]
