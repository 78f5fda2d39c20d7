"""Choices among tokens that let gradients through: Gumbel numbers and the straight-through softmax."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import one_hot

SMALLEST = 2.0**-32
"""Uniform numbers are kept at least so far from 0, and their negative logarithms from 0, where a logarithm has no value."""


def gumbel_of(uniform: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard Gumbel numbers of uniform ones in [0, 1), by their inverse distribution function -log(-log(u)). The largest of logits plus
    such numbers falls on each token as often as the softmax says (Gumbel 1954; Maddison et al. 2014).
    """
    return -(-uniform.clamp_min(SMALLEST).log()).clamp_min(SMALLEST).log()


def straight_through(
    scores: Float[Tensor, "*batch vocabulary"], codes: Int64[Tensor, "*batch"], sharpness: float
) -> Float[Tensor, "*batch vocabulary"]:
    """Exactly the one-hot vectors of `codes`, with the gradient of softmax(sharpness * scores): the straight-through estimator of Jang et
    al. 2017 (section 2.2). `scores`: logits plus Gumbel numbers, of which `codes` are the largest. `sharpness`: the inverse of the
    temperature.
    """
    soft = (sharpness * scores).softmax(dim=-1)
    return one_hot(codes, scores.shape[-1]).to(soft.dtype) + (soft - soft.detach())


def sharpness_at(step: int, steps: int, last: float) -> float:
    """Inverse temperature after `step` of `steps` steps: from 1 to `last` by equal factors, and `last` afterwards (Nie et al. 2019, section
    2.4, the exponential schedule).
    """
    return last ** min(1.0, step / max(1, steps))


def without_gradient_after_end(
    one_hots: Float[Tensor, "n length vocabulary"], places: Float[Tensor, "n length"]
) -> Float[Tensor, "n length vocabulary"]:
    """The same values, of which only the places that are read (1 in `places`) let gradients through."""
    return torch.where(places[:, :, None] > 0, one_hots, one_hots.detach())
