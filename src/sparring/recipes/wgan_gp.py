"""WGAN-GP: a Wasserstein critic held by a penalty on its gradient."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.nets.dcgan import Norm
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class WGANGP(DCGAN):
    """DCGAN's networks; the critic's gradients between real and generated images are drawn to length 1."""

    title: ClassVar[str] = "Wasserstein distance by a critic with a gradient penalty"
    paper: ClassVar[str] = "Gulrajani et al. 2017: Improved Training of Wasserstein GANs (arXiv:1704.00028), algorithm 1"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "points": {
            "batch_size": 256,
            "latent": "normal",
            "latent_size": 2,
            "betas": (0.5, 0.9),
            "gradient_penalty": 0.1,
        }
    }

    batch_size: int = 64
    """Real images in each turn's batch."""
    objective: ObjectiveName = "wasserstein"
    """The pair of losses."""
    learning_rate: float = 1e-4
    """The optimizer's rate, for both networks."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Adam's decay rates."""
    gradient_penalty: float = 10.0
    """Weight of (gradient norm - 1)^2 between real and generated samples."""
    discriminator_steps: int = 5
    """Critic steps for each generator step."""
    discriminator_norm: Norm = "image"
    """Between the critic's layers: layer norm over each image, or none. (Batch norm makes the penalty meaningless.)"""


RECIPE = WGANGP
