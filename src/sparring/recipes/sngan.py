"""SNGAN: residual networks, the discriminator's weights divided by their spectral norms."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from sparring.core.settings import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.adversarial_settings import nearest_square, square_problems
from sparring.losses.objectives import ObjectiveName
from sparring.nets import sngan as nets


@dataclass(frozen=True, kw_only=True)
class SNGAN(AdversarialRecipe):
    """Residual networks with a spectrally normalized discriminator; with condition="projection", the classes of Miyato and Koyama
    2018. (Two things of the authors' code are left out: the generator's batch is twice the discriminator's, and the rate falls to
    zero in a straight line.)
    """

    title: ClassVar[str] = "Residual networks and spectral norm; classes by projection"
    paper: ClassVar[str] = (
        "Miyato, Kataoka, Koyama, Yoshida 2018: Spectral Normalization for Generative Adversarial Networks (arXiv:1802.05957); "
        "Miyato, Koyama 2018: cGANs with Projection Discriminator (arXiv:1802.05637)"
    )
    data: ClassVar[str] = "images, 16x16 to 256x256 (a power of two), with or without classes"
    ranges: ClassVar[Ranges] = {**AdversarialRecipe.ranges, "width": {"at least": 1, "at most": 1024}}

    batch_size: int = 64
    """Real images in each turn's batch."""
    objective: ObjectiveName = "hinge"
    """The pair of losses."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Adam's decay rates."""
    discriminator_steps: int = 5
    """Discriminator steps for each generator step."""
    spectral_norm: bool = True
    """Divide every weight of the discriminator by its largest singular value."""
    width: int = 64
    """Channels of the largest maps at 64x64 and above; each halving of the side doubles them. At 16x16 and 32x32 all of the
    generator's maps have four times, the discriminator's twice as many (64: the paper's 256 and 128)."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        return super().incompatibilities(spec) + square_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The power of two that is nearest to the images' own side without losing pixels, at most 64."""
        return nearest_square(super().size_for(native), nets.MIN_SIDE)

    def networks(self, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
        """See AdversarialRecipe."""
        generator = nets.Generator(spec.height, spec.channels, self.latent_size, self.width, **self.generator_classes(spec))
        discriminator = nets.Discriminator(
            spec.height,
            spec.channels * self.packing,
            self.width,
            minibatch_deviation=self.minibatch_deviation,
            **self.discriminator_classes(spec),
        )
        return generator, discriminator


RECIPE = SNGAN
