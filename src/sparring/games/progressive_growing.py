"""Settings of every game whose networks grow during training."""

import math
from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.adversarial_settings import square_problems
from sparring.nets.progressive_growing import MAX_SIDE, Growth
from sparring.nets.stylegan2 import width_problems, widths

SMALLEST = 8


@dataclass(frozen=True, kw_only=True)
class GrowingRecipe(AdversarialRecipe):
    """A generator and a discriminator that grow from small images to full resolution; each new resolution is faded in (Karras et al.
    2018).
    """

    smallest_side: ClassVar[int | None] = SMALLEST
    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "channel_base": {"at least": 1, "at most": 2**20},
        "channel_max": {"at least": 1, "at most": 4096},
        "start_side": {"at least": 4},
        "stable_samples": {"at least": 1},
        "fading_samples": {"at least": 0},
    }

    learning_rate: float = 1e-3
    """Learning rate of both networks, unless discriminator_learning_rate is given."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    minibatch_deviation: bool = True
    """Show the discriminator how much the samples of its batch differ (minibatch standard deviation)."""
    channel_base: int = 16384
    """Feature maps with a side of s pixels have channel_base / s channels, but at most channel_max."""
    channel_max: int = 512
    """Largest number of channels of a feature map."""
    start_side: int = 4
    """Side, in pixels, of the images that training starts with; a power of two."""
    stable_samples: int = 800_000
    """Number of real samples at each resolution before the next one is faded in."""
    fading_samples: int = 800_000
    """Number of real samples over which the next resolution is faded in."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = (
            super().incompatibilities(spec)
            + square_problems(self, spec, SMALLEST, MAX_SIDE)
            + width_problems(spec.height, self.channel_base)
        )
        if self.start_side & (self.start_side - 1) or self.start_side > spec.height:
            found.append(f"start_side must be a power of two and at most the images' {spec.height}, not {self.start_side}.")
        return found

    def samples_until_full_size(self, spec: ImageSpec) -> int:
        """See Recipe."""
        return int(math.log2(spec.height / self.start_side)) * (self.stable_samples + self.fading_samples)

    def growth(self, spec: ImageSpec) -> Growth:
        """When which side is played."""
        return Growth(self.start_side, spec.height, self.stable_samples, self.fading_samples)

    def channels(self, spec: ImageSpec) -> tuple[int, ...]:
        """Of the maps of 4x4, 8x8, ..."""
        return widths(spec.height, self.channel_base, self.channel_max)
