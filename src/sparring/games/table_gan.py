"""A generator of table rows against a discriminator; and one that completes rows from any cells that are known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.data.tables.conditions import Restriction
from sparring.data.tables.table_spec import TableSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import Draws
from sparring.games.step_context import StepContext
from sparring.nets.tabular_gan import ColumnShape

CELLS_KNOWN = 0.5
"""Share of the rows that are trained with some cells known."""


def column_shapes(spec: TableSpec) -> tuple[ColumnShape, ...]:
    """The columns as networks of tables want them."""
    return tuple(ColumnShape(each.codes, each.first_piece) for each in spec.encodings)


def chunk_for(width: int) -> int:
    """Number of rows that are generated together: 2,048, or fewer of wide tables, so that these need no more memory."""
    return max(64, min(2048, 1 << int(math.log2(max(64, 2**21 // width)))))


class TableGame(TwoPlayerGame):
    """Generator against discriminator on rows. Latents are followed by the noise of the cells. Both networks may be told something of each
    row; `told_width` numbers then follow each row where the discriminator sees it.
    """

    def __init__(self, spec: TableSpec, generator: nn.Module, discriminator: nn.Module, settings: "TableAdversarialRecipe") -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.width, self.told_width = spec.shape[0], 0
        self.sample_chunk = chunk_for(self.width)

    @property
    def table_spec(self) -> TableSpec:
        """What a row is."""
        return cast(TableSpec, self.spec)

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (*super().latent_draws, ("uniform", self.width))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        return torch.cat([super().latents(streams, n), streams.uniform("cells", n, self.width)], dim=1)

    def told(self, context: StepContext) -> Float[Tensor, "n told"] | None:
        """What the discriminator is told of each row in training; None: nothing."""
        return None

    def discriminator_input(self, samples: Float[Tensor, "n width"], name: str, context: StepContext) -> Float[Tensor, "packs packed"]:
        """See TwoPlayerGame. Rows are followed by what is told of them."""
        told = self.told(context)
        return super().discriminator_input(samples if told is None else torch.cat([samples, told], dim=1), name, context)

    def discriminate(
        self,
        shown: Float[Tensor, "packs packed"],
        labels: Labels | None,
        weights: Any = None,  # noqa: ANN401 (see TwoPlayerGame)
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """See TwoPlayerGame. Rows that come without what is told of them are taken for rows of which nothing is told."""
        if shown.shape[1] == self.settings.packing * self.width:
            rows = shown.reshape(-1, self.width)
            shown = torch.cat([rows, rows.new_zeros(len(rows), self.told_width)], dim=1).reshape(len(shown), -1)
        return super().discriminate(shown, labels, weights)


class CompletingTableGame(TableGame):
    """In half of the rows some cells are known: both networks are told which, and the generator copies them, so that it can complete any
    row.
    """

    def __init__(self, spec: TableSpec, generator: nn.Module, discriminator: nn.Module, settings: "TableAdversarialRecipe") -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.told_width = self.columns = len(spec.blocks)
        widths = [block.stop - block.start for block in spec.blocks]
        self.places = torch.from_numpy(np.repeat(np.eye(self.columns, dtype=np.float32), widths, axis=1))
        """(columns, width): 1 where a number of a row belongs to a column, else 0. It follows from the spec, so it is no buffer."""
        self.latest_known: tuple[Streams, Bool[Tensor, "n c"]] | None = None

    def known_cells(self, context: StepContext) -> Bool[Tensor, "n c"]:
        """Which cells are known, in training: in half of the rows none, in the others any share of them. A function of the streams, which
        a turn asks for several times.
        """
        if self.latest_known is None or self.latest_known[0] != context.streams:
            n = context.batch_size
            share = (context.streams.uniform("known/share", n, 1) + 1) / 2
            some = context.streams.uniform("known/some", n, 1) < 2 * CELLS_KNOWN - 1
            known = (((context.streams.uniform("known/cells", n, self.columns) + 1) / 2) < share) & some
            self.latest_known = (context.streams, known)
        return self.latest_known[1]

    def told(self, context: StepContext) -> Float[Tensor, "n c"]:
        """See TableGame: which cells are known."""
        return self.known_cells(context).float()

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n width"]:
        """See TwoPlayerGame. Cells that are known are those of the real rows."""
        condition = self.condition_of(context.batch.samples, self.known_cells(context))
        return self.generate(self.latents(context.streams, context.batch_size), condition)

    def condition_of(self, rows: Float[Tensor, "n width"], known: Bool[Tensor, "n c"]) -> Float[Tensor, "n _"]:
        """What the generator is told of rows: the cells that are known (zeros for the others), and which they are."""
        return torch.cat([rows * self.by_number(known), known.to(rows.dtype)], dim=1)

    def by_number(self, known: Shaped[Tensor, "n c"]) -> Float[Tensor, "n width"]:
        """For each number of a row, 1 if its column is known, else 0."""
        with torch.autocast(known.device.type, enabled=False):
            return known.float() @ self.places.to(known.device)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See LatentGame. `condition`: as `condition_of` makes it; None: no cell is known."""
        if condition is None:
            return self.generator(latents, None)
        unknown = 1 - self.by_number(condition[:, self.width :])
        return condition[:, : self.width] + unknown * self.generator(latents, condition)

    def complete_cells(
        self,
        n: int,
        seed: int,
        first: int,
        restrictions: Mapping[int, Restriction],
        given: tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"], Bool[Tensor, "n c"]] | None,
    ) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """See `capabilities.CompletesRows`. Cells with restrictions are drawn first, each by how often its column has them."""
        chunk = self.sample_chunk
        chunks = range(first // chunk, -(-(first + n) // chunk))
        all_streams = [Streams(seed, number, device=self.device, scope="sample") for number in chunks]
        some = slice(first - chunks[0] * chunk, first - chunks[0] * chunk + n)
        latents = torch.cat([self.latents(streams, chunk) for streams in all_streams])[some]
        if given is None:
            codes = torch.zeros(n, self.columns, dtype=torch.int64, device=self.device)
            positions, known = torch.zeros(n, self.columns, device=self.device), torch.zeros_like(codes, dtype=torch.bool)
        else:
            codes, positions, known = (tensor.to(self.device).clone() for tensor in given)
        for number, restriction in restrictions.items():
            draws = torch.cat([streams.uniform(f"cell/{number}", chunk, 2) for streams in all_streams])[some]
            codes[:, number], positions[:, number] = draw_restricted(self.table_spec.encodings[number].shares, restriction, (draws + 1) / 2)
            known[:, number] = True
        nothing = given is None and not restrictions
        condition = None if nothing else self.condition_of(self.table_spec.rows_of(codes, positions), known)
        drawn = self.table_spec.codes_of(self.generate_chunked(latents, condition, first % chunk))
        return torch.where(known, codes, drawn[0]), torch.where(known, positions, drawn[1])


def draw_restricted(
    shares: Sequence[float], restriction: Restriction, draws: Float[Tensor, "n 2"]
) -> tuple[Int64[Tensor, " n"], Float[Tensor, " n"]]:
    """Codes and positions of one column that are allowed, codes by their share of the data. `draws`: uniform in [0, 1)."""
    allowed = torch.tensor(shares, dtype=torch.float64) * torch.from_numpy(restriction.codes)
    if not allowed.sum() > 0:
        allowed = torch.from_numpy(restriction.codes).double()
    upto = allowed.cumsum(0)
    codes = torch.searchsorted(upto, draws[:, 0].double().cpu().contiguous() * upto[-1], right=True)
    last = int((allowed > 0).nonzero()[-1])
    return codes.clamp(max=last).to(draws.device), restriction.low + draws[:, 1] * (restriction.high - restriction.low)


@dataclass(frozen=True, kw_only=True)
class TableAdversarialRecipe(AdversarialSettings):
    """A game of a generator of rows against a discriminator. A recipe builds it."""

    modality: ClassVar[str] = "tables"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    numbers_as: ClassVar[str] = "quantiles"
    """How numbers become positions: "quantiles" or "modes" (see `data.tables.encoding`)."""
    rows_by: ClassVar[str] = "order"
    """How rows are chosen for a batch: in the data's shuffled order, or by the "log frequency" of a category."""
