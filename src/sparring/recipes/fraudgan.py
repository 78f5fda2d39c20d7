"""Tells frauds among transactions: a denoising autoencoder, a generator and a discriminator with labels."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.tables.table_spec import TableSpec
from sparring.games.fraud import FraudRecipe, seen_shapes
from sparring.nets import fraud as nets
from sparring.nets.tabular_gan import ResidualGenerator


@dataclass(frozen=True, kw_only=True)
class FraudGAN(FraudRecipe):
    """A few rows are known frauds, and most are not. The discriminator tells frauds, ordinary rows and generated ones apart. An autoencoder
    learns what ordinary rows are like from rows with wrong cells, and so knows the cells that are odd. Probabilities are calibrated on
    recent rows. (Of the paper only the abstract is public: the parts are its, how they are put together is ours.)
    """

    title: ClassVar[str] = "Tells frauds from ordinary rows, with reasons"
    paper: ClassVar[str] = (
        "after Zheng et al. 2018: Generative adversarial network based telecom fraud detection at the receiving bank "
        "(doi:10.1016/j.neunet.2018.02.015; the abstract), and Salimans et al. 2016 (arXiv:1606.03498), section 5"
    )
    data: ClassVar[str] = "tables with a column that says which rows are frauds (.csv, .parquet and others, or a data frame)"
    ranges: ClassVar[Ranges] = {
        **FraudRecipe.ranges,
        "hidden": {"at least": 1, "at most": 2**14},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "code_size": {"at least": 1, "at most": 2**12},
        "dropout": {"at least": 0, "less than": 1},
        "most_samples": {"at least": 1},
    }

    batch_size: int = 512
    """Number of real rows in each batch."""
    ema_samples: float = 100_000
    """Half-life of the moving average of the weights, in real samples."""
    hidden: int = 128
    """Number of units in each hidden layer of the autoencoder and of the generator."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    """Number of units in each hidden layer of the discriminator."""
    code_size: int = 16
    """Number of dimensions of the autoencoder's code."""
    dropout: float = 0.5
    """Chance of each unit of the discriminator to be left out in a step."""
    most_samples: int = 1_500_000
    """Number of real samples over which learning rates fall to zero along a cosine, and after which training ends."""

    def enough_samples(self, spec: Any, count: int) -> int | None:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        return self.most_samples

    def rate_factor(self, real_samples: int) -> float:
        """See Recipe."""
        return super().rate_factor(real_samples) * (1 + math.cos(math.pi * min(1.0, real_samples / self.most_samples))) / 2

    def networks(self, spec: TableSpec) -> tuple[nets.DenoisingAutoencoder, ResidualGenerator, nets.FraudDiscriminator]:
        """See FraudRecipe."""
        columns = seen_shapes(self, spec)
        autoencoder = nets.DenoisingAutoencoder(columns, self.hidden, self.code_size)
        generator = ResidualGenerator(columns, self.latent_size, self.hidden, 2, temperature=1.0, condition=1)
        more = self.code_size + len(columns) if self.sees_surprise else 0
        shares = [spec.encodings[number].shares for number in self.seen_columns(spec)]
        generator.head.begin_at(shares)
        autoencoder.head.begin_at(shares)
        return autoencoder, generator, nets.FraudDiscriminator(columns, self.discriminator_hidden, self.dropout, more)


RECIPE = FraudGAN
"""The recipe of this file."""
