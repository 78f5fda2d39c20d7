"""Unrolled GAN: the generator looks some steps of the discriminator ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class UnrolledGAN(DCGAN):
    """DCGAN's networks. A generator that produces only one mode sees that the discriminator is about to recognize it."""

    title: ClassVar[str] = "The generator looks ahead by unrolling the discriminator, against mode collapse"
    paper: ClassVar[str] = "Metz et al. 2017: Unrolled Generative Adversarial Networks (arXiv:1611.02163)"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "points": {
            "batch_size": 512,
            "latent": "normal",
            "latent_size": 256,
            "learning_rate": 1e-3,
            "discriminator_learning_rate": 1e-4,
        }
    }

    batch_size: int = 64
    """Number of real images in each discriminator batch."""
    objective: ObjectiveName = "saturating"
    """Losses of generator and discriminator; saturating is the minimax game itself, which is unrolled on both sides."""
    unroll: int = 5
    """Number of discriminator steps that the generator looks ahead. 0: no unrolling."""


RECIPE = UnrolledGAN
