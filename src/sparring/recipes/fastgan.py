"""FastGAN: made for hundreds of images. Skip-layer excitation in the generator, and a discriminator that also reconstructs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from sparring.core.batch import Labels
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame, Weights
from sparring.games.adversarial_settings import doubling_problems, mixing_problems, square_problems
from sparring.games.step_context import StepContext
from sparring.losses.objectives import ObjectiveName
from sparring.nets import fastgan as nets
from sparring.nets import lightweight_gan
from sparring.nets.dcgan import Norm


class FastGANGame(TwoPlayerGame):
    """The discriminator also learns to reconstruct the real images that it sees, which keeps it from learning few images by heart."""

    settings: "FastGAN"

    def discriminate_real(
        self, context: StepContext, shown: Float[Tensor, "packs _ h w"], labels: Labels | None, weights: Weights | None
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"], dict[str, Float[Tensor, " packs"]]]:
        """See TwoPlayerGame. Whole images are reconstructed at half their side, and a random quadrant of each at its own (section 3.2 of
        the paper); what is minimized is the mean absolute difference.
        """
        if not self.settings.reconstruction:
            return super().discriminate_real(context, shown, labels, weights)
        quadrants = context.streams.integers("quadrant", nets.QUADRANTS, len(shown))
        logits, whole, quadrant = self.discriminator_outputs(weights, shown, None, quadrants)
        logits, seen = logits.to(shown.dtype), shown.detach()
        pairs = {"whole": (whole, avg_pool2d(seen, 2)), "quadrant": (quadrant, nets.quadrants_of(seen, quadrants))}
        differences = {f"reconstruction/{name}": (made - wanted).abs().mean(dim=(1, 2, 3)) for name, (made, wanted) in pairs.items()}
        return logits[:, 0], logits[:, 1:], {name: self.settings.reconstruction * each for name, each in differences.items()}


@dataclass(frozen=True, kw_only=True)
class FastGAN(AdversarialRecipe):
    """Small networks that learn from few images.

    The defaults suit a laptop. For a GPU, the authors use `--channel-max 1024 --channel-base 4096 --batch-size 8`.
    """

    title: ClassVar[str] = "For hundreds of images: skip-layer excitation, and a discriminator that reconstructs"
    paper: ClassVar[str] = (
        "Liu et al. 2021: Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis (arXiv:2101.04775)"
    )
    data: ClassVar[str] = "images, 16x16 to 256x256 (also rectangles, such as 96x64)"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    smallest_side: ClassVar[int | None] = nets.MIN_SIDE
    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "channel_base": {"at least": 1, "at most": 2**20},
        "channel_max": {"at least": 1, "at most": 4096},
        "attention": {"at least": 4, "at most": 512},
        "reconstruction": {"at least": 0},
    }

    batch_size: int = 16
    """Number of real images in each discriminator batch. (The paper: 8.)"""
    latent_size: int = 256
    """Number of dimensions of the latent vector."""
    channel_base: int = 1024
    """Number of channels times the side of feature maps, at most channel_max channels. (The authors: 4096, and twice as many in the
    generator from 64x64 on.)"""
    channel_max: int = 128
    """Largest number of channels. (The authors: 1024.)"""
    generator: Literal["paper", "lightweight"] = "paper"
    """Generator: that of the paper, or that of lucidrains' lightweight-gan, whose weights can be imported (up to 1024x1024). The latter has
    latent_size channels at 4x4, and 3 from 512x512 on."""
    attention: tuple[int, ...] = ()
    """Sides of feature maps with attention in the lightweight generator, such as 32."""
    frequencies: bool = False
    """Let cosine transforms of small maps scale the channels of large ones in the lightweight generator, in place of weighted means."""
    objective: ObjectiveName = "hinge"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    spectral_norm: bool = True
    """Apply spectral normalization to the discriminator."""
    discriminator_norm: Norm = "batch"
    """Normalization in the discriminator: batch, image (layer norm over each image) or none."""
    reconstruction: float = 1.0
    """Weight of the discriminator's reconstructions of real images: of the mean absolute differences, for whole images and for quadrants.
    0: no reconstructions."""
    augment: Literal["none", "ada", "diffaugment"] = "diffaugment"
    """Augmentation of all inputs of the discriminator: diffaugment (Zhao 2020: color, translation, cutout), ada (Karras 2020: pixels,
    geometry and colors, with a probability that adapts), or none."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.generator == "lightweight":
            found += square_problems(self, spec, nets.MIN_SIDE, lightweight_gan.MAX_SIDE)
        else:
            found += doubling_problems(spec, nets.MIN_SIDE, nets.MAX_SIDE)
        if self.generator == "paper" and (self.attention or self.frequencies):
            found.append("attention and frequencies are for the lightweight generator. Set generator=lightweight, or leave them out.")
        if wrong := [side for side in self.attention if side not in {4 << power for power in range(spec.height.bit_length() - 3)}]:
            found.append(f"attention is at sides 4, 8, ... below that of the images, {spec.height}, not at {', '.join(map(str, wrong))}.")
        found += mixing_problems(self.penalized, self.discriminator_norm)
        if self.condition != "none":
            found.append("fastgan has no classes in its paper. Leave condition out, or train another recipe, for example cgan.")
        if self.minibatch_deviation:
            found.append("minibatch_deviation is not for these networks. Leave it out.")
        if self.weight_clip and self.reconstruction:
            found.append("weight_clip also clips the weights that reconstruct. Leave it out, or set reconstruction=0.")
        return found

    def networks(self, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
        """See AdversarialRecipe."""
        plan = spec.doublings
        widths = nets.widths(plan.side, self.channel_base, self.channel_max)
        if self.generator == "lightweight":
            theirs = lightweight_gan.widths(plan.side, self.latent_size, self.channel_base, self.channel_max)
            generator = lightweight_gan.Generator(theirs, spec.channels, attended=self.attention, frequencies=self.frequencies)
        else:
            generator = nets.Generator(widths, spec.channels, self.latent_size, plan.smallest_map)
        decodes = self.reconstruction > 0
        return generator, nets.Discriminator(widths, spec.channels * self.packing, self.discriminator_norm, decodes=decodes)

    def build(self, spec: Any) -> FastGANGame:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        return FastGANGame(spec, *self.networks(spec), settings=self)


RECIPE = FastGAN
