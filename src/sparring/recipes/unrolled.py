"""Unrolled GAN: the generator looks some steps of the discriminator ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class UnrolledGAN(DCGAN):
    """DCGAN's networks; a generator that puts all on one mode sees that the discriminator is about to learn it."""

    title: ClassVar[str] = "The generator looks ahead: cures mode collapse by unrolling the discriminator"
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
    """Real images in each turn's batch."""
    objective: ObjectiveName = "saturating"
    """The pair of losses: here the minimax game itself, of which both sides are unrolled."""
    unroll: int = 5
    """The generator looks ahead so many steps of the discriminator."""


RECIPE = UnrolledGAN
