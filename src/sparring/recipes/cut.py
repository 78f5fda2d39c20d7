"""CUT: unpaired image translation in one direction, with a contrastive loss on patches."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.pairs.pair_spec import PairSpec
from sparring.games.step_context import StepContext
from sparring.games.translation import OneWayGame, PatchRecipe, divisor_problems
from sparring.losses.contrastive import contrastive
from sparring.losses.objectives import Losses
from sparring.nets import image_translation as nets

Maps = list[Float[Tensor, "n _ _ _"]]


class CutGame(OneWayGame):
    """A generator, whose first half tells patches apart, and a discriminator."""

    settings: "CUT"  # pyright: ignore[reportIncompatibleVariableOverride] (narrower)

    generator: nets.ResidualGenerator

    def __init__(self, spec: PairSpec, settings: "CUT") -> None:
        generator = nets.ResidualGenerator(
            spec.input_channels,
            spec.channels,
            settings.width,
            settings.blocks,
            norm=settings.norm,
            resized=settings.resized,
            antialiased=settings.antialiased,
            shortcut=settings.shortcut,
        )
        super().__init__(spec, settings, generator, spec.channels, heads=nets.PatchHeads(generator.feature_widths()))

    def play_generator(self, context: StepContext) -> Losses:
        """Draw images that convince, each patch of which tells the patch that it was made of from all others (equation 4)."""
        inputs, targets = self.augmented_batch(context)
        n, settings = len(inputs), self.settings
        shown = torch.cat([inputs, targets]) if settings.identity else inputs
        if settings.flip_equivariance:
            which = (context.streams.uniform("flipped", n) < 0).repeat(len(shown) // n)
            with torch.no_grad():  # what patches are compared with gets no gradients
                before = self.generator.features(shown)
            drawn = self.generator(flipped(shown, which))
            after = [flipped(each, which) for each in self.generator.features(drawn)]
        else:
            drawn, before = self.generator.with_features(shown)
            after = self.generator.features(drawn)
        generated = drawn[:n]
        self.drawn.append(((targets,), (generated.detach(),)))
        shown = self.discriminator_input([generated], context, "convincing")
        losses: dict[str, Tensor] = {"adversarial": self.patch_generator_loss(self.discriminator(shown))}
        contrast = self.contrast(before, after, context)
        losses["contrast"] = settings.contrast * contrast[:n]
        if settings.identity:
            losses["contrast/identity"] = settings.identity * contrast[n:]
        return losses

    def contrast(self, before: Maps, after: Maps, context: StepContext) -> Float[Tensor, " n"]:
        """How badly patches are told: the mean over maps of equation 3."""
        found = []
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            patches = places(old.shape[2] * old.shape[3], self.settings.patches, context, place)
            keys, queries = (self.heads(place, of.flatten(2).transpose(1, 2)[:, patches]) for of in (old, new))
            found.append(contrastive(queries, keys.detach(), self.settings.temperature))
        return torch.stack(found).mean(dim=0)


def flipped(maps: Float[Tensor, "n c h w"], which: Bool[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Left and right exchanged in some of them."""
    return torch.where(which[:, None, None, None], maps.flip(3), maps)


def places(count: int, most: int, context: StepContext, place: int) -> Int64[Tensor, " patches"]:
    """Some of `count` places, each once."""
    return torch.randperm(count, generator=context.streams.generator(f"patches/{place}"))[:most].to(context.streams.device)


@dataclass(frozen=True, kw_only=True)
class CUT(PatchRecipe):
    """Residual generator, least-squares PatchGAN, and a contrastive loss on patches: half as many networks as CycleGAN.

    For FastCUT, use `--contrast 10 --identity 0 --flip-equivariance`. For images below 256x256, use `--blocks 6`; on a laptop, `--width
    24` to `--width 32`.
    """

    title: ClassVar[str] = "Unpaired image translation in one direction, with a contrastive loss on patches"
    paper: ClassVar[str] = "Park, Efros, Zhang, Zhu 2020: Contrastive Learning for Unpaired Image-to-Image Translation (arXiv:2007.15651)"
    data: ClassVar[str] = "two sets of images: --data and --target; squares or rectangles"
    translates = "unpaired"
    ranges: ClassVar[Ranges] = {
        **PatchRecipe.ranges,
        "contrast": {"at least": 0},
        "identity": {"at least": 0},
        "patches": {"at least": 2},
        "temperature": {"more than": 0},
    }

    decay_from_samples: int | None = 200_000
    """Number of images from which learning rates fall linearly. None: they stay constant."""
    decay_until_samples: int | None = 400_000
    """Number of images at which learning rates have fallen to zero. None: they stay constant."""
    blocks: int = 9
    """Number of residual blocks of the generator."""
    resized: bool = False
    """Upsample by nearest-neighbor interpolation and a convolution, in place of the paper's transposed convolutions, which can leave a
    checkerboard pattern."""
    antialiased: bool = False
    """Blur where the residual generator changes sides, down and up, in place of strided and transposed convolutions (Zhang 2019), as the
    authors of CUT do by default. It takes more time."""
    shortcut: bool = False
    """Let the generator predict only the change, which is added to the input. For sets that differ in style, not in shape. (Not in the
    paper.)"""
    contrast: float = 1.0
    """Weight of the contrastive loss between patches of an input and of its translation."""
    identity: float = 1.0
    """Weight of the contrastive loss for targets, which the generator should not change. 0: none."""
    flip_equivariance: bool = False
    """Translate half of the images flipped, and compare their patches with those of the image that is not flipped, as in FastCUT."""
    patches: int = 256
    """Number of patches of each feature map in the contrastive loss."""
    temperature: float = 0.07
    """Temperature of the contrastive loss."""

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + divisor_problems(spec, nets.ResidualGenerator.divisor)
        if self.resized and self.antialiased:
            found.append("resized and antialiased are two ways to upsample: leave one of them out.")
        if spec.input_channels != spec.channels:
            found.append("The generator also translates targets, so inputs and targets need the same number of channels. Use --channels.")
        return found

    def game(self, spec: PairSpec) -> CutGame:
        """See TranslationRecipe."""
        return CutGame(spec, self)


RECIPE = CUT
