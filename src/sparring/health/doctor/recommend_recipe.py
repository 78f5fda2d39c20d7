"""Which recipe to start with, by the data's size, count and classes, and by the machine."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sparring.core.errors import SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.adversarial_settings import doubling_problems
from sparring.health.diagnosis.record_questions import labels_match_images
from sparring.health.doctor.data_checks import FEW_IMAGES, FEW_IMAGES_OF_A_CLASS
from sparring.health.signals import IMAGE_COUNT
from sparring.nets import dcgan, r3gan
from sparring.recipes.cgan import CGAN
from sparring.recipes.r3gan import R3GAN
from sparring.recipes.stylegan2 import StyleGAN2
from sparring.runs.run_progress import GOOD_AT_32, GOOD_STYLES

SMALLEST_SIDE, LARGEST_SIDE = 8, 1024
LARGEST_SIDE_WITHOUT_SIZE = {"cpu": 64, "cuda": 128}
"""The largest side of images, by device, if no size is given."""
SMALL_SIDE_FOR_STYLEGAN2 = 32
"""Up to this side StyleGAN2 goes without what it was given for faces, as its authors train CIFAR-10. (Measured here with narrow networks on
two cores: docs/benchmarks/training.md.)"""
ADAPTIVE_BELOW = 30_000
"""With this many images adaptive augmentation still helped (Karras et al. 2020, arXiv:2006.06676)."""


@dataclass(frozen=True)
class Recommendation:
    """The recipe to start with."""

    recipe: AdversarialRecipe
    reason: str
    """Why this recipe with these settings, in sentences."""
    good_images: int
    """Images to show until little more can be gained."""


def recommend(spec: ImageSpec, data: Mapping[str, Any], device: str) -> Recommendation:
    """What to start with on "cpu" or "cuda". `data`: what was measured of the data. A SettingsError for sizes that no recipe suits."""
    side, count = spec.mean_side, IMAGE_COUNT.of(data)
    if problems := doubling_problems(spec, SMALLEST_SIDE, LARGEST_SIDE):
        raise SettingsError(f"No recommended recipe suits these images. {problems[0]}")
    by_class = len(spec.classes) > 1 and count >= FEW_IMAGES_OF_A_CLASS * len(spec.classes) and labels_match_images(data)
    conditional = by_class or bool(spec.labels)
    small = device == "cpu" and not doubling_problems(spec, r3gan.MIN_SIDE, r3gan.MAX_SIDE)
    augmented = count < (FEW_IMAGES if small else ADAPTIVE_BELOW)
    reasons = []
    if small:
        settings: dict[str, Any] = {"augment": "diffaugment" if augmented else "none"}
        good = GOOD_AT_32 * max(32, side) // 32
        if conditional and not doubling_problems(spec, dcgan.MIN_SIDE, dcgan.MAX_SIDE):
            recipe = CGAN(**settings, width=32 if side <= 64 else 16)
            reasons.append("DCGAN's networks, narrow enough for a CPU")
        else:
            recipe = R3GAN(**settings, condition="projection" if conditional else "none")
            reasons.append("R3GAN with compact networks, which learn fast on a CPU")
        reasons[0] += ", in the game that lost the fewest modes (benchmarks, modes): relativistic pairs with R1 and R2."
    else:
        settings = {"channel_base": 16 * side, "channel_max": 128, "latent_size": 128, "style_size": 128} if device == "cpu" else {}
        settings |= {"condition": "projection" if conditional else "none", "augment": "ada" if augmented else "none"}
        if side <= SMALL_SIDE_FOR_STYLEGAN2:
            settings |= {"style_mixing": 0.0, "path_length": 0.0, "discriminator_architecture": "orig"}
        recipe = StyleGAN2(**settings, mapping_layers=2, batch_size=min(32, 4096 // side))  # as the authors' code chooses
        good = GOOD_STYLES
        reasons.append("StyleGAN2 for the best images." if device == "cuda" else f"StyleGAN2 also generates images of {spec.resolution}.")
    if spec.labels:
        label = spec.labels[0]
        example = shlex.quote(f"{label.name}={label.classes[0] if label.classes else label.knots[len(label.knots) // 2]}")
        reasons.append(f"The networks are given the labels. Ask for them with `sparring sample RUN --label {example}`.")
    elif conditional:
        reasons.append(
            "The networks are given the classes, because images of a class are alike. Ask for one with `sparring sample RUN --label NAME`."
        )
    elif len(spec.classes) > 1:
        why = "there are few images of each" if labels_match_images(data) else "images do not show them"
        reasons.append(f"The classes are left out, because {why}.")
    if augmented:
        reasons.append("What the discriminator sees is augmented, so that it overfits to few images later.")
    return Recommendation(recipe, " ".join(reasons), good)


def changed_settings(settings: Any) -> dict[str, Any]:  # noqa: ANN401 (a dataclass of settings)
    """The settings of a dataclass that differ from its defaults."""
    return {one.name: value for one in fields(settings) if (value := getattr(settings, one.name)) != one.default}
