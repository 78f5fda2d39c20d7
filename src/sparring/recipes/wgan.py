"""WGAN: a critic that estimates the Wasserstein distance, held by clipping its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.optimizers.optimizers import OptimizerName
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class WGAN(DCGAN):
    """DCGAN's networks; the critic's loss falls as samples get better."""

    title: ClassVar[str] = "Wasserstein distance by a critic with clipped weights"
    paper: ClassVar[str] = "Arjovsky, Chintala, Bottou 2017: Wasserstein GAN (arXiv:1701.07875), algorithm 1"

    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {"points": {"batch_size": 256, "latent": "normal", "latent_size": 16}}

    batch_size: int = 64
    """Real images in each turn's batch."""
    objective: ObjectiveName = "wasserstein"
    """The pair of losses."""
    optimizer: OptimizerName = "rmsprop"
    """rmsprop; adam and its momentum make the critic unstable (section 4 of the paper); sgd: gradient descent with momentum."""
    learning_rate: float = 5e-5
    """The optimizer's rate, for both networks."""
    weight_clip: float = 0.01
    """After each step the critic's weights are clipped to so much either side of zero."""
    discriminator_steps: int = 5
    """Critic steps for each generator step."""


RECIPE = WGAN
