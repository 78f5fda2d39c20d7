"""A game of series in a learned space: autoencoder, generator with supervisor, and discriminator, in three phases (Yoon et al. 2019).

Equations are those of the paper, and the terms that its authors' code adds are named as such.
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.series.scaling import ScalingKind
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn
from sparring.games.latent_game import LatentGame
from sparring.games.series_gan import CHUNK, SeriesSettings, in_chunks
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.nets.temporal import Recurrent
from sparring.optimizers.optimizers import maker

RECONSTRUCTION, SUPERVISED_EMBEDDER, SUPERVISED_GENERATOR, MOMENTS = 10.0, 0.1, 100.0, 100.0
"""Weights of the losses, as in the authors' code."""
GENERATOR_STEPS = 2
"""Steps of generator and autoencoder in the joint phase for each of the discriminator."""
SMALLEST_SQUARE = 1e-12
"""Smallest value under a square root, so that it can be differentiated."""


class TimeGANGame(LatentGame):
    """Three players. The autoencoder (embedder and recovery) learns a space of states; the generator makes states from noise, and the
    supervisor brings each nearer to what follows the state before it; the discriminator tells states of real windows from generated ones.

    In the first phase the autoencoder learns alone, in the second the supervisor, and in the third all of them.
    """

    sample_chunk = CHUNK

    def __init__(self, spec: SeriesSpec, settings: "TimeGANRecipe") -> None:
        super().__init__(spec)
        self.settings = settings
        values, hidden, layers = len(spec.values), settings.hidden, settings.layers
        self.embedder = Recurrent(values, hidden, hidden, layers, nn.Sigmoid())
        self.recovery = Recurrent(hidden, values, hidden, layers, nn.Sigmoid())
        self.generator = Recurrent(settings.latent_size, hidden, hidden, layers, nn.Sigmoid())
        self.supervisor = Recurrent(hidden, hidden, hidden, max(1, layers - 1), nn.Sigmoid())
        self.discriminator = Recurrent(hidden, 1, hidden, layers)
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0)
        self.players = (
            Player("autoencoder", ("embedder", "recovery"), optimizer, has_ema=True),
            Player("generator", ("generator", "supervisor"), optimizer, has_ema=True),
            Player("discriminator", ("discriminator",), optimizer),
        )
        supervised = settings.embedding_steps
        joint = supervised + settings.supervised_steps
        self.turns = (
            Turn("embedding", "autoencoder", self.play_embedding, stop=supervised),
            Turn("supervision", "generator", self.play_supervision, start=supervised, stop=joint),
            Turn("generator", "generator", self.play_generator, repeat=GENERATOR_STEPS, start=joint),
            Turn("autoencoder", "autoencoder", self.play_autoencoder, repeat=GENERATOR_STEPS, start=joint),
            Turn("discriminator", "discriminator", self.play_discriminator, start=joint),
        )
        self.sampling_networks = ("generator", "supervisor", "recovery")

    @property
    def series_spec(self) -> SeriesSpec:
        """What a window is."""
        return cast(SeriesSpec, self.spec)

    @property
    def longest_path(self) -> int | None:
        """See `capabilities.SimulatesSeries`."""
        return None

    @property
    def conditional(self) -> bool:
        """See LatentGame. Windows have no classes."""
        return False

    # ------------------------------------------------------------------------------------------------------- turns

    def play_embedding(self, context: StepContext) -> Losses:
        """The first phase: states that windows can be recovered from (equation 7, as the root of the mean square)."""
        real = to_unit(context.batch.samples)
        return of_each(context, {"reconstruction": RECONSTRUCTION * root_mean_square(self.recovery(self.embedder(real)), real)})

    def play_supervision(self, context: StepContext) -> Losses:
        """The second phase: the supervisor says which state follows (equation 9)."""
        states = self.embedder(to_unit(context.batch.samples))
        return of_each(context, {"supervised": error_of_next(self.supervisor(states), states)})

    def play_generator(self, context: StepContext) -> Losses:
        """States that the discriminator takes for real (equation 11), before and after the supervisor; a supervisor that goes on being
        right; and, in the authors' code, windows with the mean and deviation of real ones in each step.
        """
        real = to_unit(context.batch.samples)
        states, generated = self.embedder(real), self.generator(self.noise_of(context))
        following, supervised = together(self.supervisor, states, generated)
        of_supervised, of_generated = together(self.discriminator, supervised, generated)
        losses = {
            "supervised": SUPERVISED_GENERATOR * error_of_next(following, states).clamp_min(SMALLEST_SQUARE).sqrt(),
            "moments": MOMENTS * difference_of_moments(self.recovery(supervised), real),
        }
        return {
            "adversarial": softplus(-of_supervised).mean(dim=(1, 2)),
            "adversarial_unsupervised": softplus(-of_generated).mean(dim=(1, 2)),
            **of_each(context, losses),
        }

    def play_autoencoder(self, context: StepContext) -> Losses:
        """Go on recovering windows, from states that are easy to foretell (equation 10)."""
        real = to_unit(context.batch.samples)
        states = self.embedder(real)
        losses = {
            "reconstruction": RECONSTRUCTION * root_mean_square(self.recovery(states), real),
            "supervised": SUPERVISED_EMBEDDER * error_of_next(self.supervisor(states), states),
        }
        return of_each(context, losses)

    def play_discriminator(self, context: StepContext) -> Losses:
        """Tell states of real windows from generated ones (equation 8). Where this goes well already, the step is not taken, as in the
        authors' code: no gradient reaches the weights, and optimizers leave weights without gradients as they are.
        """
        with torch.no_grad():
            states = self.embedder(to_unit(context.batch.samples))
            generated = self.generator(self.noise_of(context))
            supervised = self.supervisor(generated)
        of_real, of_supervised, of_generated = together(self.discriminator, states, supervised, generated)
        context.metrics.update({"logits/real": of_real.mean(dim=(1, 2)), "logits/generated": of_supervised.mean(dim=(1, 2))})
        losses = {
            "real": softplus(-of_real).mean(dim=(1, 2)),
            "generated": softplus(of_supervised).mean(dim=(1, 2)),
            "unsupervised": softplus(of_generated).mean(dim=(1, 2)),
        }
        total = sum(loss.detach().mean().item() for loss in losses.values())
        if total > self.settings.discriminator_rest:
            return losses
        return {name: loss.detach().requires_grad_() for name, loss in losses.items()}

    # ----------------------------------------------------------------------------------------------------- networks

    def noise_of(self, context: StepContext) -> Float[Tensor, "n latent t"]:
        """The noise of each step of a batch."""
        return self.noise(context.streams, context.batch_size, self.series_spec.steps)

    def noise(self, streams: Streams, n: int, steps: int) -> Float[Tensor, "n latent {steps}"]:
        """Noise of so many steps, uniform in [0, 1) as in the authors' code."""
        return (streams.uniform("latent", n, self.settings.latent_size, steps) + 1) / 2

    def discriminate(
        self, samples: Float[Tensor, "n values t"], labels: Labels | None
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"]]:
        """See `capabilities.HasDiscriminator`: the mean logit of the states of windows. There are no classes."""
        logits = self.discriminator(self.embedder(to_unit(samples)))
        return logits.mean(dim=(1, 2)), logits.new_zeros(len(samples), 0)

    # ----------------------------------------------------------------------------------------------------- samples

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (("share", self.settings.latent_size * self.series_spec.steps),)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: the noise of all steps of a window."""
        return self.noise(streams, n, self.series_spec.steps).flatten(1)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n values t"]:
        """See LatentGame. There is no condition. Truncation brings noise nearer to the middle."""
        noise = latents.view(latents.shape[0], self.settings.latent_size, -1)
        if truncation is not None:
            noise = 0.5 + (noise - 0.5) * min(1.0, truncation)
        return 2 * self.recovery(self.supervisor(self.generator(noise))) - 1

    def simulate(
        self,
        n: int,
        steps: int,
        seed: int,
        first: int,
        past: Float32[np.ndarray, "n values p"] | None,
        known: Float32[np.ndarray, "n known p_and_steps"] | None,
    ) -> Float[Tensor, "n values {steps}"]:
        """See `capabilities.SimulatesSeries`. The networks go on for as many steps as are asked for; neither past nor known has an
        influence.
        """

        def draw(chunk: int) -> Tensor:
            streams = Streams(seed, chunk, device=self.device, scope="simulate")
            return self.generate(self.noise(streams, CHUNK, steps).flatten(1), None)

        return in_chunks(self, draw, n, first)


def to_unit(windows: Float[Tensor, "n values t"]) -> Float[Tensor, "n values t"]:
    """Numbers in [-1, 1] as numbers in [0, 1], which the losses are made for."""
    return (windows + 1) / 2


def together(network: nn.Module, *inputs: Float[Tensor, "n c t"]) -> tuple[Float[Tensor, "n out t"], ...]:
    """What a network gives for several batches, as one: most of the time of small recurrent networks is that of their steps, not of the
    batch.
    """
    return network(torch.cat(inputs)).chunk(len(inputs))


def error_of_next(following: Float[Tensor, "n hidden t"], states: Float[Tensor, "n hidden t"]) -> Float[Tensor, ""]:
    """Mean squared error of the states that were said to follow each state (equation 9)."""
    return mse_loss(following[:, :, :-1], states[:, :, 1:])


def root_mean_square(one: Float[Tensor, "n c t"], other: Float[Tensor, "n c t"]) -> Float[Tensor, ""]:
    """The root of the mean squared difference."""
    return mse_loss(one, other).clamp_min(SMALLEST_SQUARE).sqrt()


def difference_of_moments(generated: Float[Tensor, "n c t"], real: Float[Tensor, "n c t"]) -> Float[Tensor, ""]:
    """How far the mean and the standard deviation over the batch are from those of real windows, averaged over steps and channels (in the
    authors' code; the paper has no such term).
    """
    deviations = [(windows.var(dim=0, correction=0) + 1e-6).sqrt() for windows in (generated, real)]
    return (deviations[0] - deviations[1]).abs().mean() + (generated.mean(dim=0) - real.mean(dim=0)).abs().mean()


def of_each(context: StepContext, losses: dict[str, Float[Tensor, ""]]) -> dict[str, Float[Tensor, " n"]]:
    """Losses of the whole batch as losses of each of its windows, which they are the mean of."""
    return {name: loss.expand(context.batch_size) for name, loss in losses.items()}


@dataclass(frozen=True, kw_only=True)
class TimeGANRecipe(SeriesSettings):
    """A game in a learned space of states. A recipe gives sizes."""

    scaling: ClassVar[ScalingKind] = "range"
    packing: ClassVar[int] = 1
    """Number of windows that the discriminator scores together."""
    ranges: ClassVar[Ranges] = {
        **SeriesSettings.ranges,
        "hidden": {"at least": 1, "at most": 4096},
        "layers": {"at least": 1, "at most": 16},
        "embedding_steps": {"at least": 0},
        "supervised_steps": {"at least": 0},
        "discriminator_rest": {"at least": 0},
    }

    latent_size: int = 8
    """Number of dimensions of the noise at each step."""
    hidden: int = 24
    """Number of units of each layer of every network, and of dimensions of a state."""
    layers: int = 3
    """Number of layers of every network but the supervisor, which has one fewer."""
    learning_rate: float = 1e-3
    """Learning rate of all networks."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    embedding_steps: int = 500
    """Number of steps of the first phase, in which the autoencoder learns alone."""
    supervised_steps: int = 300
    """Number of steps of the second phase, in which the supervisor learns alone. All networks learn after it."""
    discriminator_rest: float = 0.15
    """The discriminator is not moved while its loss is at most this, so that it does not run away."""

    def remarks(self, spec: SeriesSpec) -> list[str]:
        """See Recipe."""
        before = self.embedding_steps + self.supervised_steps
        return [*super().remarks(spec), f"The generator begins to play in step {before + 1:,} (--embedding-steps, --supervised-steps)."]

    def build(self, spec: SeriesSpec) -> TimeGANGame:
        """See Recipe."""
        return TimeGANGame(spec, self)
