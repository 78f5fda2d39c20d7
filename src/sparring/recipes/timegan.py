"""TimeGAN: a GAN in a learned space of states, with a supervisor that says which state follows."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.timegan import TimeGANRecipe


@dataclass(frozen=True, kw_only=True)
class TimeGAN(TimeGANRecipe):
    """Embedder, recovery, generator, supervisor and discriminator are GRUs, which learn in three phases: autoencoding, supervised, joint.
    (The authors' 50,000 steps for each phase take hours; the defaults here are for minutes on a processor.)
    """

    title: ClassVar[str] = "TimeGAN: series from a learned space of states, adversarial and supervised"
    paper: ClassVar[str] = "Yoon, Jarrett, van der Schaar 2019: Time-series Generative Adversarial Networks (NeurIPS)"
    data: ClassVar[str] = "series (.csv, .parquet and others, or a data frame); prices with --returns"
    usual_window: ClassVar[int] = 24

    batch_size: int = 128
    """Number of real windows in each batch."""


RECIPE = TimeGAN
