"""An autoencoder and a discriminator, whose features say how like a reconstruction is (Larsen et al. 2016)."""

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame, pack_samples
from sparring.games.game import Player, Turn, evaluating, without_tracking
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import normal_divergence
from sparring.losses.objectives import Losses
from sparring.nets.vaegan import FeatureDiscriminator

SMALLEST_DEVIATION = 1e-3
"""Added to standard deviations that are divided by."""


class AutoencoderGANGame(TwoPlayerGame):
    """An encoder finds latents of images; the generator makes images of these, and of latents from the prior."""

    settings: "AutoencoderGANRecipe"

    def __init__(
        self,
        spec: ImageSpec,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: FeatureDiscriminator,
        settings: "AutoencoderGANRecipe",
    ) -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.encoder = encoder
        self.players = (Player("encoder", ("encoder",), settings.optimizer_maker(settings.learning_rate), has_ema=True), *self.players)
        self.turns = (Turn("encoder", "encoder", self.play_encoder), *self.turns)
        self.sampling_networks = ("generator", "encoder")

    def play_encoder(self, context: StepContext) -> Losses:
        """Find latents with a small divergence, of which the generator makes images with the same features (algorithm 1 of the paper)."""
        images, labels = context.batch.samples, context.batch.labels
        mean, log_variance = self.encoder(images, self.condition(labels))
        divergence = normal_divergence(mean, log_variance).sum(dim=1)
        context.metrics["divergence/nats"] = divergence.detach()
        with without_tracking(self.generator, self.discriminator):  # which are not this turn's to move
            made = self.generator(self.drawn_latents(context, mean, log_variance), self.condition(labels))
            distance = self.feature_distance(made, images, labels)
        return {"divergence": self.settings.beta * divergence, "features": distance}

    def play_generator(self, context: StepContext) -> Losses:
        """See TwoPlayerGame, with the classes of the images that are reconstructed."""
        return super().play_generator(replace(context, draw=lambda: context.batch, draw_labels=lambda: context.batch.labels))

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n c h w"]:
        """See TwoPlayerGame: first reconstructions of the first half of the images, then as many samples (algorithm 1 of the paper)."""
        images, condition = context.batch.samples, self.condition(labels)
        half = len(images) // 2
        with torch.no_grad():
            found = self.drawn_latents(context, *self.encoder(images, condition))
        return self.generator(torch.cat([found[:half], self.latents(context.streams, len(images))[half:]]), condition)

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n c h w"]
    ) -> dict[str, Float[Tensor, " _"]]:
        """See TwoPlayerGame: and the distance of reconstructions from their images, by features."""
        packing = self.settings.packing
        some = slice(len(generated) // 2 // packing * packing or packing)  # what is reconstructed, in whole packs
        distance = self.feature_distance(generated[some], context.batch.samples[some], None if labels is None else labels[some])
        return super().generator_penalties(context, labels, generated) | {"features": self.settings.likeness * distance}

    def drawn_latents(
        self, context: StepContext, mean: Float[Tensor, "n latent"], log_variance: Float[Tensor, "n latent"]
    ) -> Float[Tensor, "n latent"]:
        """Latents from the encoder's distributions."""
        return mean + (log_variance / 2).exp() * context.streams.normal("encoder", *mean.shape)

    def feature_distance(
        self, images: Float[Tensor, "n c h w"], wanted: Float[Tensor, "n c h w"], labels: Labels | None
    ) -> Float[Tensor, " packs"]:
        """Half of the squared distance of two images by the discriminator's features: but for a constant, the negative logarithm of a
        normal density with variance 1 around what is wanted (Larsen et al. 2016, section 2.3). Of packs, its mean. Without a norm, which
        gives features a scale, each channel counts in units of its standard deviation over the batch that is wanted.
        """
        discriminator, packing, condition = cast(FeatureDiscriminator, self.discriminator), self.settings.packing, self.condition(labels)
        condition = None if condition is None else condition.reshape(len(images) // packing, -1)
        with torch.no_grad():
            target = discriminator.features(pack_samples(wanted, packing), condition)
            deviation = target.std(dim=(0, 2, 3), keepdim=True) + SMALLEST_DEVIATION if discriminator.is_unscaled else 1.0
        features = discriminator.features(pack_samples(images, packing), condition)
        return ((features - target) / deviation).square().flatten(1).sum(dim=1) / (2 * packing)

    def encode(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`: the mean of each image's latent."""
        with evaluating(self):
            return self.encoder(samples, self.condition(labels))[0]


@dataclass(frozen=True, kw_only=True)
class AutoencoderGANRecipe(AdversarialRecipe):
    """An autoencoder and a discriminator. A recipe adds the networks."""

    ranges: ClassVar[Ranges] = {**AdversarialRecipe.ranges, "beta": {"at least": 0}, "likeness": {"at least": 0}}

    beta: float = 1.0
    """Weight of the divergence of latents from the normal distribution, for the encoder."""
    likeness: float = 5e-5
    """Weight of the distance of features, for the generator, beside the adversarial loss (the paper's gamma)."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.latent != "normal":
            found.append("Latents that an encoder finds are normal. Leave out latent.")
        return found
