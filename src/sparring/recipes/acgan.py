"""AC-GAN: the discriminator also names the class."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.adversarial_settings import Condition
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class ACGAN(DCGAN):
    """DCGAN's networks; both players gain when the class of a image can be told."""

    title: ClassVar[str] = "Classes by an auxiliary classifier in the discriminator"
    paper: ClassVar[str] = "Odena, Olah, Shlens 2017: Conditional Image Synthesis with Auxiliary Classifier GANs (arXiv:1610.09585)"
    data: ClassVar[str] = "images with classes, 16x16 to 256x256 (a power of two)"

    batch_size: int = 100
    """Real images in each turn's batch."""
    condition: Condition = "auxiliary"
    """How classes enter: see `sparring train dcgan --help`."""


RECIPE = ACGAN
