"""Quant GANs: paths of returns from temporal convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.data.series.series_spec import SeriesSpec
from sparring.games.series_gan import PathGame, SeriesAdversarialRecipe
from sparring.losses.objectives import ObjectiveName
from sparring.nets import temporal as nets


@dataclass(frozen=True, kw_only=True)
class QuantGAN(SeriesAdversarialRecipe):
    """Temporal convolutional networks as generator and discriminator. Paths have any length, and begin from nothing."""

    title: ClassVar[str] = "Quant GANs: financial series with memory of volatility"
    paper: ClassVar[str] = "Wiese et al. 2020: Quant GANs: Deep Generation of Financial Time Series (arXiv:1907.06673)"
    data: ClassVar[str] = "series (.csv, .parquet and others, or a data frame); prices with --returns"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    usual_window: ClassVar[int] = 127

    batch_size: int = 64
    """Number of real windows in each batch."""
    latent_size: int = 3
    """Number of dimensions of the noise at each step."""
    hidden: int = 32
    """Number of channels of the generator's convolutions. (The paper: 80.)"""
    discriminator_hidden: int = 16
    """Number of channels of the discriminator's. A single series of decades has few windows: with more, it memorizes them."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (The paper: non-saturating. For the others, see `sparring train dcgan --help`.)"""
    learning_rate: float = 5e-4
    """Learning rate of the generator."""
    discriminator_learning_rate: float | None = 1e-3
    """Learning rate of the discriminator. Where the generator is as fast, the two run in circles. None: the generator's."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = 0.1
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real windows. 0: no penalty. None: by the number of steps."""
    r2: float | None = 0.1
    """Weight gamma of R2, the same at generated windows. None: the same as R1's."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization)."""

    def build(self, spec: SeriesSpec) -> PathGame:
        """See Recipe."""
        values = len(spec.values)
        generator = nets.PathGenerator(self.latent_size, values, self.hidden, spec.steps)
        discriminator = nets.WindowDiscriminator(values * self.packing, self.discriminator_hidden, spec.steps)
        return PathGame(spec, generator, discriminator, settings=self)


RECIPE = QuantGAN
