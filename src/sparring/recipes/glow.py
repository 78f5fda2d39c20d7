"""Glow: a reversible network of invertible 1x1 convolutions and couplings."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.flow import FlowRecipe
from sparring.nets.flows import Flow, glow


@dataclass(frozen=True, kw_only=True)
class Glow(FlowRecipe):
    """No GAN: it learns by likelihood, and knows that of every image. The paper's networks, for GPUs, have 32 steps at each
    level and a width of 512.
    """

    title: ClassVar[str] = "A reversible network: images to noise and back, with likelihoods"
    paper: ClassVar[str] = "Kingma, Dhariwal 2018: Glow: Generative Flow with Invertible 1x1 Convolutions (arXiv:1807.03039)"
    data: ClassVar[str] = "images whose sides are multiples of 8 (by levels), with or without classes"
    ranges: ClassVar[Ranges] = {**FlowRecipe.ranges, "steps_per_level": {"at least": 1, "at most": 128}}

    steps_per_level: int = 8
    """Number of steps at each level: actnorm, an invertible convolution and a coupling."""

    def network(self, spec: ImageSpec) -> Flow:
        """See FlowRecipe."""
        return glow(spec.shape, self.levels, self.steps_per_level, self.width, len(spec.condition_names) if self.condition != "none" else 0)


RECIPE = Glow
