"""CUT: one kind of images made of another, one way only, by contrast of patches."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.settings import Ranges
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
    """Residual generator, least-squares PatchGAN, contrast of patches: half of CycleGAN's networks.

    FastCUT is `--contrast 10 --identity 0 --flip-equivariance`. `--blocks 6` suits images below 256x256, and on a laptop `--width 24` to
    32.
    """

    title: ClassVar[str] = "One kind of images made of another, one way, by contrast of patches"
    paper: ClassVar[str] = "Park, Efros, Zhang, Zhu 2020: Contrastive Learning for Unpaired Image-to-Image Translation (arXiv:2007.15651)"
    data: ClassVar[str] = "two sets of images: --data and --target"
    translates = "unpaired"
    ranges: ClassVar[Ranges] = {
        **PatchRecipe.ranges,
        "contrast": {"at least": 0},
        "identity": {"at least": 0},
        "patches": {"at least": 2},
        "temperature": {"more than": 0},
    }

    decay_from_samples: int | None = 200_000
    """From this many images on, learning rates fall in a straight line. None: never."""
    decay_until_samples: int | None = 400_000
    """Learning rates reach zero at this many images."""
    blocks: int = 9
    """Residual blocks of the generator."""
    resized: bool = False
    """Enlarge by nearest neighbors and convolve, where the paper has transposed convolutions, whose checkerboard can stay."""
    shortcut: bool = False
    """Draw only what changes, and add it to the image: for two kinds that differ in style, not in shape. (Not in the paper.)"""
    contrast: float = 1.0
    """Weight of the contrast between patches of an input and of what is made of it."""
    identity: float = 1.0
    """Weight of the same for targets, which should stay as they are. 0: not."""
    flip_equivariance: bool = False
    """Half of the images are translated mirrored, and their patches compared with those of the image as it was, as FastCUT does."""
    patches: int = 256
    """Patches of each map that are told from each other."""
    temperature: float = 0.07
    """Of that comparison."""

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + divisor_problems(spec, nets.ResidualGenerator.divisor)
        if spec.input_channels != spec.channels:
            found.append("The generator looks at what it drew, too: inputs and targets need the same channels. Give --channels.")
        return found

    def game(self, spec: PairSpec) -> CutGame:
        """See TranslationRecipe."""
        return CutGame(spec, self)


RECIPE = CUT
