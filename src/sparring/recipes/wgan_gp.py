"""WGAN-GP: a Wasserstein critic with a gradient penalty."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.losses.objectives import ObjectiveName
from sparring.nets.dcgan import Norm
from sparring.recipes.dcgan import DCGAN


@dataclass(frozen=True, kw_only=True)
class WGANGP(DCGAN):
    """DCGAN's networks. The critic's gradient norms at points between real and generated images are pulled towards 1."""

    title: ClassVar[str] = "Wasserstein distance, estimated by a critic with a gradient penalty"
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
    """Number of real images in each critic batch."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and critic."""
    learning_rate: float = 1e-4
    """Learning rate of both networks, unless discriminator_learning_rate is given."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Adam's decay rates, for the mean and the variance of gradients."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated samples. 0: no penalty."""
    discriminator_steps: int = 5
    """Number of critic updates per generator update."""
    discriminator_norm: Norm = "image"
    """Normalization in the critic: image (layer norm over each image), none, or batch (which makes the penalty meaningless)."""


RECIPE = WGANGP
