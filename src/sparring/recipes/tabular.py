"""A GAN for tables: relativistic pairs with gradient penalties, and rows with any cells that are known."""

from dataclasses import dataclass, replace
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.tables.table_spec import TableSpec
from sparring.games.private_recipe import PrivateRecipe
from sparring.games.private_table_gan import PrivateTableGame
from sparring.games.table_gan import CompletingTableGame, TableAdversarialRecipe, column_shapes
from sparring.losses.objectives import ObjectiveName
from sparring.nets import tabular_gan as nets

NOT_PRIVATE = ("objective", "packing", "augment", "drift", "gradient_penalty", "dragan", "input_noise", "label_smoothing", "unroll")
"""Settings that private training does not know: its discriminator sees row by row, in the non-saturating game."""


@dataclass(frozen=True, kw_only=True)
class Tabular(TableAdversarialRecipe, PrivateRecipe):
    """Numbers are ranks among the column's quantiles, so that the shape and range of every column hold by construction; values that repeat
    often are codes. The discriminator compares each generated row with a real one (Huang et al. 2024, R3GAN), and its gradients are
    penalized on both. Learning rates fall with the square root of the number of real samples.
    """

    title: ClassVar[str] = "A GAN for tables, with conditions on any cells"
    paper: ClassVar[str] = "Huang et al. 2024: The GAN is dead; long live the GAN! A Modern Baseline GAN (arXiv:2501.05441), on tables"
    data: ClassVar[str] = "tables (.csv, .parquet and others, or a data frame)"
    ranges: ClassVar[Ranges] = {
        **TableAdversarialRecipe.ranges,
        **PrivateRecipe.private_ranges,
        "generator_hidden": {"at least": 1, "at most": 2**14},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "layers": {"at least": 1, "at most": 64},
        "temperature": {"more than": 0},
    }

    batch_size: int = 500
    """Number of real rows in each batch."""
    latent_size: int = 128
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator."""
    learning_rate: float = 2e-3
    """Learning rate of both networks, until it begins to fall."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = 1.0
    """Weight gamma of R1."""
    r2: float = 1.0
    """Weight gamma of R2."""
    penalty_every: int = 2
    """Compute gradient penalties only every this many steps."""
    ema_samples: float = 100_000
    """Half-life of the moving average of the weights, in real samples."""
    generator_hidden: int = 256
    """Number of units in each hidden layer of the generator."""
    layers: int = 3
    """Number of hidden layers of the generator."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    """Number of units in each hidden layer of the discriminator."""
    temperature: float = 1.0
    """Temperature of the softmax through which gradients of codes flow."""
    private_passes: int = 20
    """Number of passes through the table after which private training (epsilon) ends. The noise is computed for them, so that they cannot
    become more later."""
    constant_rate_samples: int | None = 200_000
    """Number of real samples from which learning rates fall with the square root of their number. None: they stay constant."""

    def incompatibilities(self, spec: TableSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if spec.privacy is not None:
            changed = [name for name in NOT_PRIVATE if getattr(self, name) != getattr(Tabular, name)]
            found += [f"{name} has no private training. Leave it out, or epsilon." for name in changed]
        return found

    def build(self, spec: TableSpec) -> CompletingTableGame:
        """See Recipe."""
        columns = column_shapes(spec)
        condition = spec.shape[0] + len(columns)
        generator = nets.ResidualGenerator(
            columns, self.latent_size, self.generator_hidden, self.layers, temperature=self.temperature, condition=condition
        )
        generator.head.begin_at([encoding.shares for encoding in spec.encodings])
        discriminator = nets.Discriminator(columns, self.discriminator_hidden, packing=self.packing, condition=len(columns))
        if spec.privacy is not None:
            return PrivateTableGame(spec, generator, discriminator, replace(self, objective="non-saturating"))
        return CompletingTableGame(spec, generator, discriminator, self)


RECIPE = Tabular
