"""A generator and an encoder against a discriminator of pairs: an image and its latent, from one side or from the other."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import requiring_gradients, truncated
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn, evaluating
from sparring.games.image_recipe import SamplingImageRecipe
from sparring.games.latent_game import LatentGame
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses, ObjectiveName, objective
from sparring.losses.penalties import squared_gradients
from sparring.optimizers.optimizers import maker

Pair = tuple[Float[Tensor, "n c h w"], Float[Tensor, "n latent"]]
"""An image and a latent of each sample."""


class BidirectionalGame(LatentGame):
    """The discriminator sees real images with the latents that the encoder finds, and latents with the images that the generator makes of
    them. Where it cannot tell which is which, encoder and generator undo each other (Donahue et al. 2017, theorem 2).
    """

    def __init__(
        self, spec: ImageSpec, generator: nn.Module, encoder: nn.Module, discriminator: nn.Module, settings: "BidirectionalRecipe"
    ) -> None:
        super().__init__(spec)
        self.generator, self.encoder, self.discriminator = generator, encoder, discriminator
        self.settings, self.objective = settings, objective(settings.objective)
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=0.0)
        self.players = (
            Player("generator", ("generator", "encoder"), optimizer, has_ema=settings.ema_samples > 0),
            Player("discriminator", ("discriminator",), optimizer),
        )
        self.turns = (
            Turn("discriminator", "discriminator", self.play_discriminator),
            Turn("generator", "generator", self.play_generator),
        )
        self.truncation = "rank"
        self.sampling_networks = ("generator", "encoder")

    @property
    def conditional(self) -> bool:
        """See LatentGame: the paper has no classes."""
        return False

    def pairs(self, context: StepContext) -> tuple[Pair, Pair]:
        """Real images with the latents that are found for them, and latents with the images that are made of them."""
        images, drawn = context.batch.samples, self.latents(context.streams, context.batch_size)
        found, log_variance = self.encoder(images)
        if log_variance is not None:
            found = found + (log_variance / 2).exp() * context.streams.normal("encoder", *found.shape)
        return (images, found), (self.generator(drawn, None), drawn)

    def play_discriminator(self, context: StepContext) -> Losses:
        """Tell which side a pair comes from."""
        with torch.no_grad():
            real, generated = self.pairs(context)
        if self.settings.r1:
            real = requiring_gradients(real[0]), requiring_gradients(real[1])
        real_logits, generated_logits = self.logits(real), self.logits(generated)
        context.metrics.update({"logits/real": real_logits, "logits/generated": generated_logits})
        losses = dict(self.objective.discriminator(real_logits, generated_logits))
        if self.settings.r1:
            losses["r1"] = self.settings.r1 / 2 * (squared_gradients(real_logits, real[0]) + squared_gradients(real_logits, real[1]))
        return losses

    def play_generator(self, context: StepContext) -> Losses:
        """Make each side look like the other: the discriminator's losses with sides exchanged (the authors' "inverse" objective), of the
        generator and of the encoder.
        """
        real, generated = self.pairs(context)
        losses = self.objective.discriminator(self.logits(generated), self.logits(real))
        moved = {"real": "generator", "generated": "encoder"}  # sides are exchanged
        return {f"adversarial/{moved.get(name, name)}": loss for name, loss in losses.items()}

    def logits(self, pair: Pair) -> Float[Tensor, " n"]:
        """The discriminator's logits of pairs."""
        return self.discriminator(*pair).to(pair[0].dtype)[:, 0]

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
        """See LatentGame. Truncation is in the latents: each number within so much of zero."""
        return self.generator(latents if truncation is None else truncated(latents, truncation), None)

    def encode(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`: the mean of each image's latent."""
        with evaluating(self):
            return self.encoder(samples)[0]


@dataclass(frozen=True, kw_only=True)
class BidirectionalRecipe(SamplingImageRecipe):
    """A generator, an encoder and a discriminator of pairs. A recipe adds the networks."""

    ranges: ClassVar[Ranges] = {**SamplingImageRecipe.ranges, "r1": {"at least": 0}}

    batch_size: int = 128
    """Number of images in each batch."""
    latent_size: int = 50
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "non-saturating"
    """Losses of the discriminator, which generator and encoder minimize with sides exchanged."""
    encoder: Literal["deterministic", "stochastic"] = "deterministic"
    """deterministic: one latent for each image (BiGAN). stochastic: a normal distribution of latents (adversarially learned inference,
    Dumoulin 2017)."""
    learning_rate: float = 2e-4
    """Learning rate of all networks."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float = 0.0
    """Weight gamma of R1: gamma / 2 times the squared gradient at real images and their latents (Mescheder 2018). 0: no penalty."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if objective(self.objective).is_critic and not self.r1:
            found.append(f"objective={self.objective!r} has a critic, whose slope must be bounded. Set r1, or use another objective.")
        return found
