"""Conditional GAN: both networks are told the class."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.adversarial_settings import Condition
from sparring.losses.objectives import ObjectiveName
from sparring.nets.dcgan import Norm
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class CGAN(DCGAN):
    """The paper's way to tell both networks the class, with networks and a game of today.

    The paper's own networks are fully connected, which leaves a grain on images: `sparring train gan --condition concatenate`
    has them. Here they are DCGAN's, without batch norm in the discriminator, and the game is the one that covers most modes in
    our measurements (docs/benchmarks/modes.md): relativistic in pairs, with R1 and R2 (after Huang et al. 2024, arXiv:2501.05441).
    """

    title: ClassVar[str] = "Both networks are told the class: ask for what you want drawn"
    paper: ClassVar[str] = "Mirza and Osindero 2014: Conditional Generative Adversarial Nets (arXiv:1411.1784)"
    data: ClassVar[str] = "images with classes, 16x16 to 256x256 (a power of two)"

    condition: Condition = "concatenate"
    """How classes enter: one-hot, concatenated to latent and image. (Others: see `sparring train dcgan --help`.)"""
    batch_size: int = 64
    """Real images in each turn's batch."""
    width: int = 32
    """Channels at half the resolution; each halving of the side doubles them."""
    objective: ObjectiveName = "relativistic"
    """The pair of losses. (Others: see `sparring train dcgan --help`.)"""
    learning_rate: float = 1e-3
    """Adam's rate, for both networks unless the discriminator has its own."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates."""
    r1: float | None = 0.05
    """Gamma: gamma / 2 times the squared gradient at real samples."""
    r2: float = 0.05
    """Gamma: gamma / 2 times the squared gradient at generated samples."""
    penalty_every: int = 4
    """Penalties are computed in every so many steps, and are as much stronger."""
    discriminator_norm: Norm = "none"
    """Between the discriminator's layers: none, or layer norm over each image."""


RECIPE = CGAN
