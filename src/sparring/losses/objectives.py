"""Adversarial losses: what the discriminator and the generator each minimize, on logits, per sample.

Every one is linear or quadratic in the logits at most, or a softplus, so none of them overflows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu, softplus

Logits = Float[Tensor, " n"]
Losses = Mapping[str, Float[Tensor, " n"]]
"""Named terms, a number per sample; what is minimized is the sum of their means."""

ObjectiveName = Literal["non-saturating", "saturating", "least-squares", "hinge", "wasserstein", "relativistic", "relativistic-average"]


@dataclass(frozen=True)
class Objective:
    """A pair of losses, each from the logits of real and of generated samples. Logits are the discriminator's outputs
    before a sigmoid: above 0 means "real".
    """

    discriminator: Callable[[Logits, Logits], Losses]
    """Minimized by the discriminator (or critic)."""
    generator: Callable[[Logits, Logits], Losses]
    """Minimized by the generator. Where it does not compare, the logits of real samples are not looked at."""
    compares: bool = False
    """Whether the losses depend on differences between the logits of real and of generated samples alone, so that the generator's loss
    needs the logits of real samples, and all logits may drift together."""
    compares_pairs: bool = False
    """Whether each real sample is compared with one generated sample, and not with the mean of all."""
    is_critic: bool = False
    """Whether the discriminator is a critic: its losses are linear in the logits without a bound, so its slope must be bounded by other
    means (a gradient penalty, clipping, spectral norm), and neither its logits nor its losses have a zero of their own."""
    has_log_odds: bool = False
    """Whether logits are log-odds that a sample is real."""
    has_real_target: bool = False
    """Whether the discriminator aims at a number on real samples, which label smoothing lowers."""
    generator_saturates: bool = False
    """Whether the generator's gradient vanishes by itself where the discriminator is sure that its samples are generated."""
    zero_sum: bool = False
    """Whether the generator minimizes what the discriminator maximizes. (Of that, the plain game leaves out the losses on real
    samples, which do not depend on the generator; unrolling makes them.)"""


def minimax_discriminator(real: Logits, generated: Logits, real_target: float = 1.0) -> Losses:
    """-log D(x) and -log(1 - D(G(z))), with D = sigmoid(logits): equation 1 of Goodfellow et al. 2014.
    `real_target` below 1: one-sided label smoothing (Salimans et al. 2016, section 3.4).
    """
    return {"real": real_target * softplus(-real) + (1 - real_target) * softplus(real), "generated": softplus(generated)}


def non_saturating_generator(real: Logits, generated: Logits) -> Losses:
    """-log D(G(z)): the form that Goodfellow et al. 2014 (section 3) train with, for its gradients early on."""
    return {"adversarial": softplus(-generated)}


def saturating_generator(real: Logits, generated: Logits) -> Losses:
    """log(1 - D(G(z))): the generator's side of the minimax game itself."""
    return {"adversarial": -softplus(generated)}


def least_squares_discriminator(real: Logits, generated: Logits, real_target: float = 1.0) -> Losses:
    """(D(x) - 1)^2 / 2 and D(G(z))^2 / 2: equation 9 of Mao et al. 2017 (a = 0, b = 1)."""
    return {"real": (real - real_target).square() / 2, "generated": generated.square() / 2}


def least_squares_generator(real: Logits, generated: Logits) -> Losses:
    """(D(G(z)) - 1)^2 / 2: equation 9 of Mao et al. 2017 (c = 1)."""
    return {"adversarial": (generated - 1).square() / 2}


def hinge_discriminator(real: Logits, generated: Logits) -> Losses:
    """max(0, 1 - D(x)) and max(0, 1 + D(G(z))): Lim and Ye 2017; equation 16 of Miyato et al. 2018."""
    return {"real": relu(1 - real), "generated": relu(1 + generated)}


def wasserstein_critic(real: Logits, generated: Logits) -> Losses:
    """-f(x) and f(G(z)): equation 3 of Arjovsky et al. 2017, of which the critic seeks the largest difference."""
    return {"real": -real, "generated": generated}


def linear_generator(real: Logits, generated: Logits) -> Losses:
    """-D(G(z)): the generator's side of the Wasserstein and of the hinge game."""
    return {"adversarial": -generated}


def relativistic_discriminator(real: Logits, generated: Logits) -> Losses:
    """-log sigmoid(D(x) - D(G(z))), in pairs: equation 5 of Jolicoeur-Martineau 2019."""
    return {"relative": softplus(generated - real)}


def relativistic_generator(real: Logits, generated: Logits) -> Losses:
    """-log sigmoid(D(G(z)) - D(x)), in pairs: equation 6 of Jolicoeur-Martineau 2019."""
    return {"adversarial": softplus(real - generated)}


def relativistic_average_discriminator(real: Logits, generated: Logits) -> Losses:
    """Real against the average generated sample, and the other way round: equation 9 of Jolicoeur-Martineau 2019."""
    return {"real": softplus(generated.mean() - real), "generated": softplus(generated - real.mean())}


def relativistic_average_generator(real: Logits, generated: Logits) -> Losses:
    """The discriminator's loss with real and generated swapped: equation 10 of Jolicoeur-Martineau 2019."""
    return {"adversarial": softplus(real.mean() - generated), "real": softplus(real - generated.mean())}


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "non-saturating": Objective(minimax_discriminator, non_saturating_generator, has_log_odds=True, has_real_target=True),
    "saturating": Objective(
        minimax_discriminator, saturating_generator, has_log_odds=True, has_real_target=True, generator_saturates=True, zero_sum=True
    ),
    "least-squares": Objective(least_squares_discriminator, least_squares_generator, has_real_target=True),
    "hinge": Objective(hinge_discriminator, linear_generator),
    "wasserstein": Objective(wasserstein_critic, linear_generator, is_critic=True, zero_sum=True),
    "relativistic": Objective(relativistic_discriminator, relativistic_generator, compares=True, compares_pairs=True),
    "relativistic-average": Objective(relativistic_average_discriminator, relativistic_average_generator, compares=True),
}
HAVE_TARGETS = tuple(name for name, each in OBJECTIVES.items() if each.has_real_target)
"""The objectives that label smoothing is for."""


def objective(name: ObjectiveName, label_smoothing: float = 0.0) -> Objective:
    """The pair of that name, with the target on real samples lowered from 1 to 1 - `label_smoothing` (one-sided)."""
    pair = OBJECTIVES[name]
    if not label_smoothing:
        return pair
    assert name in HAVE_TARGETS, "recipes refuse it"
    discriminator = minimax_discriminator if pair.discriminator is minimax_discriminator else least_squares_discriminator
    return replace(pair, discriminator=partial(discriminator, real_target=1 - label_smoothing))
