"""A reversible generator against a discriminator: a GAN that knows how likely images are (Grover et al. 2018)."""

import math
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import Draws
from sparring.games.flow import decode_pixels, encode_pixels
from sparring.games.game import evaluating
from sparring.games.image_likelihood import noise_of
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import LEVELS, bits_per_dimension
from sparring.nets.flows import Flow


@dataclass(frozen=True, kw_only=True)
class ReversibleSettings(AdversarialRecipe):
    """What a game with a reversible generator needs to know. A recipe adds the networks."""

    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "likelihood": {"at least": 0},
        "margin": {"at least": 0, "less than": 0.5},
    }

    likelihood: float = 1.0
    """Weight of the negative log-likelihood of real images, in nats, beside the adversarial loss (Grover 2018: 1; for color images 20).
    0: the game alone."""
    margin: float = 0.05
    """Pixels are moved this far away from black and white, and then through a logit, so that the network may give any number. 0: they are
    not."""


class FlowGANGame(TwoPlayerGame):
    """The generator is a reversible network. Beside its adversarial loss it minimizes the negative log-likelihood of real images."""

    likelihood_kind: ClassVar[LikelihoodKind] = "dequantized bound"

    settings: ReversibleSettings

    def __init__(self, spec: ImageSpec, generator: Flow, discriminator: nn.Module, settings: ReversibleSettings) -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.dimensions = math.prod(spec.shape)
        self.truncation = "scale"
        self.turns = self.turns[::-1]  # the generator's first, in which actnorms normalize the first batch

    @property
    def flow(self) -> Flow:
        """The generator."""
        return cast(Flow, self.generator)

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (("normal", self.dimensions),)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: as many normal numbers as an image has."""
        return streams.normal("latent", n, self.dimensions)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """See LatentGame. Truncation is the temperature: latents are multiplied by it."""
        return decode_pixels(self.flow, self.settings.margin, latents if truncation is None else latents * truncation, None)

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n c h w"]:
        """See TwoPlayerGame."""
        return self.generate(self.latents(context.streams, context.batch_size), None)

    def discriminator_input(
        self, samples: Float[Tensor, "n c *rest"], name: str, context: StepContext
    ) -> Float[Tensor, "packs packed *rest"]:
        """See TwoPlayerGame. Real images get uniform noise of a level: generated ones are no whole levels, which would tell them apart."""
        if name == "real":
            samples = samples + context.streams.uniform("levels", *samples.shape) / (LEVELS - 1)
        return super().discriminator_input(samples, name, context)

    def see_first_batch(self, context: StepContext) -> None:
        """See Game: actnorms normalize it."""
        with torch.no_grad():
            encode_pixels(self.flow, self.settings.margin, context.batch.samples, 0.5, None)

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n c h w"]
    ) -> dict[str, Float[Tensor, " _"]]:
        """See TwoPlayerGame: and the negative log-likelihood of real images, in nats, times its weight (section 3.3 of the paper)."""
        found = super().generator_penalties(context, labels, generated)
        if self.settings.likelihood:
            images = context.batch.samples
            noise = (context.streams.uniform("noise", *images.shape) + 1) / 2
            log_likelihood = encode_pixels(self.flow, self.settings.margin, images, noise, None)[1]
            context.metrics["bits_per_dimension"] = bits_per_dimension(log_likelihood.detach(), self.dimensions)
            found["likelihood"] = -self.settings.likelihood * log_likelihood
        return found

    def encode(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`."""
        with evaluating(self):
            return encode_pixels(self.flow, self.settings.margin, samples, 0.5, None)[0]

    def log_likelihood(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`."""
        with evaluating(self):
            return encode_pixels(self.flow, self.settings.margin, samples, noise_of(samples), None)[1]
