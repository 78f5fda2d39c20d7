"""What can be set in every game of a generator against a discriminator."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from sparring.core.data_spec import Spec
from sparring.core.settings import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import Recipe
from sparring.losses.objectives import HAVE_TARGETS, ObjectiveName
from sparring.optimizers.optimizers import OptimizerName, maker

Condition = Literal["none", "concatenate", "projection", "auxiliary"]


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings(Recipe):
    """What can be set in every game of a generator against a discriminator."""

    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        "discriminator_learning_rate": {"more than": 0},
        "momentum": {"at least": 0, "less than": 1},
        "discriminator_steps": {"at least": 1},
        "label_smoothing": {"at least": 0, "less than": 1},
        "gradient_penalty": {"at least": 0},
        "dragan": {"at least": 0},
        "r1": {"at least": 0},
        "r2": {"at least": 0},
        "penalty_every": {"at least": 1},
        "drift": {"at least": 0},
        "weight_clip": {"at least": 0},
        "orthogonal": {"at least": 0},
        "discriminator_weight_decay": {"at least": 0},
        "input_noise": {"at least": 0},
        "input_noise_samples": {"at least": 1},
        "augment_target": {"at least": -1, "at most": 1},
        "augment_chance": {"at least": 0, "at most": 1},
        "augment_samples": {"at least": 1},
        "packing": {"at least": 1, "at most": 64},
        "unroll": {"at least": 0, "at most": 1000},
    }
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "points": {"batch_size": 256, "latent": "normal", "latent_size": 16, "learning_rate": 1e-3}
    }
    """What the playground starts with in place of settings for images: what the authors use for points in the plane, if they say."""

    latent_size: int = 128
    """Numbers in a latent vector."""
    latent: Literal["normal", "uniform"] = "normal"
    """What latents are drawn from: standard normal, or uniform in [-1, 1]."""
    objective: ObjectiveName = "non-saturating"
    """The pair of losses: of Goodfellow 2014 (non-saturating, saturating), Mao 2017 (least-squares), Lim and Ye 2017 (hinge),
    Arjovsky 2017 (wasserstein), Jolicoeur-Martineau 2019 (relativistic: in pairs; relativistic-average)."""
    label_smoothing: float = 0.0
    """How far the target on real samples is lowered from 1 (one-sided, Salimans 2016); for objectives with targets."""
    optimizer: OptimizerName = "adam"
    """adam; rmsprop; sgd: gradient descent with momentum."""
    learning_rate: float = 2e-4
    """The optimizer's rate, for both networks unless the discriminator has its own."""
    discriminator_learning_rate: float | None = None
    """A rate of the discriminator's own (two time scales, Heusel 2017). None: learning_rate."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates."""
    momentum: float = 0.5
    """Of gradient descent; the others do not use it."""
    discriminator_steps: int = 1
    """Discriminator steps for each generator step."""
    gradient_penalty: float = 0.0
    """Weight of (gradient norm - 1)^2 between real and generated samples (Gulrajani 2017: 10)."""
    gradient_penalty_sides: Literal["both", "one"] = "both"
    """both: norms are drawn to 1; one: only those above 1 are punished."""
    dragan: float = 0.0
    """Weight of (gradient norm - 1)^2 about real samples (Kodali 2017: 10)."""
    r1: float | None = 0.0
    """Gamma: gamma / 2 times the squared gradient at real samples (Mescheder 2018: 10). None: 0.0002 * side^2 / batch_size (Karras
    2020, Training GANs with Limited Data)."""
    r2: float = 0.0
    """Gamma: gamma / 2 times the squared gradient at generated samples (Mescheder 2018)."""
    penalty_every: int = 1
    """Penalties are computed in every so many steps, and are as much stronger (Karras 2020: 16)."""
    drift: float = 0.0
    """Weight of the squared logits of real samples, which keeps a critic near zero (Karras 2018: 0.001)."""
    weight_clip: float = 0.0
    """After each step the discriminator's weights are clipped to so much either side of zero (Arjovsky 2017: 0.01). 0: not."""
    spectral_norm: bool = False
    """Divide every weight of the discriminator by its largest singular value (Miyato 2018)."""
    orthogonal: float = 0.0
    """Weight of the inner products between the generator's filters (Brock 2019: 1e-4)."""
    discriminator_weight_decay: float = 0.0
    """Added to the discriminator's gradient: so many times its weights."""
    input_noise: float = 0.0
    """Standard deviation of the noise on all that the discriminator sees (Arjovsky and Bottou 2017)."""
    input_noise_samples: int | None = None
    """The noise fades to nothing in a straight line over so many images. None: it stays."""
    augment: Literal["none", "ada", "diffaugment"] = "none"
    """What is done to all that the discriminator sees, for small data sets: ada (Karras 2020: pixels, geometry, colors, by a chance that
    adapts) or diffaugment (Zhao 2020: color, translation, cutout)."""
    augment_target: float = 0.6
    """ada: how sure the discriminator may be of real images, the mean sign of its logits; above it images are augmented more."""
    augment_chance: float | None = None
    """ada: a fixed chance of each operation, from 0 to 1. None: one that adapts."""
    augment_samples: int = 500_000
    """ada: the chance rises from 0 to 1 over so many images at the fastest."""
    packing: int = 1
    """So many samples are judged together, as one (PacGAN, Lin 2018)."""
    minibatch_deviation: bool = False
    """The discriminator sees how much its batch varies (Karras 2018)."""
    condition: Condition = "none"
    """How classes enter: not at all; one-hot, concatenated to latent and image (Mirza and Osindero 2014); conditional batch
    norm and projection (Miyato and Koyama 2018); an auxiliary classifier in the discriminator (Odena 2017)."""
    unroll: int = 0
    """The generator looks ahead so many steps of the discriminator (Metz 2017)."""

    def incompatibilities(self, spec: Any) -> list[str]:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.condition != "none" and not spec.classes:
            found.append(
                f"condition={self.condition!r} needs data with classes; this has none. "
                "Use folders as classes, a labels.csv, or condition='none'."
            )
        if self.label_smoothing and self.objective not in HAVE_TARGETS:
            found.append(
                f"label_smoothing needs an objective with targets ({', '.join(HAVE_TARGETS)}); {self.objective!r} has none. Set it to 0."
            )
        if self.packing >= 1 and self.batch_size % self.packing:
            found.append(f"packing must divide the batch of {self.batch_size}; {self.packing} does not. Change packing or batch_size.")
        if self.packing > 1 and self.condition == "auxiliary":
            found.append(
                "condition='auxiliary' names the class of one image, and packing shows several at once: use packing=1 or another condition."
            )
        for name in ("augment_target", "augment_chance", "augment_samples"):
            if self.augment != "ada" and getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} is of augment='ada': give that too, or leave it out.")
        if self.input_noise_samples is not None and not self.input_noise:
            found.append("input_noise_samples says when the noise is gone, but there is none: give input_noise too.")
        if self.gradient_penalty_sides == "one" and not self.gradient_penalty:
            found.append("gradient_penalty_sides='one' changes nothing without a gradient penalty: give gradient_penalty too.")
        return found

    @property
    def steps_per_cycle(self) -> int:
        """See Recipe."""
        return self.penalty_every

    @property
    def smallest_part(self) -> int:
        """See Recipe."""
        return self.packing

    @property
    def penalized(self) -> bool:
        """Whether there is a penalty on gradients per image."""
        return any((self.gradient_penalty, self.dragan, self.r1 != 0, self.r2))

    def r1_for(self, spec: Spec) -> float:
        """R1's gamma for such data."""
        return 0.0002 * math.prod(spec.shape[1:]) / self.batch_size if self.r1 is None else self.r1

    def optimizer_maker(self, rate: float, weight_decay: float = 0.0) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
        """What makes a player's optimizer."""
        return maker(self.optimizer, rate, betas=self.betas, momentum=self.momentum, weight_decay=weight_decay)

    def noise_at(self, images: int) -> float:
        """The standard deviation of the discriminator's input noise after so many real images."""
        left = 1.0 if self.input_noise_samples is None else max(0.0, 1 - images / self.input_noise_samples)
        return self.input_noise * left


def square_problems(spec: ImageSpec, smallest: int, largest: int) -> list[str]:
    """What is wrong with the images for networks that draw squares of a power of two."""
    side = spec.height
    if spec.width == side and not side & (side - 1) and smallest <= side <= largest:
        return []
    sides = [str(1 << power) for power in range(smallest.bit_length() - 1, largest.bit_length())]
    return [
        f"These networks draw squares with a side of {', '.join(sides[:-1])} or {sides[-1]} pixels, not {spec.height}x{spec.width}. "
        f"Give --size, for instance {nearest_square(side, smallest)}."
    ]


def equalized_problems(recipe: AdversarialSettings) -> list[str]:
    """What does not suit networks with an equalized learning rate."""
    if not recipe.spectral_norm:
        return []
    return ["spectral_norm is not for networks with an equalized learning rate, which have scales of their own: leave it out."]


def nearest_square(side: int, smallest: int) -> int:
    """The power of two that is nearest to a image's own side without losing pixels, at most 64."""
    return min(64, max(smallest, 1 << (side - 1).bit_length()))
