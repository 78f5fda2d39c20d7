"""A game on rows with a rare label: a denoising autoencoder, a generator, and a discriminator of frauds, ordinary and generated rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, softplus

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.tables.labeled_rows import LabeledBatch, target_codes
from sparring.data.tables.table_spec import Block, TableSpec
from sparring.games.exported_parts import ExportChoices, Input, Output, Part, PartName
from sparring.games.game import Player, Turn, evaluating
from sparring.games.labels_recipe import LabelsRecipe
from sparring.games.latent_game import LatentGame
from sparring.games.step_context import StepContext
from sparring.games.table_gan import chunk_for, column_shapes
from sparring.losses.objectives import Losses
from sparring.nets import fraud as nets
from sparring.nets.tabular_gan import ResidualGenerator
from sparring.optimizers.optimizers import maker

CALIBRATION_RATE = 0.01
"""Learning rate of the two numbers of the calibration."""
SCORED_AT_ONCE = 4096
"""Number of rows that are scored together."""


class FraudGame(LatentGame):
    """Four players. The autoencoder restores rows of which cells were exchanged or left out. The discriminator sees a row, and its code and
    surprise if it is to. The generator makes rows of either label. The calibration fits log-odds to the recent rows, which the others never
    see.
    """

    def __init__(
        self,
        spec: TableSpec,
        autoencoder: nets.DenoisingAutoencoder,
        generator: ResidualGenerator,
        discriminator: nets.FraudDiscriminator,
        settings: "FraudRecipe",
    ) -> None:
        super().__init__(spec)
        self.settings, self.table_spec, self.sample_chunk = settings, spec, chunk_for(spec.shape[0])
        self.autoencoder, self.generator, self.discriminator = autoencoder, generator, discriminator
        self.calibration = nets.Calibration()
        self.target = settings.target_number(spec)
        self.fraud, self.ordinary = target_codes(spec.encodings[self.target])
        self.seen_columns = settings.seen_columns(spec)
        self.seen = [place for number in self.seen_columns for place in range(spec.blocks[number].start, spec.blocks[number].stop)]
        ema = settings.ema_samples > 0

        rates = {"autoencoder": settings.learning_rate, "discriminator": settings.learning_rate}
        rates |= {"generator": settings.learning_rate, "calibration": CALIBRATION_RATE}
        decay = {"discriminator": settings.weight_decay}
        self.players = tuple(
            Player(name, (name,), maker("adam", rate, betas=settings.betas, momentum=0.0, weight_decay=decay.get(name, 0.0)), has_ema=ema)
            for name, rate in rates.items()
        )
        self.turns = (
            Turn("autoencoder", "autoencoder", self.play_autoencoder),
            Turn("discriminator", "discriminator", self.play_discriminator),
            Turn("generator", "generator", self.play_generator),
            Turn("calibration", "calibration", self.play_calibration),
        )
        self.sampling_networks = tuple(player.name for player in self.players)

    # ------------------------------------------------------------------------------------------------------------------- turns

    def play_autoencoder(self, context: StepContext) -> Losses:
        """Restore rows that are no known frauds: of each row a share of the cells is that of another row, or not there."""
        rows, codes = self.learned(context)
        n, c = len(rows), len(self.seen_columns)
        share = self.settings.corruption
        draws = (context.streams.uniform("corrupt", n, c) + 1) / 2
        others = rows[context.streams.integers("others", n, n)]
        exchanged, absent = self.by_number(draws < share / 2), self.by_number((draws >= share / 2) & (draws < share))
        corrupted = torch.where(exchanged, others, rows) * ~absent
        surprise = self.autoencoder.surprise(self.autoencoder(corrupted).float(), rows)
        return {"reconstruction": surprise.sum(dim=1) * weights_of(codes != self.fraud)}

    def play_discriminator(self, context: StepContext) -> Losses:
        """Cross-entropy of the labels, and of real against generated rows (Salimans et al. 2016, equations in section 5)."""
        rows, codes = self.learned(context)
        logits = self.class_logits(rows)
        known = (codes == self.fraud) | (codes == self.ordinary)
        found = {"labels": cross_entropy(logits, (codes != self.fraud).long(), reduction="none") * weights_of(known)}
        if self.settings.adversarial:
            with torch.no_grad():
                generated = self.generate_labeled(context)[0]
            found["real"] = self.settings.adversarial * softplus(-logits.logsumexp(dim=1))
            found["generated"] = self.settings.adversarial * softplus(self.class_logits(generated).logsumexp(dim=1))
        return found

    def play_generator(self, context: StepContext) -> Losses:
        """Be taken for real, and for the label that was asked for."""
        generated, is_fraud = self.generate_labeled(context)
        logits = self.class_logits(generated)
        return {
            "generator": softplus(-logits.logsumexp(dim=1)),
            "label": cross_entropy(logits, (~is_fraud).long(), reduction="none"),
        }

    def play_calibration(self, context: StepContext) -> Losses:
        """Cross-entropy of the labels of recent rows, with frauds as frequent as among these."""
        batch = cast(LabeledBatch, context.batch)
        log_odds = self.log_odds(batch.samples[batch.is_recent])
        signs = torch.where(batch.codes[batch.is_recent, self.target] == self.fraud, 1.0, -1.0)
        return {"calibration": batch.recent_weights[batch.is_recent] * softplus(-signs * log_odds)}

    def learned(self, context: StepContext) -> tuple[Float[Tensor, "n seen"], Int64[Tensor, " n"]]:
        """The rows of a batch that networks learn from, as `seen` picks their numbers, and the codes of their labels."""
        batch = cast(LabeledBatch, context.batch)
        return batch.samples[~batch.is_recent][:, self.seen], batch.codes[~batch.is_recent, self.target]

    def class_logits(self, rows: Float[Tensor, "n seen"]) -> Float[Tensor, "n 2"]:
        """Logits of (fraud, ordinary), of rows as `seen` picks their numbers."""
        if not self.settings.sees_surprise:
            return self.discriminator(rows).float()
        code = self.autoencoder.encode(rows)
        surprise = self.autoencoder.surprise(self.autoencoder.head(self.autoencoder.decoder(code)), rows)
        return self.discriminator(rows, torch.cat([code, surprise.clamp(-4, 20)], dim=1)).float()

    def by_number(self, cells: Tensor) -> Tensor:
        """For each number of `seen`, what `cells` says of its column."""
        blocks = [self.table_spec.blocks[number] for number in self.seen_columns]
        widths = torch.tensor([block.stop - block.start for block in blocks], device=cells.device)
        return cells.repeat_interleave(widths, dim=1)

    # ----------------------------------------------------------------------------------------------------------------- scoring

    @property
    def rate_of_frauds(self) -> float:
        """Share of frauds among the rows with a label."""
        shares = self.table_spec.encodings[self.target].shares
        return shares[self.fraud] / (shares[self.fraud] + shares[self.ordinary])

    def log_odds(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """See `capabilities.ScoresRows`. The discriminator's log-odds are of frauds as frequent as in a batch; they are made those of the
        table, and then calibrated.
        """
        with evaluating(self):
            found = [self.uncalibrated(some) for some in rows.to(self.device).split(SCORED_AT_ONCE)]
        return self.calibration(torch.cat(found) + self.correction)

    def uncalibrated(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """The discriminator's log-odds that each row is a fraud."""
        logits = self.class_logits(rows[:, self.seen])
        return logits[:, 0] - logits[:, 1]

    @property
    def correction(self) -> float:
        """What makes log-odds of batches those of the table."""
        rate, shown = self.rate_of_frauds, self.settings.frauds_in_batch
        return math.log(rate / (1 - rate)) - math.log(shown / (1 - shown))

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: calibrated log-odds of rows, which is what a model of frauds is for."""

        def score(rows: Tensor) -> Tensor:
            return self.calibration(self.uncalibrated(rows) + self.correction)

        def example(n: int, _: int) -> Tensor:
            with evaluating(self):
                return self.generate(self.latents(Streams(n, 0, scope="export"), n), None)

        rows = Input("rows", "rows as networks see them (see 'spec')", example)
        return {"all": Part(score, (rows,), Output("log_odds", "calibrated log-odds that each row is a fraud", 1e-3, 5e-2))}

    def expected_cells(self, rows: Float[Tensor, "n width"]) -> tuple[Float[Tensor, "n width"], Float[Tensor, "n c"]]:
        """See `capabilities.ScoresRows`. Each cell is expected from the others: it is left out."""
        expected = rows.clone()
        surprises = rows.new_zeros(len(rows), len(self.table_spec.blocks))
        seen = rows[:, self.seen]
        with evaluating(self):
            for place, number in enumerate(self.seen_columns):
                absent = torch.zeros(len(rows), len(self.seen_columns), dtype=torch.bool, device=rows.device)
                absent[:, place] = True
                own = self.by_number(absent)
                outputs = self.autoencoder(seen * ~own).float()
                of_codes, of_positions = (nats[:, place] for nats in self.autoencoder.cell_nats(outputs, seen))
                block, outputs = self.table_spec.blocks[number], outputs[:, own[0]]
                surprises[:, number] = (of_codes - self.usual_nats(number, outputs, rows)).clamp(min=0) + of_positions
                expected[:, block.start : block.stop] = typical_cells(block, outputs)
        return expected, surprises

    def usual_nats(self, number: int, outputs: Float[Tensor, "n cell"], rows: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """How unlikely a code may be without being odd: as the most likely one, of categories; of numbers, as often as it is in the table,
        for any number is rare.
        """
        encoding, block = self.table_spec.encodings[number], self.table_spec.blocks[number]
        if encoding.categories:
            return -log_softmax(outputs[:, : block.codes], dim=1).max(dim=1).values
        shares = torch.tensor(encoding.shares, device=rows.device)
        return -(rows[:, block.indicators] * shares.clamp(min=1e-9).log()).sum(dim=1)

    def discriminate(self, samples: Float[Tensor, "n width"], labels: Labels | None) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 2"]]:
        """See `capabilities.HasDiscriminator`: logits of real against generated, and of the labels."""
        logits = self.class_logits(samples[:, self.seen])
        return logits.logsumexp(dim=1), logits

    # ---------------------------------------------------------------------------------------------------------------- sampling

    @property
    def conditional(self) -> bool:
        """See LatentGame. The label is a column like others."""
        return False

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """Normal latents, noise for the cells that are generated, a number for the label, and two for each column that is not seen."""
        hidden = len(self.table_spec.blocks) - len(self.seen_columns) - 1
        uniform = streams.uniform("label", n, 1), streams.uniform("unseen", n, 2 * hidden)
        return torch.cat(
            [streams.normal("latent", n, self.settings.latent_size), streams.uniform("cells", n, len(self.seen)), *uniform], dim=1
        )

    def generate_labeled(self, context: StepContext) -> tuple[Float[Tensor, "n seen"], Tensor]:
        """Generated rows of training, as `seen` picks their numbers, and whether each is to be a fraud."""
        n = context.batch_size
        latents = self.latents(context.streams, n)[:, : self.settings.latent_size + len(self.seen)]
        is_fraud = (context.streams.uniform("labels", n, 1) + 1) / 2 < self.settings.frauds_in_batch
        return self.generator(latents, 2 * is_fraud.float() - 1), is_fraud[:, 0]

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See LatentGame: whole rows, with frauds as often as in the table. Columns that are not seen (times) are as in the table, and have
        nothing to do with the others. There is no truncation.
        """
        own = self.settings.latent_size + len(self.seen)
        is_fraud = (latents[:, own : own + 1] + 1) / 2 < self.rate_of_frauds
        rows = latents.new_zeros(latents.shape[0], self.table_spec.shape[0])
        rows[:, self.seen] = self.generator(latents[:, :own], 2 * is_fraud.float() - 1)
        target = self.table_spec.blocks[self.target]
        rows[:, target.start + self.fraud] = is_fraud[:, 0].float()
        rows[:, target.start + self.ordinary] = 1 - is_fraud[:, 0].float()
        unseen = [number for number in range(len(self.table_spec.blocks)) if number not in self.seen_columns and number != self.target]
        for place, number in enumerate(unseen):
            block, shares = self.table_spec.blocks[number], self.table_spec.encodings[number].shares
            code, position = latents[:, own + 1 + 2 * place], latents[:, own + 2 + 2 * place]
            upto = torch.tensor(shares, dtype=torch.float64, device=rows.device).cumsum(0)
            codes = torch.searchsorted(upto, (code.double() + 1) / 2 * upto[-1], right=True).clamp(max=block.codes - 1)
            rows[torch.arange(len(rows)), block.start + codes] = 1
            if block.has_position:
                rows[:, block.stop - 1] = position * (codes >= block.first_piece)
        return rows

    def default_labels(self, seed: int, n: int) -> Int64[Tensor, " n"]:
        """See LatentGame."""
        return torch.zeros(n, dtype=torch.int64, device=self.device)


def typical_cells(block: Block, outputs: Float[Tensor, "n cell"]) -> Float[Tensor, "n cell"]:
    """The most likely cells of one column, of the autoencoder's outputs."""
    codes = outputs[:, : block.codes].argmax(dim=1)
    cells = torch.zeros_like(outputs)
    cells[torch.arange(len(cells), device=cells.device), codes] = 1
    if block.has_position:
        cells[:, -1] = outputs[:, -1].tanh() * (codes >= block.first_piece)
    return cells


def weights_of(kept: Tensor) -> Float[Tensor, " n"]:
    """Weights of mean 1 of the rows that count, and 0 of the others (0 of all, if none counts)."""
    return kept.float() * (len(kept) / kept.sum().clamp(min=1))


@dataclass(frozen=True, kw_only=True)
class FraudRecipe(LabelsRecipe):
    """A game that tells frauds. A recipe gives its networks."""

    modality: ClassVar[str] = "tables"
    numbers_as: ClassVar[str] = "quantiles"
    """How numbers become positions (see `data.tables.encoding`)."""
    packing: ClassVar[int] = 1
    """The discriminator sees rows one by one."""
    ranges: ClassVar[Ranges] = {
        **LabelsRecipe.ranges,
        **LabelsRecipe.label_ranges,
        "weight_decay": {"at least": 0},
        "corruption": {"more than": 0, "less than": 1},
        "adversarial": {"at least": 0},
    }
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    latent_size: int = 64
    """Number of dimensions of the latent vector."""
    learning_rate: float = 1e-3
    """Learning rate of all networks, until it falls."""
    betas: tuple[float, float] = (0.5, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    weight_decay: float = 1e-4
    """Weight decay of the discriminator: this many times the weights are added to the gradient."""
    corruption: float = 0.3
    """Share of the cells of a row that are wrong or not there when the autoencoder restores it."""
    adversarial: float = 0.5
    """Weight of telling real rows from generated ones, beside telling frauds from ordinary rows. 0: generated rows teach the discriminator
    nothing."""

    sees_surprise: bool = False
    """Whether the discriminator sees the autoencoder's code of a row, and how unlikely each of its cells is, beside the row itself."""

    def target_number(self, spec: TableSpec) -> int:
        """Number of the encoded column with the labels."""
        return next(number for number, encoding in enumerate(spec.encodings) if encoding.name == self.target)

    def seen_columns(self, spec: TableSpec) -> tuple[int, ...]:
        """Numbers of the columns that the discriminator sees: neither labels nor the time, which never comes again."""
        return tuple(number for number, encoding in enumerate(spec.encodings) if encoding.name not in (self.target, self.time))

    def incompatibilities(self, spec: TableSpec) -> list[str]:
        """See Recipe."""
        alone = [] if self.seen_columns(spec) else ["There is no column beside target and time, so there is nothing to tell frauds by."]
        return super().incompatibilities(spec) + alone

    def networks(self, spec: TableSpec) -> tuple[nets.DenoisingAutoencoder, ResidualGenerator, nets.FraudDiscriminator]:
        """The autoencoder, the generator (with one number as its condition) and the discriminator, of the columns that are seen."""
        raise NotImplementedError

    def build(self, spec: TableSpec) -> FraudGame:
        """See Recipe."""
        return FraudGame(spec, *self.networks(spec), settings=self)


def seen_shapes(recipe: FraudRecipe, spec: TableSpec) -> tuple[nets.ColumnShape, ...]:
    """The columns that networks see."""
    shapes = column_shapes(spec)
    return tuple(shapes[number] for number in recipe.seen_columns(spec))
