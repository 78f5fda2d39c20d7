"""AC-GAN: the discriminator also classifies images."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.adversarial_settings import Condition
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class ACGAN(DCGAN):
    """DCGAN's networks. The discriminator also classifies images, and both networks are rewarded if the class is recognized."""

    title: ClassVar[str] = "Class-conditional, by an auxiliary classifier in the discriminator"
    paper: ClassVar[str] = "Odena, Olah, Shlens 2017: Conditional Image Synthesis with Auxiliary Classifier GANs (arXiv:1610.09585)"
    data: ClassVar[str] = "images with classes, 16x16 to 256x256 (also rectangles, such as 96x64)"

    batch_size: int = 100
    """Number of real images in each discriminator batch."""
    condition: Condition = "auxiliary"
    """How the networks are conditioned on classes: auxiliary, a classifier in the discriminator. (For the other ways, see `sparring
    train dcgan --help`.)"""


RECIPE = ACGAN
