"""Adversarial losses: what the discriminator and the generator each minimise, on logits, per sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

Logits = Float[Tensor, " n"]
Losses = Mapping[str, Float[Tensor, " n"]]
"""Named terms, a number per sample; what is minimised is the sum of their means."""


@dataclass(frozen=True)
class Objective:
    """A pair of losses. Logits are the discriminator's outputs before a sigmoid: above 0 means "real"."""

    discriminator: Callable[[Logits, Logits], Losses]
    """From the logits of real and of generated samples."""
    generator: Callable[[Logits], Losses]
    """From the logits of generated samples."""


def minimax_discriminator(real: Logits, generated: Logits) -> Losses:
    """-log D(x) and -log(1 - D(G(z))), with D = sigmoid(logits): equation 1 of Goodfellow et al. 2014."""
    return {"real": softplus(-real), "generated": softplus(generated)}


def non_saturating_generator(generated: Logits) -> Losses:
    """-log D(G(z)): the form that Goodfellow et al. 2014 (section 3) train with, for its gradients early on."""
    return {"adversarial": softplus(-generated)}


def saturating_generator(generated: Logits) -> Losses:
    """log(1 - D(G(z))): the generator's side of the minimax game itself."""
    return {"adversarial": -softplus(generated)}


NON_SATURATING = Objective(minimax_discriminator, non_saturating_generator)
SATURATING = Objective(minimax_discriminator, saturating_generator)
