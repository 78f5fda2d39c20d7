"""ProGAN: both networks grow while they train, from 4x4 images to the full side."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.adversarial_settings import equalized_problems
from sparring.games.progressive_growing import GrowingRecipe
from sparring.losses.objectives import ObjectiveName
from sparring.nets import progressive_growing as nets


@dataclass(frozen=True, kw_only=True)
class ProGAN(GrowingRecipe):
    """New sides are faded in; pixel norm, equalized learning rate, minibatch standard deviation; WGAN-GP with a drift penalty.

    The paper shows 800,000 images at each side and as many while the next comes in. On a laptop give less: `--stable-samples 30000
    --fading-samples 30000`, and `--channel-max 64` to 128.
    """

    title: ClassVar[str] = "Grows from 4x4 to the full side, each new side faded in"
    paper: ClassVar[str] = (
        "Karras, Aila, Laine, Lehtinen 2018: Progressive Growing of GANs for Improved Quality, Stability, and Variation (arXiv:1710.10196)"
    )
    data: ClassVar[str] = "images, 8x8 to 1024x1024 (a power of two), with or without classes"

    batch_size: int = 16
    """Real images in each turn's batch. (The paper's falls from 128 to 3 as images grow, to fit into memory.)"""
    latent_size: int = 512
    """Numbers in a latent vector."""
    objective: ObjectiveName = "wasserstein"
    """The pair of losses."""
    gradient_penalty: float = 10.0
    """Weight of (gradient norm - 1)^2 between real and generated samples."""
    drift: float = 0.001
    """Weight of the squared logits of real samples, which keeps the critic near zero."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + equalized_problems(self)
        if self.condition in {"concatenate", "projection"}:
            found.append(f"condition={self.condition!r} is not for ProGAN's networks: use 'auxiliary', as the paper does.")
        return found

    def build(self, spec: ImageSpec) -> TwoPlayerGame:
        """See Recipe."""
        growth, channels = self.growth(spec), self.channels(spec)
        told = self.generator_classes(spec)["concatenated"]
        generator = nets.Generator(channels, spec.channels, self.latent_size, growth, concatenated=told)
        discriminator = nets.Discriminator(
            channels,
            spec.channels * self.packing,
            growth,
            minibatch_deviation=self.minibatch_deviation,
            named=self.discriminator_classes(spec)["named"],
        )
        return TwoPlayerGame(spec, generator, discriminator, self, growth)


RECIPE = ProGAN
