"""A generator and an encoder against a discriminator of pairs: an image and its latent, from one side or from the other."""

from collections.abc import Mapping
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
        # Lazily (Karras et al. 2020, section 3.1): seldom, and as much stronger.
        strength = 0 if context.step % self.settings.penalty_every else self.settings.penalty_every
        r1, r2 = strength * self.settings.r1, strength * self.settings.r2
        real = (requiring_gradients(real[0]), requiring_gradients(real[1])) if r1 else real
        generated = (requiring_gradients(generated[0]), requiring_gradients(generated[1])) if r2 else generated
        real_logits, generated_logits = self.logits(real), self.logits(generated)
        context.metrics.update({"logits/real": real_logits, "logits/generated": generated_logits})
        losses = dict(self.objective.discriminator(real_logits, generated_logits))
        if r1:
            losses["r1"] = r1 / 2 * squared_pair_gradients(real_logits, real)
        if r2:
            losses["r2"] = r2 / 2 * squared_pair_gradients(generated_logits, generated)
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


def squared_pair_gradients(logits: Float[Tensor, " n"], pair: Pair) -> Float[Tensor, " n"]:
    """Squared Euclidean norm of each logit's gradient with respect to its image and its latent."""
    return squared_gradients(logits, pair[0]) + squared_gradients(logits, pair[1])


@dataclass(frozen=True, kw_only=True)
class BidirectionalRecipe(SamplingImageRecipe):
    """A generator, an encoder and a discriminator of pairs. A recipe adds the networks."""

    ranges: ClassVar[Ranges] = {
        **SamplingImageRecipe.ranges,
        "r1": {"at least": 0},
        "r2": {"at least": 0},
        "penalty_every": {"at least": 1},
    }

    of_older_runs: ClassVar[Mapping[str, object]] = {"r2": 0.0, "penalty_every": 1}

    latent_size: int = 50
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "relativistic"
    """Losses of the discriminator, which generator and encoder minimize with sides exchanged."""
    encoder: Literal["deterministic", "stochastic"] = "deterministic"
    """deterministic: one latent for each image (BiGAN). stochastic: a normal distribution of latents (adversarially learned inference,
    Dumoulin 2017)."""
    learning_rate: float = 1e-3
    """Learning rate of all networks."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float = 0.05
    """Weight gamma of R1: gamma / 2 times the squared gradient at real images and their latents (Mescheder 2018). 0: no penalty."""
    r2: float = 0.05
    """Weight gamma of R2: gamma / 2 times the squared gradient at latents and the images made of them (Mescheder 2018). 0: no penalty."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization, Karras
    2020: 16)."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if objective(self.objective).is_critic and not self.r1:
            found.append(f"objective={self.objective!r} has a critic, whose slope must be bounded. Set r1, or use another objective.")
        return found

    @property
    def steps_per_cycle(self) -> int:
        """See Recipe."""
        return self.penalty_every
