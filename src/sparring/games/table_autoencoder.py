"""A variational autoencoder of table rows: one player with an encoder and a decoder."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.tables.table_spec import TableBatch, TableSpec
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn
from sparring.games.latent_game import LatentGame
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.games.table_gan import chunk_for
from sparring.losses.objectives import Losses
from sparring.nets.tabular_vae import Decoder, Encoder
from sparring.optimizers.optimizers import maker


class TableAutoencoderGame(LatentGame):
    """One player that learns to encode rows as normal latents and to decode them (Kingma and Welling 2014)."""

    def __init__(self, spec: TableSpec, encoder: Encoder, decoder: Decoder, settings: "TableAutoencoderRecipe") -> None:
        super().__init__(spec)
        self.encoder, self.decoder, self.settings = encoder, decoder, settings
        self.table_spec = spec
        self.sample_chunk = chunk_for(spec.shape[0])
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=settings.weight_decay)
        self.players = (Player("autoencoder", ("encoder", "decoder"), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("reconstruct", "autoencoder", self.play),)
        self.sampling_networks = ("decoder",)

    @property
    def conditional(self) -> bool:
        """See LatentGame. Classes are a column like others."""
        return False

    def play(self, context: StepContext) -> Losses:
        """The negative of the evidence lower bound (Xu et al. 2019, section 4.4), with reconstruction weighted."""
        batch = cast(TableBatch, context.batch)
        mean, log_variance = self.encoder(batch.samples)
        noise = context.streams.normal("latent", *mean.shape)
        outputs = self.decoder.outputs(mean + (log_variance / 2).exp() * noise).float()
        return {
            "reconstruction": self.settings.reconstruction * self.reconstruction(outputs, batch),
            "divergence": -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).float().sum(dim=1),
        }

    def reconstruction(self, outputs: Float[Tensor, "n width"], batch: TableBatch) -> Float[Tensor, " n"]:
        """Negative log-likelihood of rows under the decoder's outputs, without constants: cross-entropy of codes, and a normal distribution
        around tanh for positions.
        """
        deviations = self.decoder.deviations()
        total = outputs.new_zeros(len(outputs))
        place = 0
        for number, block in enumerate(self.table_spec.blocks):
            codes = batch.codes[:, number]
            total = total + cross_entropy(outputs[:, block.indicators], codes, reduction="none")
            if block.has_position:
                deviation, has_one = deviations[place], codes >= block.first_piece
                error = (batch.positions[:, number] - outputs[:, block.stop - 1].tanh()).square() / (2 * deviation**2)
                total = total + torch.where(has_one, error + deviation.log(), torch.zeros_like(error))
                place += 1
        return total

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (("normal", self.settings.latent_size), ("uniform", self.table_spec.shape[0]))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """Normal latents, followed by uniform noise for the cells."""
        width = self.table_spec.shape[0]
        return torch.cat([streams.normal("latent", n, self.settings.latent_size), streams.uniform("cells", n, width)], dim=1)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See LatentGame: rows that are drawn from the decoder's distribution. There is no truncation."""
        return self.decoder(latents)

    def encode(self, samples: Float[Tensor, "n width"], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`: the mean of each row's latent. There are no classes."""
        return self.encoder(samples)[0]

    def default_labels(self, seed: int, n: int) -> Int64[Tensor, " n"]:
        """See LatentGame."""
        return torch.zeros(n, dtype=torch.int64, device=self.device)


@dataclass(frozen=True, kw_only=True)
class TableAutoencoderRecipe(Recipe):
    """A variational autoencoder of rows. A recipe adds the networks."""

    modality: ClassVar[str] = "tables"
    numbers_as: ClassVar[str] = "quantiles"
    """How numbers become positions: "quantiles" or "modes" (see `data.tables.encoding`)."""
    ranges: ClassVar[Ranges] = {**Recipe.ranges, "weight_decay": {"at least": 0}, "reconstruction": {"more than": 0}}

    latent_size: int = 128
    """Number of dimensions of the latent vector."""
    learning_rate: float = 1e-3
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    weight_decay: float = 1e-5
    """Weight decay: this many times the weights are added to the gradient."""
    reconstruction: float = 2.0
    """Weight of the reconstruction beside the divergence from the normal distribution."""

    def networks(self, spec: TableSpec) -> tuple[Encoder, Decoder]:
        """An encoder (rows to mean and log-variance) and a decoder (see `nets.tabular_vae`)."""
        raise NotImplementedError

    def build(self, spec: TableSpec) -> TableAutoencoderGame:
        """See Recipe."""
        return TableAutoencoderGame(spec, *self.networks(spec), settings=self)
