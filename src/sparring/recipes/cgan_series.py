"""A conditional GAN of series: what may come after a past, in a regime."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.data.series.series_spec import SeriesSpec
from sparring.games.series_gan import FutureGame, FutureRecipe
from sparring.nets import temporal as nets


@dataclass(frozen=True, kw_only=True)
class CGANSeries(FutureRecipe):
    """Temporal convolutional networks that see the past, the calendar, attributes of the series, and the regime of what comes."""

    title: ClassVar[str] = "A conditional GAN of series: futures of a past, by calendar, attributes and regime"
    paper: ClassVar[str] = (
        "Fu et al. 2019: Time Series Simulation by Conditional Generative Adversarial Net (arXiv:1904.11419), after Mirza, Osindero 2014"
    )
    data: ClassVar[str] = "series (.csv, .parquet and others, or a data frame); prices with --returns"
    usual_window: ClassVar[int] = 127
    usual_past: ClassVar[int] = 63
    known: ClassVar[tuple[str, ...]] = ("calendar", "statics", "regime")

    def build(self, spec: SeriesSpec) -> FutureGame:
        """See Recipe."""
        generator = nets.FutureGenerator(self.latent_size, len(spec.values), spec.known_width, self.hidden, spec.steps)
        discriminator = nets.WindowDiscriminator(spec.shape[0] * self.packing, self.discriminator_hidden, spec.steps)
        return FutureGame(spec, generator, discriminator, settings=self)


RECIPE = CGANSeries
