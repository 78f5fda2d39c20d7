"""LSGAN: least-squares losses in place of cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class LSGAN(DCGAN):
    """DCGAN's networks with least-squares losses, which pull samples towards the data even if the discriminator already takes them for
    real.
    """

    title: ClassVar[str] = "Least-squares losses with DCGAN's networks"
    paper: ClassVar[str] = "Mao et al. 2017: Least Squares Generative Adversarial Networks (arXiv:1611.04076)"

    batch_size: int = 64
    """Number of real images in each discriminator batch."""
    latent_size: int = 1024
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "least-squares"
    """Losses of generator and discriminator; least-squares has the targets 0 and 1 (equation 9 of the paper)."""
    learning_rate: float = 2e-4
    """Learning rate of both networks, unless discriminator_learning_rate is given. (The paper uses 0.0002 for faces and digits, 0.001
    for scenes.)"""


RECIPE = LSGAN
