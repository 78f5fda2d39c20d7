"""StyleGAN2: styles scale the weights of convolutions; the generator's map is kept smooth."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.settings import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial_settings import nearest_square, square_problems
from sparring.games.style import StyleGame, StyleRecipe
from sparring.nets import stylegan2 as nets


@dataclass(frozen=True, kw_only=True)
class StyleGAN2(StyleRecipe):
    """Weight demodulation, skip and residual networks, lazy R1 and path-length regularization.

    `channel_max` decides what it costs: 64 or 128 suit two cores at 32x32 and 64x64. For images of 32x32 the authors take
    `--mapping-layers 2 --style-mixing 0 --path-length 0 --discriminator-architecture orig` (Karras et al. 2020b, arXiv:2006.06676), which
    halves FD-lite0 after ten minutes on two cores (docs/benchmarks/training.md). R1's strength is that of their code for any data.
    """

    title: ClassVar[str] = "Styles by weight demodulation, lazy R1, smooth paths: the one for the best images"
    paper: ClassVar[str] = "Karras et al. 2020: Analyzing and Improving the Image Quality of StyleGAN (arXiv:1912.04958)"
    data: ClassVar[str] = "images, 8x8 to 1024x1024 (a power of two), with or without classes"
    ranges: ClassVar[Ranges] = {
        **StyleRecipe.ranges,
        "channel_base": {"at least": 1, "at most": 2**20},
        "channel_max": {"at least": 1, "at most": 4096},
        "widths": {"at least": 1, "at most": 4096},
        "discriminator_widths": {"at least": 1, "at most": 4096},
        "deviation_group": {"at least": 0},
        "deviation_channels": {"at least": 1},
        "clamp": {"more than": 0},
        "discriminator_clamp": {"more than": 0},
        "discriminator_mapping_layers": {"at least": 1, "at most": 64},
        "discriminator_mapping_rate": {"more than": 0},
        "discriminator_mapping_width": {"at least": 1, "at most": 2**16},
        "discriminator_embedding_size": {"at least": 1, "at most": 2**16},
        "class_size": {"at least": 1, "at most": 2**16},
    }

    batch_size: int = 32
    """Real images in each turn's batch."""
    learning_rate: float = 2.5e-3
    """Adam's rate, for both networks unless the discriminator has its own. (The authors take 0.002 for 1024x1024.)"""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates."""
    r1: float | None = None
    """Gamma: gamma / 2 times the squared gradient at real samples. None: 0.0002 * side^2 / batch_size."""
    penalty_every: int = 16
    """R1 is computed in every so many steps, and is as much stronger."""
    path_length: float = 2.0
    """Weight of the path-length penalty: steps in w shall change images by as much everywhere. 0: none."""
    minibatch_deviation: bool = True
    """The discriminator sees how much its batch varies."""
    channel_base: int = 16384
    """Channels are so many divided by the side... (32768 in the paper, and the authors' choice for 1024x1024)"""
    channel_max: int = 512
    """...and at most so many."""
    architecture: Literal["skip", "resnet", "orig"] = "skip"
    """The generator's (figure 7): skip sums images of all sides, resnet has shortcuts, orig neither."""
    discriminator_architecture: Literal["skip", "resnet", "orig"] = "resnet"
    """The discriminator's."""
    widths: tuple[int, ...] = ()
    """The generator's channels at 4x4, 8x8, ..., in place of channel_base and channel_max; and the discriminator's, if it has none."""
    discriminator_widths: tuple[int, ...] = ()
    """The discriminator's own."""
    deviation_group: int = 4
    """Samples that the minibatch deviation is taken over. 0: the whole batch."""
    deviation_channels: int = 1
    """Channels that show it."""
    clamp: float | None = None
    """The generator's activations are held within so much either side of zero (the authors' float16 networks: 256)."""
    discriminator_clamp: float | None = None
    """The discriminator's."""
    discriminator_mapping_layers: int = 8
    """Layers from the class to what the discriminator's features are compared with."""
    discriminator_mapping_rate: float = 0.01
    """Those layers' learning rate is so many times the others'."""
    discriminator_mapping_width: int | None = None
    """Units of those layers but the last. None: class_size."""
    discriminator_embedding_size: int | None = None
    """Numbers that a class is turned into before those layers. None: class_size."""
    class_size: int | None = None
    """Numbers that image and class are compared in. None: the channels at 4x4."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + square_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)
        if not found:
            for name in ("widths", "discriminator_widths"):
                given, wanted = len(getattr(self, name)), spec.height.bit_length() - 2
                if given not in {0, wanted}:
                    found.append(f"{name} must be {wanted} numbers, for 4x4 to {spec.height}x{spec.height}, not {given}.")
        narrow = (self.discriminator_widths or self.widths or nets.widths(4, self.channel_base, self.channel_max))[0]
        if self.minibatch_deviation and self.deviation_channels >= 1 and narrow % self.deviation_channels:
            found.append(
                f"deviation_channels must divide the discriminator's {narrow} channels at 4x4; {self.deviation_channels} does not."
            )
        return found if self.widths else found + nets.width_problems(spec.height, self.channel_base)

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The power of two that is nearest to the images' own side without losing pixels, at most 64."""
        return nearest_square(super().size_for(native), nets.MIN_SIDE)

    def build(self, spec: ImageSpec) -> StyleGame:
        """See Recipe."""
        widths = self.widths or nets.widths(spec.height, self.channel_base, self.channel_max)
        classes = len(spec.classes) if self.condition != "none" else 0
        generator = nets.Generator(
            widths,
            spec.channels,
            self.latent_size,
            self.style_size,
            classes=classes,
            mapping_layers=self.mapping_layers,
            mapping_rate=self.mapping_rate,
            mapping_width=self.mapping_width,
            embedding=self.embedding_size,
            architecture=self.architecture,
            clamp=self.clamp,
        )
        told = self.discriminator_classes(spec)
        discriminator = nets.Discriminator(
            self.discriminator_widths or widths,
            spec.channels * self.packing,
            classes=told["projected"],
            named=told["named"],
            mapping_layers=self.discriminator_mapping_layers,
            mapping_rate=self.discriminator_mapping_rate,
            mapping_width=self.discriminator_mapping_width,
            embedding=self.discriminator_embedding_size,
            class_size=self.class_size,
            architecture=self.discriminator_architecture,
            deviation_group=self.deviation_group,
            deviation_channels=self.deviation_channels if self.minibatch_deviation else 0,
            clamp=self.discriminator_clamp,
        )
        return StyleGame(spec, generator, discriminator, self)


RECIPE = StyleGAN2
