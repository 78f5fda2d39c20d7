"""Conditional GAN: both networks receive the class."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.adversarial_settings import Condition
from sparring.losses.objectives import ObjectiveName
from sparring.nets.dcgan import Norm
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class CGAN(DCGAN):
    """Both networks receive the class, as in the paper, but networks and losses are newer.

    The paper's networks are fully connected, which leaves grainy images: `sparring train gan --condition concatenate` has them. Here
    they are DCGAN's, without batch norm in the discriminator, and the losses are those that cover most modes in our benchmarks
    (docs/benchmarks/modes.md): relativistic in pairs, with R1 and R2 (after Huang et al. 2024, arXiv:2501.05441).
    """

    title: ClassVar[str] = "Class-conditional: choose the class of each image"
    paper: ClassVar[str] = "Mirza and Osindero 2014: Conditional Generative Adversarial Nets (arXiv:1411.1784)"
    data: ClassVar[str] = "images with classes, 16x16 to 256x256 (also rectangles, such as 96x64)"

    condition: Condition = "concatenate"
    """How the networks are conditioned on classes: concatenate, one-hot, joined to latent and image. (For the other ways, see `sparring
    train dcgan --help`.)"""
    batch_size: int = 64
    """Number of real images in each discriminator batch."""
    width: int = 32
    """Number of channels at half the resolution; it doubles with each halving of the side."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    learning_rate: float = 1e-3
    """Learning rate of both networks, unless discriminator_learning_rate is given."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = 0.05
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real samples. 0: no penalty."""
    r2: float | None = 0.05
    """Weight gamma of R2, which is gamma / 2 times the squared gradient at generated samples. 0: no penalty. None: the same as R1's."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization)."""
    discriminator_norm: Norm = "none"
    """Normalization in the discriminator: none, image (layer norm over each image) or batch."""


RECIPE = CGAN
