"""medGAN: health records from a generator in the code space of an autoencoder."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.record_gan import RecordAdversarialRecipe
from sparring.losses.objectives import ObjectiveName


@dataclass(frozen=True, kw_only=True)
class MedGAN(RecordAdversarialRecipe):
    """An autoencoder, a generator with shortcuts and batch norm whose codes its decoder makes records of, and a discriminator that sees
    each record beside the mean of its batch. Codes come at random by the decoder's chances: rounding these, as the authors do, loses all
    rare codes.
    """

    title: ClassVar[str] = "medGAN: health records, patients by codes"
    paper: ClassVar[str] = (
        "Choi et al. 2017: Generating Multi-label Discrete Patient Records using Generative Adversarial Networks (arXiv:1703.06490)"
    )

    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. The paper's are non-saturating."""
    r1: float | None = 0.1
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real records. 0: no penalty, as in the paper."""
    r2: float | None = 0.1
    """Weight gamma of R2, the same at generated records. 0: no penalty, as in the paper."""
    rounds: int = 64
    """Number of rounds in which the codes of a patient are drawn, each given all codes that came in the rounds before. 1: all at once, as
    in the paper."""
    autoencoder_steps: int = 1200
    """Number of steps before the game begins, in which the autoencoder learns alone. With rounds there is none, and the effects of codes on
    later ones are learned in its place, by likelihood."""
    learning_rate: float = 1e-3
    """Learning rate of generator, decoder and discriminator."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization)."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""


RECIPE = MedGAN
