"""WGAN: a critic that estimates the Wasserstein distance, with clipped weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.optimizers.optimizers import OptimizerName
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class WGAN(DCGAN):
    """DCGAN's networks. The critic's loss falls as samples get better."""

    title: ClassVar[str] = "Wasserstein distance, estimated by a critic with clipped weights"
    paper: ClassVar[str] = "Arjovsky, Chintala, Bottou 2017: Wasserstein GAN (arXiv:1701.07875), algorithm 1"

    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {"points": {"batch_size": 256, "latent": "normal", "latent_size": 16}}

    batch_size: int = 64
    """Number of real images in each critic batch."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and critic."""
    optimizer: OptimizerName = "rmsprop"
    """Optimizer of both networks: rmsprop, adam (whose momentum makes the critic unstable, section 4 of the paper), or sgd (gradient
    descent with momentum)."""
    learning_rate: float = 5e-5
    """Learning rate of both networks, unless discriminator_learning_rate is given."""
    weight_clip: float = 0.01
    """Largest absolute value of the critic's weights, which are clipped after each update."""
    discriminator_steps: int = 5
    """Number of critic updates per generator update."""


RECIPE = WGAN
