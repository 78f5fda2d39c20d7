"""A generator of music that draws its tracks step by step: it learns by likelihood first, then from a discriminator."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.likelihood_first import DRAWS, FitSettings, LikelihoodFirstGame
from sparring.games.music_gan import GivenSettings, MusicGAN
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.nets.music import Discriminator, RollShape
from sparring.nets.stepwise_voices import PhraseEncoder, StepwiseGenerator


class StepwiseMusicGAN(MusicGAN, LikelihoodFirstGame):
    """The generator learns by likelihood as the decoder of a variational autoencoder, whose encoder finds latents of real phrases."""

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
        self.begin_by_likelihood(settings, ("generator", "encoder"), self.play_fit)

    @property
    def stepwise(self) -> StepwiseGenerator:
        """The generator, as the network that draws tracks step by step."""
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
        """Make phrases likelier that the discriminator takes for real, and others less likely: see `rewards`."""
        latents, given, known = self.latents(context.streams, DRAWS * context.batch_size), None, None
        if self.given_track is not None:
            given, known = (each.repeat_interleave(DRAWS, 0) for each in self.given_of(context, context.batch.samples))
        with torch.no_grad():
            rolls = self.generator(latents, None, given, known)
            rewards = self.rewards(context, rolls)
        likely = self.stepwise.log_probabilities(latents[:, : self.latent_parts], rolls, given, known).sum(dim=(1, 2))
        events = self.music_spec.steps * len(self.music_spec.tracks)
        return {"adversarial": -rewards * likely / events}


@dataclass(frozen=True, kw_only=True)
class StepwiseSettings(FitSettings, GivenSettings):
    """Settings of games whose generator may draw its tracks step by step."""

    ranges: ClassVar[Ranges] = {**GivenSettings.ranges, **FitSettings.ranges, "latent_nats": {"at least": 0}}
    for_stepwise: ClassVar[tuple[str, ...]] = (*FitSettings.for_stepwise, "latent_nats")

    voices: Literal["stepwise", "chords", "auto", "free"] = "stepwise"
    """stepwise: at each step each track is sampled after the one before, given what sounded just before and what the tracks before it do;
    it learns by likelihood first. chords: all tracks share a chord for each beat. auto: each track has logits of its own for all pitches;
    tracks that never have two notes at once in the data have one note at most at each step. free: the same, and all tracks may have several
    notes at once, as in the paper. Of these three, none begins by likelihood."""
    latent_nats: float = 8.0
    """Number of nats that the latent of each phrase may tell for free while the generator learns by likelihood. More: latents say more of a
    phrase, and those that are sampled make less sense."""

    def roll_shape(self, spec: MusicSpec) -> RollShape:
        """What a generator for such data makes."""
        single = tuple(track.single and self.voices != "free" for track in spec.tracks)
        return RollShape(len(spec.tracks), single, spec.bars, spec.bar_steps, spec.pitches, spec.lowest)
