"""TVAE: a variational autoencoder of table rows with mode-specific normalization."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.tables.table_spec import TableSpec
from sparring.games.table_autoencoder import TableAutoencoderRecipe
from sparring.games.table_gan import column_shapes
from sparring.nets import tabular_vae as nets


@dataclass(frozen=True, kw_only=True)
class TVAE(TableAutoencoderRecipe):
    """Encoder and decoder with two hidden layers. Numbers are a mode and a position in it; codes and positions are sampled from the
    distributions that the decoder gives, as the paper says. (The authors' code takes the most likely code, and loses rare ones.)
    """

    title: ClassVar[str] = "TVAE: a variational autoencoder for tables"
    paper: ClassVar[str] = "Xu et al. 2019: Modeling Tabular data using Conditional GAN (arXiv:1907.00503)"
    data: ClassVar[str] = "tables (.csv, .parquet and others, or a data frame)"
    numbers_as: ClassVar[str] = "modes"
    ranges: ClassVar[Ranges] = {**TableAutoencoderRecipe.ranges, "hidden": {"at least": 1, "at most": 2**14}}

    batch_size: int = 500
    """Number of rows in each batch."""
    ema_samples: float = 0
    """Half-life, in rows, of the moving average of the weights. 0: no EMA, as in the paper."""
    hidden: tuple[int, ...] = (128, 128)
    """Number of units in each hidden layer of encoder and decoder."""

    def networks(self, spec: TableSpec) -> tuple[nets.Encoder, nets.Decoder]:
        """See TableAutoencoderRecipe."""
        columns = column_shapes(spec)
        return nets.Encoder(columns, self.hidden, self.latent_size), nets.Decoder(columns, self.latent_size, self.hidden)


RECIPE = TVAE
