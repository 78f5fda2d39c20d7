"""medGAN: health records from a generator in the code space of an autoencoder."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.record_gan import RecordAdversarialRecipe


@dataclass(frozen=True, kw_only=True)
class MedGAN(RecordAdversarialRecipe):
    """An autoencoder, a generator with shortcuts and batch norm whose codes its decoder makes records of, and a discriminator that sees
    each record beside the mean of its batch. Codes are drawn by the decoder's chances: rounding these, as the authors do, loses all rare
    codes.
    """

    title: ClassVar[str] = "medGAN: health records, patients by codes"
    paper: ClassVar[str] = (
        "Choi et al. 2017: Generating Multi-label Discrete Patient Records using Generative Adversarial Networks (arXiv:1703.06490)"
    )

    batch_size: int = 1000
    """Number of real patients in each batch."""
    learning_rate: float = 1e-3
    """Learning rate of generator and decoder."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    discriminator_steps: int = 2
    """Number of discriminator updates per generator update."""


RECIPE = MedGAN
