"""BigGAN: large batches, a class embedding shared by all norms, a latent that enters at every resolution, self-attention."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.adversarial_settings import Condition, square_problems
from sparring.losses.objectives import ObjectiveName
from sparring.nets import biggan as nets


@dataclass(frozen=True, kw_only=True)
class BigGAN(AdversarialRecipe):
    """Residual networks with spectral normalization and self-attention; classes by conditional batch norm and projection.

    The paper uses a batch of 2,048 and a width of 96, on 128 processors. On two cores, use `--width 16` to `--width 32`. Truncation
    trades variety for quality when sampling: `sparring sample RUN --truncation 0.5`.
    """

    title: ClassVar[str] = "Class-conditional generation at scale: shared class embedding, hierarchical latent, self-attention"
    paper: ClassVar[str] = (
        "Brock, Donahue, Simonyan 2019: Large Scale GAN Training for High Fidelity Natural Image Synthesis (arXiv:1809.11096)"
    )
    data: ClassVar[str] = "images, 16x16 to 512x512 (a power of two), with or without classes"
    smallest_side: ClassVar[int | None] = nets.MIN_SIDE
    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "width": {"at least": 1, "at most": 1024},
        "widths": {"at least": 1, "at most": 2**14},
        "discriminator_widths": {"at least": 1, "at most": 2**14},
        "shared_size": {"at least": 0, "at most": 2**14},
        "attention": {"at least": 0},
        "attended": {"at least": 0},
        "discriminator_attended": {"at least": 0},
        "depth": {"at least": 0, "at most": 16},
        "discriminator_depth": {"at least": 0, "at most": 16},
    }

    largest_attention: ClassVar[int] = 64
    """Largest side of feature maps that have self-attention by default."""

    batch_size: int = 64
    """Number of real images in each discriminator batch."""
    latent_size: int = 120
    """Number of dimensions of the latent vector. A hierarchical latent is cut into equal chunks; a remainder is not used."""
    objective: ObjectiveName = "hinge"
    """Losses of generator and discriminator."""
    learning_rate: float = 5e-5
    """Learning rate of the generator."""
    discriminator_learning_rate: float | None = 2e-4
    """Learning rate of the discriminator."""
    betas: tuple[float, float] = (0.0, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    discriminator_steps: int = 2
    """Number of discriminator updates per generator update."""
    spectral_norm: bool = True
    """Apply spectral normalization to the discriminator."""
    generator_spectral_norm: bool = True
    """Apply spectral normalization to the generator."""
    orthogonal: float = 1e-4
    """Weight of the generator's orthogonal regularization. 0: no regularization."""
    condition: Condition = "projection"
    """How the networks are conditioned on classes: projection (with conditional batch norm), auxiliary, or none."""
    width: int = 96
    """Number of channels at full resolution; feature maps at lower resolutions have four to sixteen times as many."""
    shared_size: int = 128
    """Number of dimensions of the class embedding that all conditional batch norms share. 0: each has its own embedding."""
    hierarchical: bool = True
    """Feed one chunk of the latent to each resolution of the generator."""
    attention: int | None = None
    """Side, in pixels, of the feature maps that have self-attention. 0: no self-attention. None: half the side of the images, at most
    64."""
    depth: int = 0
    """Number of residual blocks at each resolution of BigGAN-deep (the paper uses 2). 0: BigGAN, not deep."""
    discriminator_depth: int | None = None
    """The same for the discriminator. None: as depth."""
    widths: tuple[int, ...] = ()
    """Numbers of channels of the generator at 4x4, 8x8, ..., in place of width."""
    discriminator_widths: tuple[int, ...] = ()
    """Numbers of channels of the discriminator after each stage (for BigGAN-deep preceded by those of its first convolution), in place
    of width."""
    attended: tuple[int, ...] | None = None
    """Stages of the generator, counted from 0, that are followed by self-attention, in place of attention. None: attention decides."""
    discriminator_attended: tuple[int, ...] | None = None
    """Stages of the discriminator, counted from 0, that are followed by self-attention. None: attention decides."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + square_problems(self, spec, nets.MIN_SIDE, nets.MAX_SIDE)
        if self.condition == "concatenate":
            found.append(
                "condition='concatenate' does not work with BigGAN's networks. Use condition='projection' or condition='auxiliary'."
            )
        if not found:
            found += self.size_problems(spec)
        if not found and len(self.widths) not in {0, spec.height.bit_length() - 2}:
            found.append(
                f"widths must be {spec.height.bit_length() - 2} numbers, for 4x4 to {spec.height}x{spec.height}, not {len(self.widths)}."
            )
        return found

    def size_problems(self, spec: ImageSpec) -> list[str]:
        """What is wrong with the sizes of the networks for squares of a known side."""
        found, stages = [], spec.height.bit_length() - 3
        wanted = len(nets.discriminator_widths(spec.height, 1))
        if len(self.discriminator_widths) not in {0, wanted}:
            found.append(
                f"discriminator_widths must be {wanted} numbers for {spec.height}x{spec.height}, not {len(self.discriminator_widths)}."
            )
        if self.hierarchical and not self.depth and self.latent_size < stages + 1:
            found.append(
                f"A hierarchical latent is cut into {stages + 1} chunks: latent_size must be at least that, not {self.latent_size}."
            )
        if self.attention and (self.attention & (self.attention - 1) or not 8 <= self.attention < spec.height):
            found.append(
                f"attention must be 0 or the side of a feature map, a power of two from 8 to {spec.height // 2}, not {self.attention}."
            )
        for name in ("attended", "discriminator_attended"):
            if any(stage >= wanted for stage in getattr(self, name) or ()):
                found.append(f"{name} must be numbers of stages, from 0 to {wanted - 1}, not {getattr(self, name)}.")
        deep = [*(self.widths or nets.generator_widths(spec.height, self.width))] if self.depth else []
        if self.depth if self.discriminator_depth is None else self.discriminator_depth:
            deep += (self.discriminator_widths or nets.discriminator_widths(spec.height, self.width))[1:]  # the first is of no block
        if deep and min(deep) < nets.BOTTLENECK:
            found.append(f"BigGAN-deep's narrowest feature maps need at least {nets.BOTTLENECK} channels, not {min(deep)}.")
        return found

    def networks(self, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
        """See AdversarialRecipe."""
        side = spec.height
        attention = min(self.largest_attention, side // 2) if self.attention is None else self.attention
        # a generator's stage ends at 8, 16, ..., a discriminator's at side / 2, side / 4, ...
        ends = {8 << stage: stage for stage in range(side.bit_length() - 3)}
        attended = tuple(stage for end, stage in ends.items() if end == attention) if self.attended is None else self.attended
        seen = tuple(side.bit_length() - 4 - stage - 1 for end, stage in ends.items() if end == attention)
        classes = len(spec.condition_names) if self.condition != "none" else 0
        generator = nets.Generator(
            self.widths or nets.generator_widths(side, self.width),
            spec.channels,
            self.latent_size,
            classes=classes,
            shared=self.shared_size,
            hierarchical=self.hierarchical,
            attended=attended,
            depth=self.depth,
            spectral_norm=self.generator_spectral_norm,
        )
        depth = self.depth if self.discriminator_depth is None else self.discriminator_depth
        widths = self.discriminator_widths or nets.discriminator_widths(side, self.width)
        told = self.discriminator_classes(spec)
        discriminator = nets.Discriminator(
            widths,
            nets.halvings(side, len(widths)),
            spec.channels * self.packing,
            attended=seen if self.discriminator_attended is None else self.discriminator_attended,
            depth=depth,
            minibatch_deviation=self.minibatch_deviation,
            projected=told["projected"],
            named=told["named"],
        )
        return generator, discriminator


RECIPE = BigGAN
