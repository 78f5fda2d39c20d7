"""A generator of music that draws its tracks step by step: it learns by likelihood first, then from a discriminator."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.game import Player, Turn
from sparring.games.music_gan import GivenSettings, MusicGAN
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.nets.music import Discriminator, RollShape
from sparring.nets.stepwise_voices import PhraseEncoder, StepwiseGenerator
from sparring.optimizers.optimizers import maker

STEADY_BETAS = (0.9, 0.99)
"""Adam's decay rates for the generator, both by likelihood and by rewards, whose gradients are noisy."""
DRAWS = 2
"""Number of phrases that the generator draws in its turn for each of a batch."""
SMALLEST_SPREAD = 1e-3
"""Added to the standard deviation of logits, by which rewards are divided."""


class StepwiseMusicGAN(MusicGAN):
    """In the first `fit_steps` steps the generator learns by likelihood, as the decoder of a variational autoencoder whose encoder finds
    latents of real phrases. Then the discriminator learns alone for a while, and after that both play.
    """

    def __init__(
        self,
        spec: MusicSpec,
        generator: StepwiseGenerator,
        discriminator: Discriminator,
        encoder: PhraseEncoder,
        settings: "StepwiseSettings",
    ) -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.encoder, self.recipe = encoder, settings
        model = Player("model", ("generator", "encoder"), maker("adam", settings.fit_learning_rate, betas=STEADY_BETAS, momentum=0.0))
        player, opponent = self.players
        optimizer = maker(settings.optimizer, settings.learning_rate, betas=STEADY_BETAS, momentum=settings.momentum)
        self.players = (model, replace(player, optimizer=optimizer), opponent)
        begins = settings.fit_steps
        against = Turn("discriminator", "discriminator", self.play_discriminator, repeat=settings.discriminator_steps, start=begins)
        play = Turn("generator", "generator", self.play_generator, start=begins + settings.discriminator_fit_steps)
        self.turns = (Turn("fit", "model", self.play_fit, stop=begins), against, play)

    @property
    def stepwise(self) -> StepwiseGenerator:
        """The generator."""
        assert isinstance(self.generator, StepwiseGenerator)
        return self.generator

    def play_fit(self, context: StepContext) -> Losses:
        """Make the phrases of a batch likelier, in nats an event: the evidence lower bound (Kingma and Welling 2014), where the latent may
        tell `latent_nats` of each phrase for free (Kingma et al. 2016, appendix C.8).
        """
        rolls, n = context.batch.samples, context.batch_size
        means, log_variances = self.encoder(rolls)
        means, log_variances = means.float(), log_variances.float()
        parts = means + (log_variances / 2).exp() * context.streams.normal("posterior", n, self.latent_parts)
        told = (means.square() + log_variances.exp() - log_variances - 1).sum(dim=1) / 2
        given, known = self.given_of(context, rolls) if self.given_track is not None else (None, None)
        likely = self.stepwise.log_probabilities(parts, rolls, given, known, self.recipe.fit_dropout).sum(dim=(1, 2))
        context.metrics["latent_nats"] = told.detach().mean()
        events = self.music_spec.steps * len(self.music_spec.tracks)
        return {"negative_log_likelihood": -likely / events, "latent": told.clamp_min(self.recipe.latent_nats) / events}

    def given_of(self, context: StepContext, rolls: Float[Tensor, "n planes steps pitches"]) -> tuple[Tensor, Tensor]:
        """The planes of the track that may be given, and for which phrases it is: a share of them."""
        known = (context.streams.uniform("given", context.batch_size) + 1) / 2 < self.given_share
        return self.given_planes(rolls), known.float()[:, None, None, None]

    def play_generator(self, context: StepContext) -> Losses:
        """Make phrases likelier that the discriminator takes for real, and others less likely: the score function (Williams 1992) with the
        discriminator's logit as the reward of all events of a phrase. What is expected of a phrase is the mean of the others of its batch,
        so gradients are right on average but for their scale.
        """
        latents, given, known = self.latents(context.streams, DRAWS * context.batch_size), None, None
        if self.given_track is not None:
            given, known = (each.repeat_interleave(DRAWS, 0) for each in self.given_of(context, context.batch.samples))
        with torch.no_grad():
            rolls = self.generator(latents, None, given, known)
            logits, _ = self.discriminate(self.discriminator_input(rolls, "generated", context), None)
        rewards = logits.float().repeat_interleave(self.settings.packing)
        likely = self.stepwise.log_probabilities(latents[:, : self.latent_parts], rolls, given, known).sum(dim=(1, 2))
        events = self.music_spec.steps * len(self.music_spec.tracks)
        return {"adversarial": -advantages(rewards) * likely / events}


def advantages(rewards: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """By how much each reward is above the mean of the others, in standard deviations of all."""
    n = len(rewards)
    if n < 2:
        return torch.zeros_like(rewards)
    return (rewards - rewards.mean()) * (n / (n - 1)) / (rewards.std() + SMALLEST_SPREAD)


@dataclass(frozen=True, kw_only=True)
class StepwiseSettings(GivenSettings):
    """Settings of games whose generator may draw its tracks step by step."""

    ranges: ClassVar[Ranges] = {
        **GivenSettings.ranges,
        "fit_steps": {"at least": 0},
        "fit_learning_rate": {"more than": 0},
        "fit_dropout": {"at least": 0, "less than": 1},
        "latent_nats": {"at least": 0},
        "discriminator_fit_steps": {"at least": 0},
    }

    voices: Literal["stepwise", "chords", "auto", "free"] = "stepwise"
    """stepwise: at each step each track follows the one before, given what sounded just before and what the tracks before it do; it
    learns by likelihood first. chords: all tracks share a chord for each beat. auto: each track has logits of its own for all pitches;
    tracks that never have two notes at once in the data have one note at most at each step. free: the same, and all tracks may have several
    notes at once, as in the paper. Of these three, none begins by likelihood."""
    fit_steps: int = 2400
    """Number of steps at the beginning in which the generator learns by likelihood. 0: it begins at random. For stepwise voices alone."""
    fit_learning_rate: float = 2e-3
    """Learning rate by likelihood, from which it falls to nothing over fit_steps."""
    fit_dropout: float = 0.25
    """Dropout rate while the generator learns by likelihood: of what it knows of other notes, and of hidden units."""
    latent_nats: float = 8.0
    """Number of nats that the latent of each phrase may tell for free while the generator learns by likelihood. More: latents say more of a
    phrase, and new ones make less sense."""
    discriminator_fit_steps: int = 150
    """Number of steps after those in which the discriminator learns alone."""

    def incompatibilities(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.voices == "stepwise":
            if self.unroll:
                found.append("unroll needs gradients of generated phrases, which stepwise voices have none of. Leave it out.")
            return found
        for name in ("fit_steps", "fit_learning_rate", "fit_dropout", "latent_nats", "discriminator_fit_steps"):
            if getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} only works with voices='stepwise'. Set that too, or leave it out.")
        return found

    def remarks(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().remarks(spec)
        if self.voices == "stepwise" and self.fit_steps:
            found.append(f"The generator learns by likelihood for {self.fit_steps:,} steps (--fit-steps). Then the game begins.")
        return found

    def rate_factor(self, real_samples: int) -> float:
        """See Recipe. By likelihood the rate falls along a line."""
        left = 1 - real_samples / max(1, self.fit_steps * self.batch_size)
        fitting = self.voices == "stepwise" and left > 0
        return super().rate_factor(real_samples) * (max(left, 0.02) if fitting else 1.0)

    def roll_shape(self, spec: MusicSpec) -> RollShape:
        """What a generator for such data makes."""
        single = tuple(track.single and self.voices != "free" for track in spec.tracks)
        return RollShape(len(spec.tracks), single, spec.bars, spec.bar_steps, spec.pitches, spec.lowest)
