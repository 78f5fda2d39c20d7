"""PacGAN: the discriminator scores several samples together, so that it notices if they are all alike."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class PacGAN(DCGAN):
    """DCGAN's networks, with a discriminator that scores several samples together."""

    title: ClassVar[str] = "The discriminator scores samples in packs, against mode collapse"
    paper: ClassVar[str] = "Lin et al. 2018: PacGAN: The power of two samples in generative adversarial networks (arXiv:1712.04086)"

    batch_size: int = 64
    """Number of real images in each discriminator batch (images, not packs)."""
    packing: int = 2
    """Number of samples that the discriminator scores together as one."""


RECIPE = PacGAN
