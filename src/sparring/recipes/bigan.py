"""BiGAN: a GAN with an encoder, which is learned by the game itself."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial_settings import doubling_problems, mixing_problems
from sparring.games.bidirectional_gan import BidirectionalGame, BidirectionalRecipe
from sparring.nets import dcgan
from sparring.nets.bigan import PairDiscriminator


@dataclass(frozen=True, kw_only=True)
class BiGAN(BidirectionalRecipe):
    """DCGAN's networks. The discriminator sees images with their latents, so that the generator learns to make images of latents and the
    encoder latents of images.
    """

    title: ClassVar[str] = "A GAN with an encoder: from images to latents and back"
    paper: ClassVar[str] = "Donahue, Krähenbühl, Darrell 2017: Adversarial Feature Learning (arXiv:1605.09782)"
    data: ClassVar[str] = "images, 16x16 to 256x256 (also rectangles, such as 96x64)"
    smallest_side: ClassVar[int | None] = dcgan.MIN_SIDE
    ranges: ClassVar[Ranges] = {
        **BidirectionalRecipe.ranges,
        "width": {"at least": 1, "at most": 4096},
        "leak": {"at least": 0},
        "hidden": {"at least": 1, "at most": 2**16},
    }

    width: int = 64
    """Number of channels at half the resolution; it doubles with each halving of the side."""
    leak: float = 0.2
    """Slope of leaky ReLUs below zero."""
    hidden: int = 512
    """Number of hidden units of the discriminator's layers for latents, and for images and latents together."""
    discriminator_norm: dcgan.Norm = "none"
    """Normalization in the discriminator: batch (as in the paper), image (layer norm over each image) or none. With a norm it does not see
    how strong the contrast of images is."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, dcgan.MIN_SIDE, dcgan.MAX_SIDE)
        found += mixing_problems(self.r1 > 0 or self.r2 > 0, self.discriminator_norm)
        return found

    def build(self, spec: ImageSpec) -> BidirectionalGame:
        """See Recipe."""
        plan = spec.doublings
        sizes, smallest = (plan.side, spec.channels, self.latent_size, self.width), plan.smallest_map
        return BidirectionalGame(
            spec,
            dcgan.Generator(*sizes, smallest_map=smallest),
            dcgan.Encoder(*sizes, self.leak, smallest_map=smallest, stochastic=self.encoder == "stochastic"),
            PairDiscriminator(*sizes, self.leak, self.hidden, self.discriminator_norm, smallest_map=smallest),
            self,
        )


RECIPE = BiGAN
