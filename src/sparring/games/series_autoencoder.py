"""A variational autoencoder of windows of series: one player with an encoder and a decoder (Kingma and Welling 2014)."""

import math
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn
from sparring.games.latent_game import LatentGame
from sparring.games.series_gan import CHUNK, SeriesSettings, in_chunks
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import normal_divergence
from sparring.losses.objectives import Losses
from sparring.nets.timevae import WindowDecoder, WindowEncoder
from sparring.optimizers.optimizers import maker


class SeriesAutoencoderGame(LatentGame):
    """Windows are encoded as normal distributions of latents, and latents decoded as normal distributions of values."""

    sample_chunk = CHUNK

    def __init__(self, spec: SeriesSpec, encoder: WindowEncoder, decoder: WindowDecoder, settings: "SeriesAutoencoderRecipe") -> None:
        super().__init__(spec)
        self.encoder, self.decoder, self.settings = encoder, decoder, settings
        self.numbers = len(spec.values) * spec.steps
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0)
        self.players = (Player("autoencoder", ("encoder", "decoder"), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("fit", "autoencoder", self.play),)
        self.sampling_networks = ("decoder",)

    @property
    def series_spec(self) -> SeriesSpec:
        """What a window is."""
        return cast(SeriesSpec, self.spec)

    @property
    def longest_path(self) -> int | None:
        """See `capabilities.SimulatesSeries`: the networks make whole windows."""
        return self.series_spec.steps

    @property
    def conditional(self) -> bool:
        """See LatentGame. Windows have no classes."""
        return False

    def play(self, context: StepContext) -> Losses:
        """Raise the evidence lower bound: values that are likely given the latent, and latents that say little. Both are in nats for each
        number of a window.
        """
        windows = context.batch.samples
        mean, log_variance = (each.float() for each in self.encoder(windows))
        noise = context.streams.normal("latent", *mean.shape)
        found = self.log_density(windows, mean + (log_variance / 2).exp() * noise)
        divergence = normal_divergence(mean, log_variance).sum(dim=1)
        context.metrics["divergence/nats"] = divergence.detach()
        return {"reconstruction": -found / self.numbers, "divergence": self.settings.beta * divergence / self.numbers}

    def log_density(self, windows: Float[Tensor, "n v t"], latents: Float[Tensor, "n latent"]) -> Float[Tensor, " n"]:
        """Logarithm of the density of windows given their latents."""
        deviations = self.decoder.deviations()[:, None]
        distance = (windows - self.decoder(latents).float()) / deviations
        return -(distance.square() / 2 + deviations.log() + math.log(2 * math.pi) / 2).flatten(1).sum(dim=1)

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (("normal", self.settings.latent_size), ("normal", self.numbers))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: the latent, and the noise of each number of a window."""
        return torch.cat(
            [streams.normal("latent", n, self.settings.latent_size), streams.normal("values", n, self.numbers)],
            dim=1,
        )

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n v t"]:
        """See LatentGame: windows from the distribution that the latent is decoded as. There is no condition. Truncation multiplies the
        latent.
        """
        latent, noise = latents.split([self.settings.latent_size, self.numbers], dim=1)
        means = self.decoder(latent if truncation is None else latent * min(1.0, truncation))
        return means + self.decoder.deviations()[:, None] * noise.view_as(means)

    def simulate(
        self,
        n: int,
        steps: int,
        seed: int,
        first: int,
        past: Float32[np.ndarray, "n values p"] | None,
        known: Float32[np.ndarray, "n known p_and_steps"] | None,
    ) -> Float[Tensor, "n values {steps}"]:
        """See `capabilities.SimulatesSeries`: the first steps of windows. Neither past nor known has an influence."""
        assert steps <= self.series_spec.steps, f"{steps} steps are more than the {self.series_spec.steps} of a window"

        def draw(chunk: int) -> Tensor:
            streams = Streams(seed, chunk, device=self.device, scope="simulate")
            return self.generate(self.latents(streams, CHUNK), None)[:, :, :steps]

        return in_chunks(self, draw, n, first)


@dataclass(frozen=True, kw_only=True)
class SeriesAutoencoderRecipe(SeriesSettings):
    """A variational autoencoder of windows. A recipe adds the networks."""

    ranges: ClassVar[Ranges] = {**SeriesSettings.ranges, "beta": {"at least": 0}}

    latent_size: int = 8
    """Number of dimensions of the latent vector."""
    learning_rate: float = 1e-3
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    beta: float = 1.0
    """Weight of the divergence of latents from the normal distribution (Higgins 2017). Below 1, latents say more."""

    def networks(self, spec: SeriesSpec) -> tuple[WindowEncoder, WindowDecoder]:
        """An encoder (windows to mean and log-variance) and a decoder."""
        raise NotImplementedError

    def build(self, spec: SeriesSpec) -> SeriesAutoencoderGame:
        """See Recipe."""
        return SeriesAutoencoderGame(spec, *self.networks(spec), settings=self)
