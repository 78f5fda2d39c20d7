"""An autoencoder and a discriminator, whose features say how like a reconstruction is (Larsen et al. 2016)."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame
from sparring.games.game import Player, Turn, evaluating
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import normal_divergence
from sparring.losses.objectives import Losses
from sparring.nets.vaegan import FeatureDiscriminator


class AutoencoderGANGame(TwoPlayerGame):
    """An encoder finds latents of images; the generator makes images of these, and of latents that nobody found."""

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
        """Find latents that say little, and of which the generator makes images with the same features (equation 9 of the paper)."""
        images, condition = context.batch.samples, self.condition(context.batch.labels)
        mean, log_variance = self.encoder(images, condition)
        divergence = normal_divergence(mean, log_variance).sum(dim=1)
        context.metrics["divergence/nats"] = divergence.detach()
        made = self.generator(self.drawn_latents(context, mean, log_variance), condition)
        with torch.no_grad():
            _, wanted = self.outputs_and_features(images, condition)
        _, features = self.outputs_and_features(made, condition)
        return {"divergence": self.settings.beta * divergence, "features": feature_distance(features, wanted)}

    def play_generator(self, context: StepContext) -> Losses:
        """Make images that the discriminator takes for real, of latents that were found and of others; of the first, with the features of
        the images that they were found for (algorithm 1 of the paper).
        """
        images, condition = context.batch.samples, self.condition(context.batch.labels)
        with torch.no_grad():
            latents = self.drawn_latents(context, *self.encoder(images, condition))
            real, wanted = self.outputs_and_features(images, condition)
        logits, features = self.outputs_and_features(self.generator(latents, condition), condition)
        others = self.generator(self.latents(context.streams, context.batch_size), condition)
        other_logits, _ = self.outputs_and_features(others, condition)
        found = self.objective.generator(real[:, 0], logits[:, 0])
        of_others = self.objective.generator(real[:, 0], other_logits[:, 0])
        losses = {name: (found[name] + of_others[name]) / 2 for name in found}
        losses["features"] = self.settings.likeness * feature_distance(features, wanted)
        return losses | self.generator_penalties(context, context.batch.labels)

    def generate_fakes(self, context: StepContext, labels: Int64[Tensor, " n"] | None) -> Float[Tensor, "n c h w"]:
        """See TwoPlayerGame: half of them reconstructions, half of latents that nobody found."""
        images, condition = context.batch.samples, self.condition(labels)
        latents = self.latents(context.streams, context.batch_size)
        half = len(images) // 2
        found = self.drawn_latents(context, *self.encoder(images, condition))
        return self.generator(torch.cat([found[:half], latents[half:]]), condition)

    def drawn_latents(
        self, context: StepContext, mean: Float[Tensor, "n latent"], log_variance: Float[Tensor, "n latent"]
    ) -> Float[Tensor, "n latent"]:
        """Latents from the encoder's distributions."""
        return mean + (log_variance / 2).exp() * context.streams.normal("encoder", *mean.shape)

    def outputs_and_features(
        self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None
    ) -> tuple[Float[Tensor, "n outputs"], Float[Tensor, "n features"]]:
        """The discriminator's outputs and features of images."""
        outputs, features = cast(FeatureDiscriminator, self.discriminator).outputs_and_features(images, condition)
        return outputs.float(), features

    def encode(self, samples: Float[Tensor, "n c h w"], labels: Int64[Tensor, " n"] | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`: the mean of each image's latent."""
        with evaluating(self):
            return self.encoder(samples, self.condition(labels))[0]


def feature_distance(features: Float[Tensor, "n d"], wanted: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Negative logarithm, but for a constant, of a normal density with variance 1 around the features that are wanted (equation 7)."""
    return (features - wanted).square().sum(dim=1) / 2


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
        if self.condition in {"projection", "auxiliary"}:
            found.append(f"condition={self.condition!r} is not for an encoder. Use condition='concatenate'.")
        if self.augment != "none" or self.packing > 1 or self.input_noise or self.unroll or self.latent != "normal":
            found.append("augment, packing, input_noise, unroll and uniform latents do not work with an encoder. Leave them out.")
        return found
