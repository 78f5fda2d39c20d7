"""medGAN: health records from a generator whose decoder draws the codes of a patient in rounds, or all at once after an autoencoder."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.record_gan import RecordAdversarialRecipe
from sparring.losses.objectives import ObjectiveName


@dataclass(frozen=True, kw_only=True)
class MedGAN(RecordAdversarialRecipe):
    """A generator with shortcuts and batch norm whose codes a decoder makes records of, and a discriminator that sees each record beside
    the mean of its batch. Codes come at random by their chances, in rounds, each given those that came before: rounding chances, as the
    authors do, loses all rare codes, and codes that are independent of each other break rules.
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
    """Number of rounds in which the codes of a patient come, each given all codes of the rounds before. 1: all at once, as in the paper."""
    autoencoder_steps: int = 2000
    """Number of steps before the game begins: of the autoencoder or, with rounds, of the effects of codes on later ones, by likelihood."""
    learning_rate: float = 1e-3
    """Learning rate of generator, decoder and discriminator."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization)."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""


RECIPE = MedGAN
