"""TimeVAE: a variational autoencoder of windows, with a trend and a season."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.series_autoencoder import SeriesAutoencoderRecipe
from sparring.nets import timevae as nets


@dataclass(frozen=True, kw_only=True)
class TimeVAE(SeriesAutoencoderRecipe):
    """Convolutional encoder and decoder; a trend and, if the data has one, a season are added to what is decoded. It is no GAN: GANs are
    compared with it.
    """

    title: ClassVar[str] = "TimeVAE: a variational autoencoder of series, with trend and season"
    paper: ClassVar[str] = (
        "Desai et al. 2021: TimeVAE: A Variational Auto-Encoder for Multivariate Time Series Generation (arXiv:2111.08095)"
    )
    data: ClassVar[str] = "series (.csv, .parquet and others, or a data frame); prices with --returns"
    ranges: ClassVar[Ranges] = {
        **SeriesAutoencoderRecipe.ranges,
        "channels": {"at least": 1, "at most": 2**14},
        "trend_degree": {"at least": 0, "at most": 16},
    }
    usual_window: ClassVar[int] = 127

    batch_size: int = 64
    """Number of windows in each batch."""
    channels: tuple[int, ...] = (50, 100, 200)
    """Number of channels after each convolution of the encoder, and in reverse order in the decoder."""
    trend_degree: int = 2
    """Degree of the polynomial that is the trend of a window. 0: a level only."""
    season: bool = True
    """Whether the decoder has a season, if one is known that is shorter than a window (see --period)."""

    def incompatibilities(self, spec: SeriesSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if not self.channels:
            found.append("channels must have a number for each convolution, at least one. Write for example --channels 50 100 200.")
        return found

    def networks(self, spec: SeriesSpec) -> tuple[nets.WindowEncoder, nets.WindowDecoder]:
        """See SeriesAutoencoderRecipe."""
        values, season = len(spec.values), self.season_of(spec)
        return (
            nets.WindowEncoder(values, spec.steps, self.channels, self.latent_size),
            nets.WindowDecoder(self.latent_size, values, spec.steps, self.channels, self.trend_degree, season),
        )

    def season_of(self, spec: SeriesSpec) -> int | None:
        """Number of steps of the decoder's season; None: it has none."""
        return spec.season if self.season and spec.season is not None and spec.season < spec.steps else None


RECIPE = TimeVAE
