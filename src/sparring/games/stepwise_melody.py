"""A melody that is drawn step by step, bar after bar: it learns by likelihood first, then from the discriminator of bars."""

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.data.music.music_spec import MusicSpec
from sparring.games.likelihood_first import DRAWS, FitSettings, LikelihoodFirstGame
from sparring.games.melody_gan import MelodyGAN
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.nets.midinet import BarDiscriminator, StepwiseBarGenerator


class StepwiseMelodyGAN(MelodyGAN, LikelihoodFirstGame):
    """A generator that draws the steps of each bar, on its chord and after the bar before."""

    def __init__(self, spec: MusicSpec, generator: StepwiseBarGenerator, discriminator: BarDiscriminator, settings: FitSettings) -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.fit_dropout = settings.fit_dropout
        self.begin_by_likelihood(settings, ("generator",), self.play_fit)

    @property
    def stepwise(self) -> StepwiseBarGenerator:
        """The generator, as the network that draws a melody step by step."""
        assert isinstance(self.generator, StepwiseBarGenerator)
        return self.generator

    def play_fit(self, context: StepContext) -> Losses:
        """Make the melodies of a batch likelier on their chords, each bar after the one before, in nats a step. Noise is drawn, so it says
        nothing of them.
        """
        noise = context.streams.normal("noise", context.batch_size * self.music_spec.bars, self.settings.latent_size)
        return {"negative_log_likelihood": -self.log_likelihood(noise, context.batch.samples, self.fit_dropout) / self.music_spec.steps}

    def play_generator(self, context: StepContext) -> Losses:
        """Make melodies likelier that the discriminator takes for real, and others less likely: see `rewards`."""
        samples = context.batch.samples.repeat_interleave(DRAWS, 0)
        with torch.no_grad():
            noise, generated = self.accompanied(context, samples)
            rewards = self.rewards(context, generated)
        return {"adversarial": -rewards * self.log_likelihood(noise.flatten(0, 1), generated) / self.music_spec.steps}

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n 4 steps pitches"]:
        """See TwoPlayerGame."""
        return self.accompanied(context, context.batch.samples)[1]

    def accompanied(
        self, context: StepContext, samples: Float[Tensor, "n 4 steps pitches"]
    ) -> tuple[Float[Tensor, "n bars latent"], Float[Tensor, "n 4 steps pitches"]]:
        """The chords of phrases with melodies that are made for them, each bar after the one made before; and the noise of their bars."""
        noise, _ = self.bar_noise(self.latents(context.streams, len(samples)))
        _, chords, _ = self.bars_of(samples)
        melody = self.melodies(noise, chords.unflatten(0, (len(samples), -1)))
        generated = torch.stack([melody[:, 0], samples[:, 1], melody[:, 1], samples[:, 3]], dim=1)
        return noise[:, :, : self.settings.latent_size], generated

    def log_likelihood(
        self, noise: Float[Tensor, "bars latent"], samples: Float[Tensor, "n 4 steps pitches"], forgotten: float = 0.0
    ) -> Float[Tensor, " n"]:
        """Natural logarithms of the probabilities of melodies, given their chords and the noise of their bars."""
        _, chords, before = self.bars_of(samples)
        return self.stepwise.log_probabilities(noise, chords, before, samples[:, [0, 2]], forgotten).sum(dim=(1, 2))
