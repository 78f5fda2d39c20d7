"""medWGAN: medGAN with a Wasserstein critic and a gradient penalty."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.record_gan import RecordAdversarialRecipe
from sparring.losses.objectives import ObjectiveName


@dataclass(frozen=True, kw_only=True)
class MedWGAN(RecordAdversarialRecipe):
    """medGAN's networks with the losses of WGAN-GP (the first of the paper's two; the other, medBGAN, seeks the boundary)."""

    title: ClassVar[str] = "medWGAN: health records with a Wasserstein critic"
    paper: ClassVar[str] = (
        "Baowaly et al. 2019: Synthesizing electronic health records using improved generative adversarial networks (JAMIA 26(3))"
    )

    objective: ObjectiveName = "wasserstein"
    """Losses of generator and discriminator."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated records."""
    learning_rate: float = 1e-3
    """Learning rate of generator, decoder and critic."""
    betas: tuple[float, float] = (0.5, 0.9)
    """Adam's decay rates, for the mean and the variance of gradients."""
    discriminator_steps: int = 2
    """Number of critic updates per generator update."""


RECIPE = MedWGAN
