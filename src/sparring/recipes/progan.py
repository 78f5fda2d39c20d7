"""ProGAN: both networks grow during training, from 4x4 to full resolution."""

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
    """Progressive growing, pixel norm, equalized learning rate, minibatch standard deviation; WGAN-GP with a drift penalty.

    The paper trains on 800,000 images at each resolution, and on as many while the next one fades in. On a laptop, use fewer:
    `--stable-samples 30000 --fading-samples 30000`, and `--channel-max 64` to `--channel-max 128`.
    """

    title: ClassVar[str] = "Progressive growing from 4x4 to full resolution"
    paper: ClassVar[str] = (
        "Karras, Aila, Laine, Lehtinen 2018: Progressive Growing of GANs for Improved Quality, Stability, and Variation (arXiv:1710.10196)"
    )
    data: ClassVar[str] = "images, 8x8 to 1024x1024 (a power of two), with or without classes"

    batch_size: int = 16
    """Number of real images in each discriminator batch. (In the paper it falls from 128 to 3 as images grow, to fit into memory.)"""
    latent_size: int = 512
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and discriminator."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated samples. 0: no penalty."""
    drift: float = 0.001
    """Weight of the squared logits of real samples, which keeps the critic near zero. 0: no penalty."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + equalized_problems(self)
        if self.condition in {"concatenate", "projection"}:
            found.append(f"condition={self.condition!r} does not work with ProGAN's networks. Use condition='auxiliary', as in the paper.")
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
