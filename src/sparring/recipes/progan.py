"""ProGAN: both networks grow while they train, from 4x4 pictures to the full side."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.adversarial import AdversarialRecipe, TwoPlayerGame, equalised_problems, growth_problems, nearest_square, square_problems
from sparring.core.settings import Ranges
from sparring.core.specs import ImageSpec
from sparring.nets import growing as nets
from sparring.nets.stylegan2 import width_problems, widths
from sparring.objectives import ObjectiveName


@dataclass(frozen=True, kw_only=True)
class Progan(AdversarialRecipe):
    """New sides are faded in; pixel norm, equalised learning rate, minibatch standard deviation; WGAN-GP with a drift penalty.

    The paper shows 800,000 pictures at each side and as many while the next comes in. On a laptop give less: `--stable-images 30000
    --fading-images 30000`, and `--channel-max 64` to 128.
    """

    title: ClassVar[str] = "Grows from 4x4 to the full side, each new side faded in"
    paper: ClassVar[str] = (
        "Karras, Aila, Laine, Lehtinen 2018: Progressive Growing of GANs for Improved Quality, Stability, and Variation (arXiv:1710.10196)"
    )
    data: ClassVar[str] = "pictures, 8x8 to 1024x1024 (a power of two), with or without classes"
    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "channel_base": {"at least": 1, "at most": 2**20},
        "channel_max": {"at least": 1, "at most": 4096},
        "start_side": {"at least": 4},
        "stable_images": {"at least": 1},
        "fading_images": {"at least": 0},
    }

    batch_size: int = 16
    """Real pictures in each turn's batch. (The paper's falls from 128 to 3 as pictures grow, to fit into memory.)"""
    latent_size: int = 512
    """Numbers in a latent vector."""
    objective: ObjectiveName = "wasserstein"
    """The pair of losses."""
    gradient_penalty: float = 10.0
    """Weight of (gradient norm - 1)^2 between real and generated samples."""
    drift: float = 0.001
    """Weight of the squared logits of real samples, which keeps the critic near zero."""
    learning_rate: float = 1e-3
    """Adam's rate, for both networks."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates."""
    minibatch_deviation: bool = True
    """The discriminator sees how much its batch varies."""
    channel_base: int = 16384
    """Channels are so many divided by the side..."""
    channel_max: int = 512
    """...and at most so many."""
    start_side: int = 4
    """The side to begin with."""
    stable_images: int = 800_000
    """Pictures shown at each side alone."""
    fading_images: int = 800_000
    """Pictures over which the next side is faded in."""

    def misfits(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().misfits(spec) + square_problems(spec, 8, nets.LARGEST) + growth_problems(spec, self.start_side)
        if self.condition in {"concatenate", "projection"}:
            found.append(f"condition={self.condition!r} is not for ProGAN's networks: use 'auxiliary', as the paper does.")
        return found + equalised_problems(self) + width_problems(spec, self.channel_base)

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The power of two that is nearest to the pictures' own side without losing pixels, at most 64."""
        return nearest_square(super().size_for(native), 8)

    def build(self, spec: ImageSpec) -> TwoPlayerGame:
        """See Recipe."""
        growth = nets.Growth(self.start_side, spec.height, self.stable_images, self.fading_images)
        channels = widths(spec.height, self.channel_base, self.channel_max)
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


RECIPE = Progan
