"""A generator of table rows against a discriminator, asked for rows with any cells that are known."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from sparring.core.random_streams import Streams
from sparring.data.tables.table_spec import TableSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.step_context import StepContext
from sparring.nets.tabular_gan import ColumnShape

CELLS_KNOWN = 0.5
"""Share of the rows that are trained with some cells known."""


def column_shapes(spec: TableSpec) -> tuple[ColumnShape, ...]:
    """The columns as networks of tables want them."""
    return tuple(ColumnShape(each.codes, each.first_piece) for each in spec.encodings)


class TableGame(TwoPlayerGame):
    """Generator against discriminator on rows. In half of the rows some cells are known: both networks are shown which and what they are,
    and the generator copies them, so that it can complete any row.
    """

    sample_chunk: ClassVar[int] = 2048

    def __init__(self, spec: TableSpec, generator: nn.Module, discriminator: nn.Module, settings: "TableAdversarialRecipe") -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.width = spec.shape[0]
        self.widths = [block.stop - block.start for block in spec.blocks]
        self.columns = len(spec.blocks)
        self.completes = settings.completes
        self.told_width = self.columns if settings.completes else 0
        """Number of numbers that follow each row where the discriminator sees it."""

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame. The noise of the cells follows the latent."""
        return torch.cat([super().latents(streams, n), streams.uniform("cells", n, self.width)], dim=1)

    def known_cells(self, context: StepContext) -> Bool[Tensor, "n c"]:
        """Which cells are known, in training: in half of the rows none, in the others any share of them."""
        n = context.batch_size
        share = (context.streams.uniform("known/share", n, 1) + 1) / 2
        some = context.streams.uniform("known/some", n, 1) < 2 * CELLS_KNOWN - 1
        return (((context.streams.uniform("known/cells", n, self.columns) + 1) / 2) < share) & some

    def condition_of(self, rows: Float[Tensor, "n width"], known: Bool[Tensor, "n c"]) -> Float[Tensor, "n _"]:
        """What the generator is told of rows: the cells that are known (zeros for the others), and which they are."""
        return torch.cat([rows * self.by_number(known), known.to(rows.dtype)], dim=1)

    def by_number(self, known: Bool[Tensor, "n c"]) -> Bool[Tensor, "n width"]:
        """For each number of a row, whether its column is known."""
        return known.repeat_interleave(torch.tensor(self.widths, device=known.device), dim=1, output_size=self.width)

    def with_known(self, drawn: Float[Tensor, "n width"], condition: Float[Tensor, "n _"]) -> Float[Tensor, "n width"]:
        """Rows in which the cells that are known are as they were told."""
        known = self.by_number(condition[:, self.width :].bool())
        return torch.where(known, condition[:, : self.width], drawn)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See LatentGame. `condition`: as `condition_of` makes it."""
        if not self.completes:
            return self.generator(latents, None)
        if condition is None:
            condition = latents.new_zeros(len(latents), self.width + self.columns)
        return self.with_known(self.generator(latents, condition), condition)

    def generate_fakes(self, context: StepContext, labels: Int64[Tensor, " n"] | None) -> Float[Tensor, "n width"]:
        """See TwoPlayerGame. Cells that are known are those of the real rows."""
        condition = self.condition_of(context.batch.samples, self.known_cells(context)) if self.completes else None
        return self.generate(self.latents(context.streams, context.batch_size), condition)

    def discriminator_input(self, samples: Float[Tensor, "n width"], name: str, context: StepContext) -> Float[Tensor, "packs packed"]:
        """See TwoPlayerGame. Rows are followed by which of their cells are known."""
        if self.completes:
            samples = torch.cat([samples, self.known_cells(context).to(samples.dtype)], dim=1)
        return super().discriminator_input(samples, name, context)

    def discriminate(
        self,
        shown: Float[Tensor, "packs packed"],
        labels: Int64[Tensor, " n"] | None,
        weights: Any = None,  # noqa: ANN401
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """See TwoPlayerGame. Rows that come without what they were told are taken for rows that were told nothing."""
        if shown.shape[1] == self.settings.packing * self.width:
            rows = shown.reshape(-1, self.width)
            shown = torch.cat([rows, rows.new_zeros(len(rows), self.told_width)], dim=1).reshape(len(shown), -1)
        return super().discriminate(shown, labels, weights)


@dataclass(frozen=True, kw_only=True)
class TableAdversarialRecipe(AdversarialSettings):
    """A game of a generator of rows against a discriminator. A recipe adds the networks."""

    modality: ClassVar[str] = "tables"
    completes: ClassVar[bool] = False
    """Whether rows can be asked for by cells."""
    numbers_as: ClassVar[str] = "quantiles"
    """How numbers become positions: "quantiles" or "modes" (see `data.tables.encoding`)."""
    rows_by: ClassVar[str] = "order"
    """How rows are chosen for a batch: in the data's shuffled order, or by the "log frequency" of a category."""

    def networks(self, spec: TableSpec) -> tuple[nn.Module, nn.Module]:
        """A generator and a discriminator for such rows."""
        raise NotImplementedError

    def build(self, spec: TableSpec) -> TableGame:
        """See Recipe."""
        return TableGame(spec, *self.networks(spec), settings=self)
