"""PacGAN: the discriminator judges several samples at once, so that it sees when they are all alike."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class PacGAN(DCGAN):
    """DCGAN's networks with packed samples."""

    title: ClassVar[str] = "Packs of samples are judged together, against mode collapse"
    paper: ClassVar[str] = "Lin et al. 2018: PacGAN: The power of two samples in generative adversarial networks (arXiv:1712.04086)"

    batch_size: int = 64
    """Real images in each turn's batch: the images, not the packs."""
    packing: int = 2
    """So many samples are judged together, as one."""


RECIPE = PacGAN
