"""SNGAN: residual networks with a spectrally normalized discriminator."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.adversarial_settings import doubling_problems
from sparring.losses.objectives import ObjectiveName
from sparring.nets import sngan as nets


@dataclass(frozen=True, kw_only=True)
class SNGAN(AdversarialRecipe):
    """Residual networks with a spectrally normalized discriminator. With `--condition projection`, class-conditional as in Miyato and
    Koyama 2018. (Two details of the authors' code are left out: the generator's batch is twice as large as the discriminator's, and the
    learning rate falls linearly to zero.)
    """

    title: ClassVar[str] = "Residual networks with spectral normalization; classes by projection"
    paper: ClassVar[str] = (
        "Miyato, Kataoka, Koyama, Yoshida 2018: Spectral Normalization for Generative Adversarial Networks (arXiv:1802.05957); "
        "Miyato, Koyama 2018: cGANs with Projection Discriminator (arXiv:1802.05637)"
    )
    data: ClassVar[str] = "images, 16x16 to 256x256 (also rectangles, such as 96x64), with or without classes"
    smallest_side: ClassVar[int | None] = nets.MIN_SIDE
    ranges: ClassVar[Ranges] = {**AdversarialRecipe.ranges, "width": {"at least": 1, "at most": 1024}}

    batch_size: int = 64
    """Number of real images in each discriminator batch."""
    objective: ObjectiveName = "hinge"
    """Losses of generator and discriminator."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Adam's decay rates, for the mean and the variance of gradients."""
    discriminator_steps: int = 5
    """Number of discriminator updates per generator update."""
    spectral_norm: bool = True
    """Apply spectral normalization to the discriminator."""
    width: int = 64
    """Number of channels of the largest feature maps, at 64x64 and above; it doubles with each halving of the side. At 16x16 and 32x32
    all feature maps of the generator have four times as many channels, those of the discriminator twice as many (with 64: 256 and 128,
    as in the paper)."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        return super().incompatibilities(spec) + doubling_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)

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
            minibatch_deviation=self.minibatch_deviation,
            **self.discriminator_classes(spec),
        )
        return generator, discriminator


RECIPE = SNGAN
