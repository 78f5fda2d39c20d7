"""A conditional GAN of series: what may come after a past, in a regime."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.data.series.series_spec import SeriesSpec
from sparring.games.series_gan import FutureGame, FutureRecipe
from sparring.losses.objectives import ObjectiveName
from sparring.nets import temporal as nets


@dataclass(frozen=True, kw_only=True)
class CGANSeries(FutureRecipe):
    """Temporal convolutional networks that see the past, the calendar, attributes of the series, and the regime of what comes."""

    title: ClassVar[str] = "A conditional GAN of series: futures of a past, by calendar, attributes and regime"
    paper: ClassVar[str] = (
        "Fu et al. 2019: Time Series Simulation by Conditional Generative Adversarial Net (arXiv:1904.11419), after Mirza, Osindero 2014"
    )
    data: ClassVar[str] = "series (.csv, .parquet and others, or a data frame); prices with --returns"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    usual_window: ClassVar[int] = 127
    usual_past: ClassVar[int] = 63
    known: ClassVar[tuple[str, ...]] = ("calendar", "statics", "regime")

    batch_size: int = 64
    """Number of real windows in each batch."""
    latent_size: int = 3
    """Number of dimensions of the noise at each step."""
    hidden: int = 32
    """Number of channels of the generator's convolutions."""
    discriminator_hidden: int = 16
    """Number of channels of the discriminator's. With more, it soon memorizes the windows."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
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

    def build(self, spec: SeriesSpec) -> FutureGame:
        """See Recipe."""
        generator = nets.FutureGenerator(self.latent_size, len(spec.values), spec.known_width, self.hidden, spec.steps)
        discriminator = nets.WindowDiscriminator(spec.shape[0] * self.packing, self.discriminator_hidden, spec.steps)
        return FutureGame(spec, generator, discriminator, settings=self)


RECIPE = CGANSeries
