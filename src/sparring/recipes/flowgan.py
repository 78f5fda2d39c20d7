"""Flow-GAN: a reversible generator, trained against a discriminator, by likelihood, or by both."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from torch import nn

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial_settings import doubling_problems, mixing_problems
from sparring.games.flow import FlowGame, level_problems
from sparring.games.flow_gan import FlowGANGame, ReversibleSettings
from sparring.losses.objectives import ObjectiveName
from sparring.nets import dcgan
from sparring.nets.flows import Flow, real_nvp
from sparring.recipes.realnvp import RealNVP


@dataclass(frozen=True, kw_only=True)
class FlowGAN(ReversibleSettings):
    """RealNVP's network against DCGAN's critic. By likelihood alone it is RealNVP."""

    title: ClassVar[str] = "A GAN that knows how likely images are: its generator is reversible"
    paper: ClassVar[str] = (
        "Grover, Dhar, Ermon 2018: Flow-GAN: Combining Maximum Likelihood and Adversarial Learning in Generative Models (arXiv:1705.08868)"
    )
    data: ClassVar[str] = "images, 16x16 to 256x256 (also rectangles, such as 96x64)"
    smallest_side: ClassVar[int | None] = dcgan.MIN_SIDE
    ranges: ClassVar[Ranges] = {
        **ReversibleSettings.ranges,
        "levels": RealNVP.ranges["levels"],
        "flow_width": RealNVP.ranges["width"],
        "blocks": RealNVP.ranges["blocks"],
        "width": {"at least": 1, "at most": 4096},
        "leak": {"at least": 0},
    }

    latent: Literal["normal", "uniform"] = "normal"
    """Distribution of latent vectors: normal, and as many numbers as an image has."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and discriminator: see the other recipes."""
    discriminator_steps: int = 5
    """Number of critic updates per generator update."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated samples (Gulrajani 2017: 10). 0: none."""
    adversarial: bool = True
    """Play against the critic. Without it, the generator learns by likelihood alone, as realnvp."""
    levels: int = 3
    """Number of levels of the reversible network."""
    flow_width: int = 32
    """Number of channels of the couplings' networks at the first level; it doubles at each further level."""
    blocks: int = 4
    """Number of residual blocks of each coupling's network."""
    width: int = 64
    """Number of channels of the critic at half the resolution; it doubles with each halving of the side."""
    leak: float = 0.2
    """Slope of the critic's leaky ReLU below zero."""
    discriminator_norm: dcgan.Norm = "none"
    """Normalization in the critic: batch, image (layer norm over each image) or none."""

    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, dcgan.MIN_SIDE, dcgan.MAX_SIDE)
        found += level_problems(spec, self.levels)
        if self.latent != "normal" or self.latent_size != type(self).latent_size:
            found.append("A reversible generator has as many normal latents as an image has numbers. Leave out latent and latent_size.")
        if self.condition != "none":
            found.append("flowgan has no classes in its paper. Leave condition out.")
        for name in () if self.adversarial else sorted({each.name for each in fields(self)} - {*SHARED, "adversarial", "flow_width"}):
            if getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} does nothing without the critic. Leave it out, or play against the critic.")
        found += mixing_problems(self.adversarial and self.penalized, self.discriminator_norm)
        return found

    def build(self, spec: ImageSpec) -> FlowGANGame | FlowGame:
        """See Recipe."""
        if not self.adversarial:
            return RealNVP(**{name: getattr(self, name) for name in SHARED}, width=self.flow_width).build(spec)
        return FlowGANGame(spec, *self.networks(spec), self)

    def networks(self, spec: ImageSpec) -> tuple[Flow, nn.Module]:
        """See AdversarialRecipe."""
        critic = dcgan.Discriminator(
            spec.doublings.side,
            spec.channels * self.packing,
            self.width,
            self.leak,
            smallest_map=spec.doublings.smallest_map,
            norm=self.discriminator_norm,
            minibatch_deviation=self.minibatch_deviation,
        )
        return real_nvp(spec.shape, self.levels, self.flow_width, self.blocks), critic


SHARED = sorted({each.name for each in fields(RealNVP)} & {each.name for each in fields(FlowGAN)} - {"width", "condition"})
"""Settings of realnvp that this recipe has too."""
RECIPE = FlowGAN
