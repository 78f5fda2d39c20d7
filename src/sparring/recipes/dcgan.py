"""DCGAN: the convolutional architecture that made GANs train."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from torch.optim import Adam

from sparring.core.settings import Ranges
from sparring.core.specs import ImageSpec
from sparring.game import Recipe, TwoPlayerGame, condition_problems
from sparring.nets import dcgan as nets
from sparring.objectives import NON_SATURATING


@dataclass(frozen=True, kw_only=True)
class Dcgan(Recipe):
    """Pictures from fractionally strided convolutions with batch norm."""

    title: ClassVar[str] = "Convolutional GAN with batch norm: the one to start with"
    paper: ClassVar[str] = (
        "Radford, Metz, Chintala 2016: Unsupervised Representation Learning with Deep Convolutional GANs (arXiv:1511.06434)"
    )
    data: ClassVar[str] = "pictures, 16x16 to 256x256 (a power of two), with or without classes"
    ranges: ClassVar[Ranges] = {**Recipe.ranges, "width": {"at least": 1, "at most": 4096}, "leak": {"at least": 0}}

    batch_size: int = 128
    """Real pictures in each turn's batch."""
    latent_size: int = 100
    """Numbers in a latent vector."""
    latent: Literal["uniform", "normal"] = "uniform"
    """What latents are drawn from: uniform in [-1, 1], or standard normal."""
    width: int = 64
    """Channels at half the resolution; each halving of the side doubles them. (64 in the authors' code; figure 1's generator has 128.)"""
    learning_rate: float = 2e-4
    """Adam's rate, for both networks."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates."""
    leak: float = 0.2
    """Slope of the discriminator's leaky rectifiers below zero."""
    condition: Literal["none", "concatenate"] = "none"
    """How classes enter: not at all, or as one-hot concatenated to the latent and to the picture (Mirza and Osindero 2014)."""

    def misfits(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().misfits(spec)
        side = spec.height
        if spec.width != side or side & (side - 1) or not nets.SMALLEST <= side <= nets.LARGEST:
            found.append(
                f"dcgan draws squares with a side of 16, 32, 64, 128 or 256 pixels, not {spec.height}x{spec.width}. "
                f"Give --size, for instance {self.size_for((side, side))}."
            )
        return found + condition_problems(self.condition, spec)

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The power of two that is nearest to the pictures' own side without losing pixels, at most 64."""
        side = super().size_for(native)
        return min(64, max(nets.SMALLEST, 1 << (side - 1).bit_length()))

    def build(self, spec: ImageSpec) -> TwoPlayerGame:
        """See Recipe."""
        classes = len(spec.classes) if self.condition == "concatenate" else 0
        adam = partial(Adam, lr=self.learning_rate, betas=self.betas, fused=True)
        return TwoPlayerGame(
            spec,
            nets.Generator(spec.height, spec.channels, self.latent_size, self.width, classes),
            nets.Discriminator(spec.height, spec.channels, self.width, self.leak, classes),
            latent_size=self.latent_size,
            latent=self.latent,
            conditional=classes > 0,
            objective=NON_SATURATING,
            generator_optimiser=adam,
            discriminator_optimiser=adam,
        )


RECIPE = Dcgan
