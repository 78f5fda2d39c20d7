"""LSGAN: least squares in place of the sigmoid's cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class LSGAN(DCGAN):
    """DCGAN's networks with least-squares losses, which pull samples towards the data even where they already pass for real."""

    title: ClassVar[str] = "Least-squares losses on DCGAN's networks"
    paper: ClassVar[str] = "Mao et al. 2017: Least Squares Generative Adversarial Networks (arXiv:1611.04076)"

    batch_size: int = 64
    """Real images in each turn's batch."""
    latent_size: int = 1024
    """Numbers in a latent vector."""
    objective: ObjectiveName = "least-squares"
    """The pair of losses: here with the targets 0 and 1 of equation 9."""
    learning_rate: float = 2e-4
    """The optimizer's rate, for both networks. (0.0002 for the paper's faces and digits, 0.001 for its scenes.)"""


RECIPE = LSGAN
