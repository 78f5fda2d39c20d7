"""StyleGAN2: styles scale the weights of convolutions, and path lengths are regularized."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial_settings import doubling_problems
from sparring.games.stylegan import StyleGame, StyleRecipe
from sparring.nets import stylegan2 as nets


@dataclass(frozen=True, kw_only=True)
class StyleGAN2(StyleRecipe):
    """Weight demodulation, skip and residual networks, lazy R1 and path length regularization.

    Its cost depends on channel_max: use 64 or 128 for images of 32x32 and 64x64 on two cores. For 32x32 the authors use
    `--mapping-layers 2 --style-mixing 0 --path-length 0 --discriminator-architecture orig` (Karras et al. 2020b, arXiv:2006.06676),
    which halves FD-lite0 after ten minutes on two cores (docs/benchmarks/training.md). The weight of R1 is that of the
    authors' code for any data.
    """

    title: ClassVar[str] = "Style generator with weight demodulation, lazy R1 and path length regularization: the best images"
    paper: ClassVar[str] = "Karras et al. 2020: Analyzing and Improving the Image Quality of StyleGAN (arXiv:1912.04958)"
    data: ClassVar[str] = "images, 8x8 to 1024x1024 (also rectangles, such as 96x64), with or without classes"
    smallest_side: ClassVar[int | None] = nets.MIN_SIDE
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
    """Number of real images in each discriminator batch."""
    learning_rate: float = 2.5e-3
    """Learning rate of both networks, unless discriminator_learning_rate is given. (The authors use 0.002 for 1024x1024.)"""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = None
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real samples. 0: no penalty. None: 0.0002 * side^2 /
    batch_size."""
    penalty_every: int = 16
    """Compute R1 only every this many steps, with a weight that is as many times larger (lazy regularization)."""
    path_length: float = 2.0
    """Weight of path length regularization: a step in w should change the image by the same amount everywhere. 0: no regularization."""
    minibatch_deviation: bool = True
    """Show the discriminator how much the samples of its batch differ (minibatch standard deviation)."""
    channel_base: int = 16384
    """Feature maps with a side of s pixels have channel_base / s channels, but at most channel_max. (The paper, and the authors for
    1024x1024, use 32768.)"""
    channel_max: int = 512
    """Largest number of channels of a feature map."""
    architecture: Literal["skip", "resnet", "orig"] = "skip"
    """Architecture of the generator (figure 7 of the paper): skip sums images of all resolutions, resnet has residual connections, orig
    neither."""
    discriminator_architecture: Literal["skip", "resnet", "orig"] = "resnet"
    """Architecture of the discriminator: skip, resnet or orig, as for the generator."""
    widths: tuple[int, ...] = ()
    """Numbers of channels of the generator at 4x4, 8x8, ..., in place of channel_base and channel_max. They also apply to the
    discriminator, unless discriminator_widths is given."""
    discriminator_widths: tuple[int, ...] = ()
    """Numbers of channels of the discriminator at 4x4, 8x8, ..., in place of channel_base and channel_max."""
    deviation_group: int = 4
    """Number of samples over which minibatch standard deviation is computed. 0: the whole batch."""
    deviation_channels: int = 1
    """Number of channels for minibatch standard deviation."""
    clamp: float | None = None
    """Largest absolute value of the generator's activations (256 in the authors' float16 networks). None: no limit."""
    discriminator_clamp: float | None = None
    """Largest absolute value of the discriminator's activations. None: no limit."""
    discriminator_mapping_layers: int = 8
    """Number of layers of the discriminator's mapping network, from the class to the vector that image features are compared with."""
    discriminator_mapping_rate: float = 0.01
    """Learning rate of the discriminator's mapping network, as a multiple of the other layers' rate."""
    discriminator_mapping_width: int | None = None
    """Number of units in each hidden layer of the discriminator's mapping network. None: class_size."""
    discriminator_embedding_size: int | None = None
    """Number of dimensions of the class embedding that enters the discriminator's mapping network. None: class_size."""
    class_size: int | None = None
    """Number of dimensions in which the discriminator compares image and class. None: the number of channels at 4x4."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)
        if not found:
            smallest = spec.doublings.smallest_map
            for name in ("widths", "discriminator_widths"):
                given, wanted = len(getattr(self, name)), spec.doublings.count + 1
                if given not in {0, wanted}:
                    found.append(f"{name} must be {wanted} numbers, for {smallest[1]}x{smallest[0]} to {spec.resolution}, not {given}.")
        narrow = (self.discriminator_widths or self.widths or nets.widths(4, self.channel_base, self.channel_max))[0]
        if self.minibatch_deviation and self.deviation_channels >= 1 and narrow % self.deviation_channels:
            found.append(
                f"deviation_channels must divide the discriminator's {narrow} channels at 4x4; {self.deviation_channels} does not."
            )
        return found if self.widths else found + nets.width_problems(max(spec.height, spec.width), self.channel_base)

    def build(self, spec: ImageSpec) -> StyleGame:
        """See Recipe."""
        plan = spec.doublings
        widths = self.widths or nets.widths(plan.side, self.channel_base, self.channel_max)
        classes = len(spec.condition_names) if self.condition != "none" else 0
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
            smallest_map=plan.smallest_map,
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
            smallest_map=plan.smallest_map,
        )
        return StyleGame(spec, generator, discriminator, self)


RECIPE = StyleGAN2
