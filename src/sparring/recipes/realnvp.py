"""RealNVP: a reversible network of couplings, by checkerboards and by channels."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.flow import FlowRecipe
from sparring.nets.flows import Flow, real_nvp


@dataclass(frozen=True, kw_only=True)
class RealNVP(FlowRecipe):
    """No GAN: it learns by likelihood, and knows that of every image. Actnorm takes the place of the paper's batch norm, so that images of
    a batch do not depend on each other.
    """

    title: ClassVar[str] = "A reversible network of couplings alone, with likelihoods"
    paper: ClassVar[str] = "Dinh, Sohl-Dickstein, Bengio 2017: Density estimation using Real NVP (arXiv:1605.08803)"
    data: ClassVar[str] = "images whose sides are multiples of 8 (by levels)"
    ranges: ClassVar[Ranges] = {**FlowRecipe.ranges, "blocks": {"at least": 1, "at most": 64}}

    weight_decay: float = 5e-5
    """Weight decay: this many times the weights are added to the gradient."""
    width: int = 32
    """Number of channels of the couplings' networks at the first level; it doubles at each further level."""
    blocks: int = 4
    """Number of residual blocks of each coupling's network."""
    margin: float = 0.05
    """Pixels are moved this far away from black and white, and then through a logit, so that the network may give any number. 0: they are
    not."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.condition != "none":
            found.append("realnvp has no classes in its paper. Use glow for them, or leave condition out.")
        return found

    def network(self, spec: ImageSpec) -> Flow:
        """See FlowRecipe."""
        return real_nvp(spec.shape, self.levels, self.width, self.blocks)


RECIPE = RealNVP
