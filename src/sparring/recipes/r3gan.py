"""R3GAN: a small modern game, and residual networks for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.data_spec import Spec
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame
from sparring.games.adversarial_settings import doubling_problems
from sparring.losses.objectives import ObjectiveName
from sparring.nets import compact_r3gan as compact
from sparring.nets import r3gan as nets

COMPACT_GAMMA = 0.2
"""Weight of R1 and R2 for batches of 64 of images of any side, with the compact networks."""
PAPER_GAMMA_AT_32 = 0.05
"""The same with the paper's networks, for images of 32x32: theirs grows with the number of pixels."""


class R3GANGame(TwoPlayerGame):
    """The generator's values are not bounded, so samples are brought into the range of images."""

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """See LatentGame."""
        return super().generate(latents, condition, truncation).clamp(-1, 1)


@dataclass(frozen=True, kw_only=True)
class R3GAN(AdversarialRecipe):
    """Relativistic pairs, R1 and R2, and residual networks.

    The defaults suit a laptop. For a GPU, the authors use `--architecture paper --channel-max 768 --channel-base 24576 --blocks 2
    --batch-size 256 --learning-rate 2e-4 --penalty-every 1`.
    """

    title: ClassVar[str] = "A modern baseline: relativistic pairs, R1 and R2, residual networks"
    paper: ClassVar[str] = "Huang et al. 2024: The GAN is dead; long live the GAN! A Modern Baseline GAN (arXiv:2501.05441)"
    data: ClassVar[str] = "images, 8x8 to 256x256 (also rectangles, such as 96x64), with or without classes"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    of_older_runs: ClassVar[Mapping[str, object]] = {"architecture": "paper", "constant_rate_samples": None}
    smallest_side: ClassVar[int | None] = nets.MIN_SIDE
    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "channel_base": {"at least": 1, "at most": 2**20},
        "channel_max": {"at least": 1, "at most": 4096},
        "blocks": {"at least": 1, "at most": 32},
        "expansion": {"at least": 1, "at most": 16},
        "group_size": {"at least": 1, "at most": 4096},
        "class_size": {"at least": 1, "at most": 4096},
    }

    batch_size: int = 64
    """Number of real images in each discriminator batch."""
    latent_size: int = 64
    """Number of dimensions of the latent vector."""
    architecture: Literal["compact", "paper"] = "compact"
    """Networks: compact (no residual block at the full side, dense convolutions on few channels, batch norm in the generator, for a CPU) or
    paper (blocks at every side, grouped convolutions on many channels, no normalization, which wants half the learning rate)."""
    channel_base: int = 512
    """Number of channels times the side of the maps of residual blocks, at most channel_max channels."""
    channel_max: int = 128
    """Largest number of channels."""
    blocks: int = 1
    """Number of residual blocks at each side."""
    expansion: int = 2
    """Of the paper's networks: how many times as many channels the 3x3 convolutions have as the residual path."""
    group_size: int = 16
    """Of the paper's networks: number of channels in each group of the 3x3 convolutions."""
    class_size: int = 64
    """Number of dimensions of the embeddings of classes."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    learning_rate: float = 2e-3
    """Learning rate of both networks, unless discriminator_learning_rate is given."""
    constant_rate_samples: int | None = 50_000
    """Number of real samples from which learning rates fall with the square root of their number. None: they stay constant."""
    ema_samples: float = 20_000
    """Half-life, in real samples, of the exponential moving average of the generator's weights. 0: no average."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = None
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real samples. 0: no penalty. None:
    0.2 * sqrt(64 / batch_size), and for the paper's networks 0.05 * (side / 32)^2 * sqrt(64 / batch_size). If training breaks down, raise
    it; if images stay blurred or alike, lower it."""
    r2: float | None = None
    """Weight gamma of R2, the same at generated samples. None: the same as R1's."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization). (The paper:
    1.)"""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)
        if self.minibatch_deviation:
            found.append("minibatch_deviation is not for these networks, which need no tricks. Leave it out.")
        if self.spectral_norm:
            found.append("spectral_norm would divide by zero: some weights begin at zero. Leave it out.")
        if self.condition not in {"none", "projection"}:
            found.append(f"condition={self.condition!r} is not for these networks: use condition='projection', or condition='none'.")
        if self.architecture != "paper":
            grouped = [name for name in ("expansion", "group_size") if getattr(self, name) != getattr(type(self), name)]
            return found + [f"{name} only works with architecture='paper'. Set that too, or leave it out." for name in grouped]
        if found:
            return found
        inner = [width * self.expansion for width in nets.widths(spec.doublings.side, self.channel_base, self.channel_max)]
        uneven = [width for width in inner if width > self.group_size and width % self.group_size]
        if uneven:
            found.append(
                f"group_size must divide the channels of 3x3 convolutions ({', '.join(map(str, uneven))}); {self.group_size} does not."
            )
        return found

    def remarks(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().remarks(spec)
        if self.architecture == "paper" and self.learning_rate > 1e-3:
            found.append(f"The paper's networks want a learning rate of 0.001 or less; this is {self.learning_rate:g}.")
        return found

    def r1_for(self, spec: Spec) -> float:
        """See AdversarialSettings."""
        if self.r1 is not None:
            return self.r1
        at_64 = COMPACT_GAMMA if self.architecture == "compact" else PAPER_GAMMA_AT_32 * math.prod(spec.shape[1:]) / 32**2
        return at_64 * math.sqrt(64 / self.batch_size)

    def networks(self, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
        """See AdversarialRecipe."""
        plan, classes = spec.doublings, len(spec.condition_names) if self.condition != "none" else 0
        largest_map = plan.side // 2 if self.architecture == "compact" else plan.side
        widths = nets.widths(largest_map, self.channel_base, self.channel_max)
        both: dict[str, Any] = {"blocks": self.blocks, "class_size": self.class_size, "smallest_map": plan.smallest_map}
        packed, packed_classes = spec.channels * self.packing, classes * self.packing
        if self.architecture == "compact":
            generator = compact.Generator(widths, spec.channels, self.latent_size, classes=classes, **both)
            return generator, compact.Discriminator(widths, packed, classes=packed_classes, **both)
        both |= {"expansion": self.expansion, "group_size": self.group_size}
        generator = nets.Generator(widths, spec.channels, self.latent_size, classes=classes, **both)
        return generator, nets.Discriminator(widths, packed, classes=packed_classes, **both)

    def build(self, spec: Any) -> R3GANGame:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        return R3GANGame(spec, *self.networks(spec), settings=self)


RECIPE = R3GAN
