"""Quant GANs: paths of returns from temporal convolutions."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.data.series.series_spec import SeriesSpec
from sparring.games.series_gan import PathGame, TemporalRecipe
from sparring.nets import temporal as nets


@dataclass(frozen=True, kw_only=True)
class QuantGAN(TemporalRecipe):
    """Temporal convolutional networks as generator and discriminator. Paths have any length, and begin from nothing."""

    title: ClassVar[str] = "Quant GANs: financial series with memory of volatility"
    paper: ClassVar[str] = "Wiese et al. 2020: Quant GANs: Deep Generation of Financial Time Series (arXiv:1907.06673)"
    data: ClassVar[str] = "series (.csv, .parquet and others, or a data frame); prices with --returns"
    usual_window: ClassVar[int] = 127

    def build(self, spec: SeriesSpec) -> PathGame:
        """See Recipe."""
        values = len(spec.values)
        generator = nets.PathGenerator(self.latent_size, values, self.hidden, spec.steps)
        discriminator = nets.WindowDiscriminator(values * self.packing, self.discriminator_hidden, spec.steps)
        return PathGame(spec, generator, discriminator, settings=self)


RECIPE = QuantGAN
