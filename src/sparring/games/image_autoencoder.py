"""A variational autoencoder of images: one player with an encoder and a decoder (Kingma and Welling 2014)."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial_settings import doubling_problems
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn, evaluating
from sparring.games.image_likelihood import noise_of
from sparring.games.image_recipe import SamplingImageRecipe
from sparring.games.latent_game import LatentGame
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import images_of, levels_of, log_discretized_logistic, normal_divergence
from sparring.losses.objectives import Losses
from sparring.nets.vae import MAX_SIDE, MIN_SIDE, Decoder, Encoder
from sparring.optimizers.optimizers import maker


class ImageAutoencoderGame(LatentGame):
    """Images are encoded as normal distributions of latents, and latents decoded as distributions of pixels."""

    likelihood_kind: ClassVar[LikelihoodKind] = "ELBO"

    def __init__(self, spec: ImageSpec, settings: "ImageAutoencoderRecipe") -> None:
        super().__init__(spec)
        self.settings, self.dimensions = settings, math.prod(spec.shape)
        plan, classes = spec.doublings, len(spec.condition_names) if self.conditional else 0
        sizes = plan.side, spec.channels, settings.latent_size, settings.width, classes
        self.encoder, self.decoder = Encoder(*sizes, smallest_map=plan.smallest_map), Decoder(*sizes, smallest_map=plan.smallest_map)
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=0.0)
        self.players = (Player("autoencoder", ("encoder", "decoder"), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("fit", "autoencoder", self.play),)
        self.sampling_networks = ("decoder", "encoder")

    @property
    def conditional(self) -> bool:
        """See LatentGame."""
        return self.settings.condition != "none"

    def play(self, context: StepContext) -> Losses:
        """Raise the evidence lower bound: pixels that are likely given the latent, and latents that say little. Both are in bits for each
        number of an image.
        """
        settings, images, condition = self.settings, context.batch.samples, self.condition(context.batch.labels)
        mean, log_variance = self.encoder(images, condition)
        noise = context.streams.normal("latent", *mean.shape)
        found = self.log_pixels(images, mean + (log_variance / 2).exp() * noise, condition)
        divergence = normal_divergence(mean, log_variance)
        context.metrics["divergence/nats"] = divergence.detach().sum(dim=1)
        context.metrics["divergence/active_latents"] = (divergence.detach().mean(dim=0) > ACTIVE).float().sum()
        if settings.free_bits:  # a latent's divergence below this costs nothing (Kingma et al. 2016, appendix C.8)
            divergence = divergence.mean(dim=0).clamp(min=settings.free_bits * math.log(2)).expand_as(divergence)
        share = 1.0 if not settings.beta_warmup_samples else min(1.0, (context.real_samples + 1) / settings.beta_warmup_samples)
        bits = self.dimensions * math.log(2)
        return {"reconstruction": -found / bits, "divergence": share * settings.beta * divergence.sum(dim=1) / bits}

    def log_pixels(
        self, images: Float[Tensor, "n c h w"], latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None
    ) -> Float[Tensor, " n"]:
        """Logarithm of the probability of images given their latents."""
        means = self.decoder(latents, condition)
        with torch.autocast(images.device.type, enabled=False):
            exact = images_of(levels_of(images))
            return log_discretized_logistic(exact, means, self.decoder.log_scales.expand_as(means)).flatten(1).sum(dim=1)

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (("normal", self.settings.latent_size),)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        return streams.normal("latent", n, self.settings.latent_size)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """See LatentGame: the means of pixels. Truncation multiplies latents."""
        return self.decoder(latents if truncation is None else latents * truncation, condition).clamp(-1, 1)

    def encode(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`: the mean of each image's latent."""
        with evaluating(self):
            return self.encoder(samples, self.condition(labels))[0]

    def log_likelihood(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`: the evidence lower bound, from one latent for each image."""
        return self.importance_weighted(samples, labels, 1)

    def importance_weighted(self, samples: Float[Tensor, "n c h w"], labels: Labels | None, k: int) -> Float[Tensor, " n"]:
        """A lower bound of the logarithm of the probability of images from `k` latents each, which rises with `k` to the truth (Burda et
        al. 2016, equation 8). Of one, it is the evidence lower bound with the divergence in closed form.
        """
        with evaluating(self):
            condition = self.condition(labels)
            mean, log_variance = self.encoder(samples, condition)
            size, weights = self.settings.latent_size, []
            noise = noise_of(samples, normal=size * k).reshape(len(samples), k, size)
            for each in noise.unbind(dim=1):
                latents = mean + (log_variance / 2).exp() * each
                found = self.log_pixels(samples, latents, condition)
                if k == 1:
                    return found - normal_divergence(mean, log_variance).sum(dim=1)
                # log p(z) - log q(z | x); the constants of both normal distributions are the same
                weights.append(found + 0.5 * (each.square() + log_variance - latents.square()).sum(dim=1))
            return torch.stack(weights).logsumexp(dim=0) - math.log(k)


ACTIVE = 0.01
"""A latent is active if its mean divergence is above this, in nats."""


@dataclass(frozen=True, kw_only=True)
class ImageAutoencoderRecipe(SamplingImageRecipe):
    """A variational autoencoder of images."""

    smallest_side: ClassVar[int | None] = MIN_SIDE
    ranges: ClassVar[Ranges] = {
        **SamplingImageRecipe.ranges,
        "width": {"at least": 8, "at most": 4096},
        "beta": {"at least": 0},
        "free_bits": {"at least": 0},
        "beta_warmup_samples": {"at least": 0},
    }

    batch_size: int = 128
    """Number of images in each batch."""
    latent_size: int = 64
    """Number of dimensions of the latent vector."""
    learning_rate: float = 1e-3
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    width: int = 32
    """Number of channels at the full side and at half of it; twice as many at a quarter, four times as many below. A multiple of 8."""
    beta: float = 1.0
    """Weight of the divergence of latents from the normal distribution (Higgins 2017). Above 1, latents say less, and are more
    independent."""
    free_bits: float = 0.0
    """Bits of divergence that each latent may have without cost, so that latents do not fall silent (Kingma 2016: 0.1)."""
    beta_warmup_samples: int = 0
    """Number of real samples over which beta rises linearly from zero (Bowman 2016). 0: it is constant."""
    condition: Literal["none", "concatenate"] = "none"
    """concatenate: both networks are told the class."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, MIN_SIDE, MAX_SIDE)
        found += self.class_problems(spec, self.condition)
        if self.width % 8:
            found.append(f"width must be a multiple of 8; {self.width} is not.")
        return found

    def build(self, spec: ImageSpec) -> ImageAutoencoderGame:
        """See Recipe."""
        return ImageAutoencoderGame(spec, self)
