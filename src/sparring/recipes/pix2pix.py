"""pix2pix: image translation learned from pairs."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.pairs.pair_spec import PairSpec
from sparring.games.step_context import StepContext
from sparring.games.translation import OneWayGame, Parts, PatchObjective, PatchRecipe, divisor_problems, mean_difference
from sparring.losses.objectives import Losses
from sparring.nets import image_translation as nets


class Pix2PixGame(OneWayGame):
    """A generator draws targets of inputs; a discriminator judges patches of pairs."""

    settings: "Pix2Pix"  # pyright: ignore[reportIncompatibleVariableOverride] (narrower)

    def __init__(self, spec: PairSpec, settings: "Pix2Pix") -> None:
        judged = spec.channels + (spec.input_channels if settings.judges == "pair" else 0)
        super().__init__(spec, settings, settings.generator_for(spec), judged)

    def play_generator(self, context: StepContext) -> Losses:
        """Draw what the discriminator takes for real, and near the target (equation 4)."""
        inputs, targets = self.augmented_batch(context)
        generated = self.generator(inputs)
        logits = self.discriminator(self.discriminator_input(self.parts(inputs, generated), context, "convincing"))
        self.drawn.append((self.parts(inputs, targets), self.parts(inputs, generated.detach())))
        return {"adversarial": self.patch_generator_loss(logits), "l1": self.settings.l1 * mean_difference(generated, targets)}

    def parts(self, inputs: Tensor, images: Tensor) -> Parts:
        """What the discriminator sees: the pair, or the image alone."""
        return (inputs, images) if self.settings.judges == "pair" else (images,)


@dataclass(frozen=True, kw_only=True)
class Pix2Pix(PatchRecipe):
    """U-Net generator with dropout as its noise, 70x70 PatchGAN on input and output together, L1 loss.

    The paper trains 200 epochs. For images of 64x64, use `--patch-layers 2`; the U-Net then has six halvings.
    """

    title: ClassVar[str] = "Paired image translation: sketches to photographs, maps to aerial views"
    paper: ClassVar[str] = (
        "Isola, Zhu, Zhou, Efros 2017: Image-to-Image Translation with Conditional Adversarial Networks (arXiv:1611.07004)"
    )
    data: ClassVar[str] = (
        "pairs of images: --data with --target, with --side-by-side, or with --inputs made of each image; squares or rectangles"
    )
    translates = "paired"
    ranges: ClassVar[Ranges] = {
        **PatchRecipe.ranges,
        "l1": {"at least": 0},
        "dropout": {"at least": 0, "less than": 1},
        "halvings": {"at least": 2, "at most": 12},
    }

    objective: PatchObjective = "non-saturating"
    """Losses of generator and discriminator, for each patch."""
    norm: nets.NormName = "instance"
    """Normalization in both networks, unless discriminator_norm is given: instance, instance-affine (with scales and offsets), batch (for
    larger batches) or none. (The paper uses batch norm with batches of one image, also when sampling, which is instance norm.)"""
    l1: float = 100.0
    """Weight of the L1 loss: the mean absolute difference to the target."""
    network: Literal["unet", "residual"] = "unet"
    """Architecture of the generator: unet, or residual (CycleGAN's)."""
    halvings: int | None = None
    """Number of halvings of the U-Net. None: as many as the sides allow, at most eight."""
    blocks: int = 9
    """Number of residual blocks of the residual generator."""
    antialiased: bool = False
    """Blur where the residual generator changes sides, down and up, in place of strided and transposed convolutions (Zhang 2019), as the
    authors of CUT do by default. It takes more time."""
    dropout: float = 0.5
    """Dropout rate of the generator's inner feature maps, 0 to 1. It is the source of noise."""
    judges: Literal["pair", "image"] = "pair"
    """What the discriminator sees: input and output together (pair), or the output alone (image)."""

    def halvings_for(self, spec: PairSpec) -> int:
        """Of the U-Net, for such images."""
        both = math.gcd(spec.height, spec.width)
        possible = (both & -both).bit_length() - 1
        return max(2, min(8, possible)) if self.halvings is None else self.halvings

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        divisor = 4 if self.network == "residual" else 1 << max(0, min(self.halvings_for(spec), 12))
        found = super().incompatibilities(spec) + divisor_problems(spec, divisor)
        if self.antialiased and self.network != "residual":
            found.append("antialiased is of residual generators. Set network='residual', or leave it out.")
        return found

    def generator_for(self, spec: PairSpec) -> nets.UNet | nets.ResidualGenerator:
        """The network that draws."""
        ends = spec.input_channels, spec.channels
        if self.network == "residual":
            return nets.ResidualGenerator(
                *ends, self.width, self.blocks, norm=self.norm, dropout=self.dropout, antialiased=self.antialiased
            )
        return nets.UNet(*ends, self.width, self.halvings_for(spec), norm=self.norm, dropout=self.dropout)

    def game(self, spec: PairSpec) -> Pix2PixGame:
        """See TranslationRecipe."""
        return Pix2PixGame(spec, self)


RECIPE = Pix2Pix
