"""Which recipe to start with, by the data's size, count and classes and by the machine."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sparring.core.errors import SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.health.diagnosis.evidence import labels_tell
from sparring.health.doctor.data_checks import (
    FEW,
    FEW_OF_A_CLASS,
)
from sparring.recipes.cgan import CGAN
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.stylegan2 import StyleGAN2

if TYPE_CHECKING:
    pass

SMALL_FOR_STYLES = 32
"""Up to this side StyleGAN2 goes without what it was given for faces, as its authors train CIFAR-10. (Measured here with narrow networks on
two cores: docs/benchmarks/training.md.)"""


LARGEST_AT_FIRST = {"cpu": 64, "cuda": 128}
"""Sides of images where none is named."""


ADAPTIVE_BELOW = 30_000
"""With so many images adaptive augmentation still helped (Karras et al. 2020, arXiv:2006.06676)."""


def recommended(spec: ImageSpec, signs: Mapping[str, Any], device: str) -> tuple[AdversarialRecipe, str]:
    """What to start with for data of these signs on "cpu" or "cuda", and why. A SettingsError for sides that no recipe suits."""
    side, count = spec.height, signs["count"]
    if spec.width != side or side & (side - 1) or not SMALLEST <= side <= LARGEST:
        near = min(LARGEST, max(SMALLEST, 1 << (side.bit_length() - 1)))
        sides = f"{SMALLEST}, {2 * SMALLEST}, ... or {LARGEST} pixels"
        raise SettingsError(f"Networks that draw well draw squares of {sides}, not {side}x{spec.width}. Give --size {near}.")
    told = len(spec.classes) > 1 and count >= FEW_OF_A_CLASS * len(spec.classes) and labels_tell(signs)
    small = device == "cpu" and 16 <= side <= 256
    augmented = count < (FEW if small else ADAPTIVE_BELOW)
    reasons = []
    if small:
        settings: dict[str, Any] = {"width": 32 if side <= 64 else 16, "augment": "diffaugment" if augmented else "none"}
        recipe = CGAN(**settings) if told else DCGAN(**STEADY | settings)
        reasons.append(
            "DCGAN's networks, narrow enough for a processor, in the game that lost fewest modes of those measured (docs/benchmarks/training.md)."
        )
    else:
        settings = {"channel_base": 16 * side, "channel_max": 128, "latent_size": 128, "style_size": 128} if device == "cpu" else {}
        settings |= {"condition": "projection" if told else "none", "augment": "ada" if augmented else "none"}
        if side <= SMALL_FOR_STYLES:
            settings |= {"style_mixing": 0.0, "path_length": 0.0, "discriminator_architecture": "orig"}
        recipe = StyleGAN2(**settings, mapping_layers=2, batch_size=min(32, 4096 // side))  # as the authors' code chooses
        reasons.append("StyleGAN2 for the best images." if device == "cuda" else f"StyleGAN2 draws squares of {side} pixels, too.")
    if told:
        reasons.append(
            "The networks are told the classes, for images of a class are alike: ask for one with `sparring sample RUN --label NAME`."
        )
    elif len(spec.classes) > 1:
        reasons.append(
            "The classes are left out, for " + ("there are few images of each." if labels_tell(signs) else "images do not show them.")
        )
    if augmented:
        reasons.append("What the discriminator sees is augmented, so that few images last longer.")
    return recipe, " ".join(reasons)


SMALLEST, LARGEST = 8, 1024


STEADY: dict[str, Any] = {name: value for name, value in asdict(CGAN()).items() if name != "condition" and value != getattr(DCGAN(), name)}
"""The game that lost fewest modes in docs/benchmarks/modes.md, as settings of `dcgan`: what `cgan` plays, without classes."""
