"""VAE/GAN: a variational autoencoder that compares images by a discriminator's features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial_settings import doubling_problems, mixing_problems
from sparring.games.autoencoder_gan import AutoencoderGANGame, AutoencoderGANRecipe
from sparring.losses.objectives import ObjectiveName
from sparring.nets import dcgan
from sparring.nets.vaegan import FeatureDiscriminator
from sparring.optimizers.optimizers import OptimizerName


@dataclass(frozen=True, kw_only=True)
class VAEGAN(AutoencoderGANRecipe):
    """DCGAN's networks and an encoder."""

    title: ClassVar[str] = "A variational autoencoder and a GAN in one: an encoder, and sharper images"
    paper: ClassVar[str] = "Larsen et al. 2016: Autoencoding beyond pixels using a learned similarity metric (arXiv:1512.09300)"
    data: ClassVar[str] = "images, 16x16 to 256x256 (also rectangles, such as 96x64), with or without classes"
    smallest_side: ClassVar[int | None] = dcgan.MIN_SIDE
    ranges: ClassVar[Ranges] = {**AutoencoderGANRecipe.ranges, "width": {"at least": 1, "at most": 4096}, "leak": {"at least": 0}}
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    latent_size: int = 128
    """Number of dimensions of the latent vector."""
    latent: Literal["normal", "uniform"] = "normal"
    """Distribution of latent vectors: standard normal."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator: relativistic (in pairs) or relativistic-average (Jolicoeur-Martineau 2019), saturating (as in
    the paper) or non-saturating (Goodfellow 2014), least-squares (Mao 2017), hinge (Lim and Ye 2017), wasserstein (Arjovsky 2017)."""
    r1: float | None = 0.05
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real samples (Mescheder 2018: 10). 0: no penalty. None:
    0.0002 * side^2 / batch_size (Karras 2020, Training GANs with Limited Data)."""
    r2: float | None = 0.05
    """Weight gamma of R2, which is gamma / 2 times the squared gradient at generated samples (Mescheder 2018). 0: no penalty. None: the
    same as R1's."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization, Karras
    2020: 16)."""
    optimizer: OptimizerName = "adam"
    """Optimizer of all networks: adam, rmsprop (as in the paper), or sgd (gradient descent with momentum)."""
    learning_rate: float = 1e-3
    """Learning rate of all networks, unless discriminator_learning_rate is given."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    width: int = 64
    """Number of channels at half the resolution; it doubles with each halving of the side."""
    leak: float = 0.2
    """Slope of leaky ReLUs below zero."""
    discriminator_norm: dcgan.Norm = "none"
    """Normalization in the discriminator: batch (as in the paper), image (layer norm over each image) or none. With a norm it does not see
    how strong the contrast of images is."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + doubling_problems(spec, dcgan.MIN_SIDE, dcgan.MAX_SIDE)
        found += mixing_problems(self.penalized, self.discriminator_norm)
        return found

    def build(self, spec: ImageSpec) -> AutoencoderGANGame:
        """See Recipe."""
        plan = spec.doublings
        sizes, smallest = (plan.side, spec.channels, self.latent_size, self.width), plan.smallest_map
        discriminator = FeatureDiscriminator(
            plan.side,
            spec.channels * self.packing,
            self.width,
            self.leak,
            smallest_map=smallest,
            norm=self.discriminator_norm,
            minibatch_deviation=self.minibatch_deviation,
            **self.discriminator_classes(spec),
        )
        classes = len(spec.condition_names) if self.condition != "none" else 0
        encoder = dcgan.Encoder(*sizes, self.leak, smallest_map=smallest, stochastic=True, classes=classes)
        generator = dcgan.Generator(*sizes, smallest_map=smallest, **self.generator_classes(spec))
        return AutoencoderGANGame(spec, generator, encoder, discriminator, self)


RECIPE = VAEGAN
