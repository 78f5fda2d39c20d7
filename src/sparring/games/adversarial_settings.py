"""Settings of every game between a generator and a discriminator."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from sparring.core.data_spec import Spec
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_sizes import LEAST_OF_MAP, MOST_OF_MAP, doubled_sizes_near, doublings, nearest_square
from sparring.data.images.image_spec import ImageSpec
from sparring.games.image_recipe import unused_labels
from sparring.games.recipe import Recipe
from sparring.losses.objectives import HAVE_TARGETS, ObjectiveName
from sparring.optimizers.optimizers import OptimizerName, maker

Condition = Literal["none", "concatenate", "projection", "auxiliary"]


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings(Recipe):
    """Settings of every game between a generator and a discriminator."""

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
    """Defaults on the playground, in place of those for images: the authors' settings for 2D points, if they published any."""

    latent_size: int = 128
    """Number of dimensions of the latent vector."""
    latent: Literal["normal", "uniform"] = "normal"
    """Distribution of latent vectors: standard normal, or uniform in [-1, 1]."""
    objective: ObjectiveName = "non-saturating"
    """Losses of generator and discriminator: non-saturating or saturating (Goodfellow 2014), least-squares (Mao 2017), hinge (Lim and Ye
    2017), wasserstein (Arjovsky 2017), relativistic (in pairs) or relativistic-average (Jolicoeur-Martineau 2019)."""
    label_smoothing: float = 0.0
    """How far the discriminator's target for real samples is lowered from 1 (one-sided, Salimans 2016), 0 to 1. Only for objectives with
    targets."""
    optimizer: OptimizerName = "adam"
    """Optimizer of both networks: adam, rmsprop, or sgd (gradient descent with momentum)."""
    learning_rate: float = 2e-4
    """Learning rate of both networks, unless discriminator_learning_rate is given."""
    discriminator_learning_rate: float | None = None
    """Learning rate of the discriminator (two time-scale update rule, Heusel 2017). None: learning_rate."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    momentum: float = 0.5
    """Momentum of sgd. The other optimizers do not use it."""
    discriminator_steps: int = 1
    """Number of discriminator updates per generator update."""
    gradient_penalty: float = 0.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated samples (WGAN-GP, Gulrajani 2017: 10).
    0: no penalty."""
    gradient_penalty_sides: Literal["both", "one"] = "both"
    """both: gradient norms are pulled towards 1. one: only norms above 1 are penalized."""
    dragan: float = 0.0
    """Weight of the gradient penalty (gradient norm - 1)^2 near real samples (DRAGAN, Kodali 2017: 10). 0: no penalty."""
    r1: float | None = 0.0
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real samples (Mescheder 2018: 10). 0: no penalty. None:
    0.0002 * side^2 / batch_size (Karras 2020, Training GANs with Limited Data)."""
    r2: float | None = 0.0
    """Weight gamma of R2, which is gamma / 2 times the squared gradient at generated samples (Mescheder 2018). 0: no penalty. None: the
    same as R1's."""
    penalty_every: int = 1
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization, Karras
    2020: 16)."""
    drift: float = 0.0
    """Weight of the squared logits of real samples, which keeps a critic near zero (Karras 2018: 0.001). 0: no penalty."""
    weight_clip: float = 0.0
    """Largest absolute value of the discriminator's weights, which are clipped after each update (WGAN, Arjovsky 2017: 0.01). 0: no
    clipping."""
    spectral_norm: bool = False
    """Apply spectral normalization to the discriminator (Miyato 2018)."""
    orthogonal: float = 0.0
    """Weight of the generator's orthogonal regularization (Brock 2019: 1e-4). 0: no regularization."""
    discriminator_weight_decay: float = 0.0
    """Weight decay of the discriminator: this many times its weights are added to the gradient."""
    input_noise: float = 0.0
    """Standard deviation of the noise that is added to all inputs of the discriminator (Arjovsky and Bottou 2017). 0: no noise."""
    input_noise_samples: int | None = None
    """Number of real samples over which the input noise falls linearly to zero. None: it stays constant."""
    augment: Literal["none", "ada", "diffaugment"] = "none"
    """Augmentation of all inputs of the discriminator, for small data sets: ada (Karras 2020: pixels, geometry and colors, with a
    probability that adapts) or diffaugment (Zhao 2020: color, translation, cutout)."""
    augment_target: float = 0.6
    """For ada: target for the mean sign of the discriminator's logits of real images, -1 to 1. Above it, images are augmented more."""
    augment_chance: float | None = None
    """For ada: fixed probability of each operation, 0 to 1. None: the probability adapts."""
    augment_samples: int = 500_000
    """For ada: number of real samples over which the probability rises from 0 to 1 at the fastest."""
    packing: int = 1
    """Number of samples that the discriminator scores together as one (PacGAN, Lin 2018)."""
    minibatch_deviation: bool = False
    """Show the discriminator how much the samples of its batch differ (minibatch standard deviation, Karras 2018)."""
    condition: Condition = "none"
    """How the networks are conditioned on classes: none; concatenate (one-hot, joined to latent and image, Mirza and Osindero 2014);
    projection (with conditional batch norm, Miyato and Koyama 2018); auxiliary (a classifier in the discriminator, Odena 2017)."""
    vicinity: Literal["none", "hard", "soft"] = "hard"
    """Of continuous labels (Ding 2021): an image counts for all values that are as near as half the largest gap between values (hard),
    less for farther ones (soft), or for its own value alone (none)."""
    unroll: int = 0
    """Number of discriminator steps that the generator looks ahead (Metz 2017). 0: no unrolling."""

    def incompatibilities(self, spec: Any) -> list[str]:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.condition == "none":
            found += unused_labels(spec)
        elif not spec.condition_names:
            found.append(
                f"condition={self.condition!r} needs data with classes, and this data has none. Make a folder for each class, add a "
                "labels.csv, or use condition='none'."
            )
        if self.vicinity != type(self).vicinity and (spec.classes or not spec.condition_names):
            found.append("vicinity is for continuous labels, and this data has none. Leave it out.")
        if self.label_smoothing and self.objective not in HAVE_TARGETS:
            found.append(
                f"label_smoothing needs an objective with targets ({', '.join(HAVE_TARGETS)}); {self.objective!r} has none. Set it to 0."
            )
        if self.packing >= 1 and self.batch_size % self.packing:
            found.append(f"packing must divide the batch of {self.batch_size}; {self.packing} does not. Change one of them.")
        if self.packing > 1 and self.condition == "auxiliary":
            found.append(
                "condition='auxiliary' classifies single images, and packing shows several at once. Use packing=1 or another condition."
            )
        for name in ("augment_target", "augment_chance", "augment_samples"):
            if self.augment != "ada" and getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} only works with augment='ada'. Set that too, or leave it out.")
        if self.input_noise_samples is not None and not self.input_noise:
            found.append("input_noise_samples does nothing without input_noise. Set that too, or leave it out.")
        if self.gradient_penalty_sides == "one" and not self.gradient_penalty:
            found.append("gradient_penalty_sides='one' does nothing without gradient_penalty. Set that too, or leave it out.")
        return found

    @property
    def steps_per_cycle(self) -> int:
        """See Recipe."""
        return self.penalty_every

    def remarks(self, spec: Any) -> list[str]:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        found, both = [], "R1 and R2 have" if self.r2 is None else "R1 has"
        if self.r1 is None:
            found.append(f"{both} a weight (gamma) of {self.r1_for(spec):.3g}, unless you choose: --r1 VALUE.")
        if self.augment == "ada" and spec.kind == "images" and spec.height != spec.width:
            found.append("ada turns these images by a half where it would turn squares by a quarter, which does not fit a rectangle.")
        return found

    @property
    def smallest_part(self) -> int:
        """See Recipe."""
        return self.packing

    @property
    def penalized(self) -> bool:
        """Whether there is a penalty on gradients per image."""
        return any((self.gradient_penalty, self.dragan, self.r1 != 0, self.r2 != 0))

    def r1_for(self, spec: Spec) -> float:
        """R1's gamma for such data."""
        return 0.0002 * math.prod(spec.shape[1:]) / self.batch_size if self.r1 is None else self.r1

    def r2_for(self, spec: Spec) -> float:
        """R2's gamma for such data."""
        return self.r1_for(spec) if self.r2 is None else self.r2

    def optimizer_maker(self, rate: float, weight_decay: float = 0.0) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
        """Makes the optimizer of a player from its weights."""
        return maker(self.optimizer, rate, betas=self.betas, momentum=self.momentum, weight_decay=weight_decay)

    def noise_at(self, images: int) -> float:
        """The standard deviation of the discriminator's input noise after so many real images."""
        left = 1.0 if self.input_noise_samples is None else max(0.0, 1 - images / self.input_noise_samples)
        return self.input_noise * left


def square_problems(recipe: Recipe, spec: ImageSpec, smallest: int, largest: int) -> list[str]:
    """What is wrong with the images for a recipe whose networks generate squares with a side that is a power of two."""
    side = spec.height
    if spec.width == side and not side & (side - 1) and smallest <= side <= largest:
        return []
    sides = [str(1 << power) for power in range(smallest.bit_length() - 1, largest.bit_length())]
    others = "" if spec.width == side else " Or train a recipe that generates rectangles, for example r3gan, dcgan or stylegan2."
    return [
        f"{type(recipe).__name__} generates square images with a side of {', '.join(sides[:-1])} or {sides[-1]} pixels, not "
        f"{spec.resolution}. Use --size, for example {nearest_square(side, smallest)}.{others}"
    ]


def doubling_problems(spec: ImageSpec, smallest: int, largest: int) -> list[str]:
    """What is wrong with the images' size for networks that double sides: squares and rectangles whose sides are 4 to 16 times the same
    power of two.
    """
    found, sides = doublings(spec.height, spec.width), (spec.height, spec.width)
    if found is not None and found.side >= smallest and smallest <= min(sides) <= max(sides) <= largest:
        return []
    near = " or ".join(map(str, doubled_sizes_near(*sides, smallest, largest)))
    return [
        f"These networks double sides: both must be {LEAST_OF_MAP} to {MOST_OF_MAP} times the same power of two, and {smallest} to "
        f"{largest} pixels, and images are {spec.resolution} (width x height). Use --size, for example {near}."
    ]


def mixing_problems(penalized: bool, norm: str) -> list[str]:
    """What is wrong with penalties on gradients of single images in a discriminator with such a norm."""
    if not penalized or norm != "batch":
        return []
    return [
        "Gradient penalties need gradients of single images, and batch norm mixes images (Gulrajani 2017, section 4). Use "
        "discriminator_norm='none' or discriminator_norm='image', or no penalties."
    ]


def equalized_problems(recipe: AdversarialSettings) -> list[str]:
    """Settings that do not work with an equalized learning rate."""
    if not recipe.spectral_norm:
        return []
    return ["spectral_norm does not work with an equalized learning rate, which rescales weights itself. Leave it out."]
