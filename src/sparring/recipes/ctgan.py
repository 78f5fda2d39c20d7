"""CTGAN: training by sampling, mode-specific normalization, packs of ten rows and a gradient penalty."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.tables.table_spec import Block, TableBatch, TableSpec
from sparring.games.exported_parts import Draws, ExportChoices, Input, Part, PartName, latent_input
from sparring.games.step_context import StepContext
from sparring.games.table_gan import TableAdversarialRecipe, TableGame, column_shapes
from sparring.losses.objectives import Losses, ObjectiveName
from sparring.nets import tabular_gan as nets


class CTGANGame(TableGame):
    """Both networks are told one category of each row: of a column that is chosen evenly, and there by the logarithm of its frequency in
    training, by its frequency in samples.
    """

    settings: "CTGAN"  # pyright: ignore[reportIncompatibleVariableOverride] (narrower)
    generator: nets.ConcatenatingGenerator

    def __init__(self, spec: TableSpec, generator: nn.Module, discriminator: nn.Module, settings: "CTGAN") -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.told_blocks = tuple(told_columns(spec))
        self.told_width = sum(block.codes for block in self.told_blocks)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See TableGame. Two more numbers choose the category that a sample is told."""
        return torch.cat([super().latents(streams, n), streams.uniform("told", n, 2)], dim=1)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n told"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See LatentGame. Categories are told as often as they are in the data."""
        if condition is None and self.told_blocks:
            condition = self.frequent_condition(latents[:, -2:])
        rows = self.generator(latents[:, :-2], condition)
        return rows if self.training else hardened(rows, self.table_spec.blocks)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: rows from latents and the category that they are told."""
        size, width = self.settings.latent_size, self.width

        def generate(latents: Tensor, told: Tensor | None = None) -> Tensor:
            return hardened(self.generator(latents, told), self.table_spec.blocks)

        def example(n: int, _: int) -> Tensor:
            return self.frequent_condition(Streams(n, 0, scope="export").uniform("told", n, 2))

        latent = latent_input(lambda streams, n: self.latents(streams, n)[:, : size + width], super().latent_draws)
        names = ", ".join(block.name for block in self.told_blocks)
        told = Input("told", f"1 for one category of one of the columns {names}, 0 for all others, in their order", example)
        return {"all": Part(generate, (latent, told) if self.told_blocks else (latent,))}

    @property
    def latent_draws(self) -> Draws:
        """See TableGame."""
        return (*super().latent_draws, ("uniform", 2))

    def frequent_condition(self, choice: Float[Tensor, "n 2"]) -> Float[Tensor, "n told"]:
        """A category for each row: the column by the first number, the category in it by the second; both uniform in [-1, 1)."""
        shares = (choice + 1) / 2
        column = (shares[:, 0] * len(self.told_blocks)).long().clamp(max=len(self.told_blocks) - 1)
        condition = torch.zeros(len(choice), self.told_width, device=choice.device)
        start = 0
        for number, block in enumerate(self.told_blocks):
            rows = (column == number).nonzero()[:, 0]
            encoding = next(each for each in self.table_spec.encodings if each.name == block.name)
            upto = torch.tensor(encoding.shares, device=choice.device).cumsum(0)
            code = torch.searchsorted(upto, shares[rows, 1].contiguous() * upto[-1], right=True).clamp(max=block.codes - 1)
            condition[rows, start + code] = 1
            start += block.codes
        return condition

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n width"]:
        """See TwoPlayerGame. Rows are told what the real rows were chosen by."""
        return self.generator(self.latents(context.streams, context.batch_size)[:, :-2], condition_of(context))

    def told(self, context: StepContext) -> Float[Tensor, "n told"] | None:
        """See TableGame."""
        return condition_of(context)

    def play_generator(self, context: StepContext) -> Losses:
        """Make rows that the critic takes for real, and that have the category that was told (section 4.3)."""
        condition = condition_of(context)
        latents = self.latents(context.streams, context.batch_size)[:, :-2]
        size = self.settings.latent_size
        outputs = self.generator.outputs(latents[:, :size], condition).float()
        generated = self.generator.cells(outputs, latents[:, size:])
        logits, _ = self.discriminate(self.discriminator_input(generated, "generated", context), None)
        losses = dict(self.objective.generator(logits.detach(), logits))
        if condition is not None:
            losses["condition"] = self.condition_loss(outputs, condition)
        return losses

    def condition_loss(self, outputs: Float[Tensor, "n width"], condition: Float[Tensor, "n told"]) -> Float[Tensor, " n"]:
        """Cross-entropy of the code that was told, in the column that was chosen."""
        total, start = outputs.new_zeros(len(outputs)), 0
        for block in self.told_blocks:
            own = condition[:, start : start + block.codes]
            total = total + own.sum(dim=1) * cross_entropy(outputs[:, block.indicators], own.argmax(dim=1), reduction="none")
            start += block.codes
        return total


def told_columns(spec: TableSpec) -> list[Block]:
    """Columns of categories: one of them is told."""
    return [block for block, encoding in zip(spec.blocks, spec.encodings, strict=True) if encoding.categories]


def condition_of(context: StepContext) -> Float[Tensor, "n told"] | None:
    """What the rows of a batch were chosen by."""
    return cast(TableBatch, context.batch).condition


def hardened(rows: Float[Tensor, "n width"], blocks: tuple[Block, ...]) -> Float[Tensor, "n width"]:
    """Rows whose softmaxes are replaced by an indicator of the largest."""
    parts = []
    for block in blocks:
        own = rows[:, block.indicators]
        parts.append(torch.zeros_like(own).scatter_(1, own.argmax(dim=1, keepdim=True), 1.0))
        if block.has_position:
            parts.append(rows[:, block.stop - 1 : block.stop])
    return torch.cat(parts, dim=1)


@dataclass(frozen=True, kw_only=True)
class CTGAN(TableAdversarialRecipe):
    """Numbers are a mode of a Gaussian mixture and a position in it. Rows are chosen so that rare categories are seen often; samples have
    them as often as the data. (The authors' code draws rare categories far too often.)
    """

    title: ClassVar[str] = "CTGAN: training by sampling, and numbers by modes"
    paper: ClassVar[str] = "Xu et al. 2019: Modeling Tabular data using Conditional GAN (arXiv:1907.00503)"
    data: ClassVar[str] = "tables (.csv, .parquet and others, or a data frame)"
    numbers_as: ClassVar[str] = "modes"
    rows_by: ClassVar[str] = "log frequency"
    ranges: ClassVar[Ranges] = {
        **TableAdversarialRecipe.ranges,
        "generator_hidden": {"at least": 1, "at most": 2**14},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "temperature": {"more than": 0},
        "dropout": {"at least": 0, "less than": 1},
    }

    batch_size: int = 500
    """Number of real rows in each batch."""
    latent_size: int = 128
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and critic."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated packs."""
    packing: int = 10
    """Number of rows that the critic scores together."""
    learning_rate: float = 2e-4
    """Learning rate of both networks."""
    betas: tuple[float, float] = (0.5, 0.9)
    """Adam's decay rates, for the mean and the variance of gradients."""
    ema_samples: float = 0
    """Half-life of the moving average of the weights, in rows. 0: no EMA, as in the paper."""
    generator_hidden: tuple[int, ...] = (256, 256)
    """Number of units in each hidden layer of the generator."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    """Number of units in each hidden layer of the critic."""
    temperature: float = 0.2
    """Temperature of the Gumbel softmax."""
    dropout: float = 0.5
    """Dropout rate of the critic's hidden units."""

    def build(self, spec: TableSpec) -> CTGANGame:
        """See Recipe."""
        columns, told = column_shapes(spec), sum(block.codes for block in told_columns(spec))
        generator = nets.ConcatenatingGenerator(
            columns, self.latent_size, self.generator_hidden, temperature=self.temperature, condition=told
        )
        discriminator = nets.Discriminator(columns, self.discriminator_hidden, packing=self.packing, condition=told, dropout=self.dropout)
        return CTGANGame(spec, generator, discriminator, self)


RECIPE = CTGAN
