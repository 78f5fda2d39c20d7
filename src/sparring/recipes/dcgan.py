"""DCGAN: the convolutional architecture that made GANs train."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.adversarial_settings import doubling_problems, mixing_problems
from sparring.nets import dcgan as nets


@dataclass(frozen=True, kw_only=True)
class DCGAN(AdversarialRecipe):
    """Strided and transposed convolutions with batch norm."""

    title: ClassVar[str] = "Convolutional networks with batch norm: the one to start with"
    paper: ClassVar[str] = (
        "Radford, Metz, Chintala 2016: Unsupervised Representation Learning with Deep Convolutional GANs (arXiv:1511.06434)"
    )
    data: ClassVar[str] = "images, 16x16 to 256x256 (also rectangles, such as 96x64), with or without classes"
    smallest_side: ClassVar[int | None] = nets.MIN_SIDE
    ranges: ClassVar[Ranges] = {**AdversarialRecipe.ranges, "width": {"at least": 1, "at most": 4096}, "leak": {"at least": 0}}

    batch_size: int = 128
    """Number of real images in each discriminator batch."""
    latent_size: int = 100
    """Number of dimensions of the latent vector."""
    latent: Literal["normal", "uniform"] = "uniform"
    """Distribution of latent vectors: standard normal, or uniform in [-1, 1]."""
    width: int = 64
    """Number of channels at half the resolution; it doubles with each halving of the side. (64 as in the authors' code; the generator in
    the paper's figure 1 has 128.)"""
    leak: float = 0.2
    """Slope of the discriminator's leaky ReLU below zero."""
    discriminator_norm: nets.Norm = "batch"
    """Normalization in the discriminator: batch, image (layer norm over each image) or none."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)
        found += mixing_problems(self.penalized, self.discriminator_norm)
        return found

    def networks(self, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
        """See AdversarialRecipe."""
        plan = spec.doublings
        generator = nets.Generator(
            plan.side, spec.channels, self.latent_size, self.width, smallest_map=plan.smallest_map, **self.generator_classes(spec)
        )
        discriminator = nets.Discriminator(
            plan.side,
            spec.channels * self.packing,
            self.width,
            self.leak,
            smallest_map=plan.smallest_map,
            norm=self.discriminator_norm,
            minibatch_deviation=self.minibatch_deviation,
            **self.discriminator_classes(spec),
        )
        return generator, discriminator


RECIPE = DCGAN
