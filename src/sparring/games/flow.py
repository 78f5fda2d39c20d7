"""One player with a reversible network, which learns by the likelihood of images."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_sizes import nearest_square, size_of
from sparring.data.images.image_spec import ImageSpec
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn, evaluating
from sparring.games.image_likelihood import noise_of
from sparring.games.image_recipe import SamplingImageRecipe
from sparring.games.latent_game import LatentGame
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import LEVELS, bits_per_dimension, images_of, levels_of
from sparring.losses.objectives import Losses
from sparring.nets.flows import Flow
from sparring.optimizers.optimizers import maker


class FlowGame(LatentGame):
    """Images are made of as many normal numbers as they have, and these are found again from them."""

    likelihood_kind: ClassVar[LikelihoodKind] = "dequantized bound"

    def __init__(self, spec: ImageSpec, flow: Flow, settings: "FlowRecipe") -> None:
        super().__init__(spec)
        self.flow, self.settings = flow, settings
        self.dimensions = math.prod(spec.shape)
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=settings.weight_decay)
        self.players = (Player("flow", ("flow",), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("fit", "flow", self.play),)
        self.sampling_networks = ("flow",)

    @property
    def conditional(self) -> bool:
        """See LatentGame."""
        return self.settings.condition != "none"

    def see_first_batch(self, context: StepContext) -> None:
        """See Game: actnorms normalize it."""
        with torch.no_grad():
            self.play(context)

    def play(self, context: StepContext) -> Losses:
        """Make the images of a batch likelier: bits for each number of an image."""
        images = context.batch.samples
        noise = (context.streams.uniform("noise", *images.shape) + 1) / 2
        _, found = self.encode_pixels(images, noise, self.condition(context.batch.labels))
        return {"bits_per_dimension": bits_per_dimension(found, self.dimensions)}

    def encode_pixels(
        self, images: Float[Tensor, "n c h w"], noise: Float[Tensor, "n c h w"] | float, condition: Float[Tensor, "n classes"] | None
    ) -> tuple[Float[Tensor, "n latent"], Float[Tensor, " n"]]:
        """See the function of that name."""
        return encode_pixels(self.flow, self.settings.margin, images, noise, condition)

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (("normal", self.dimensions),)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        return streams.normal("latent", n, self.dimensions)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """See LatentGame. Truncation is the temperature: latents are multiplied by it (Kingma and Dhariwal 2018, section 6)."""
        return decode_pixels(self.flow, self.settings.margin, latents if truncation is None else latents * truncation, condition)

    def encode(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """See `capabilities.Encodes`."""
        with evaluating(self):
            return self.encode_pixels(samples, 0.5, self.condition(labels))[0]

    def log_likelihood(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`."""
        with evaluating(self):
            return self.encode_pixels(samples, noise_of(samples), self.condition(labels))[1]


def level_problems(spec: ImageSpec, levels: int) -> list[str]:
    """What is wrong with the images' sides for a network with so many levels."""
    if not (spec.height % 2**levels or spec.width % 2**levels):
        return []
    square = spec.width == spec.height
    better = nearest_square(spec.height, 2**levels) if square else size_of(*(-(-side // 2**levels) * 2**levels for side in spec.shape[1:]))
    return [
        f"With {levels} levels, sides must be multiples of {2**levels}, and images are {spec.resolution}. Use --size {better}, or fewer "
        "levels."
    ]


def encode_pixels(
    flow: Flow,
    margin: float,
    images: Float[Tensor, "n c h w"],
    noise: Float[Tensor, "n c h w"] | float,
    condition: Float[Tensor, "n classes"] | None,
) -> tuple[Float[Tensor, "n latent"], Float[Tensor, " n"]]:
    """Latents of images, and a bound of the logarithm of their probability as 8-bit pixels. `noise`, in [0, 1), is added to each level
    from 0 to 255, so that these become numbers (Theis et al. 2016, section 3.1).
    """
    dimensions = images[0].numel()
    with torch.autocast(images.device.type, enabled=False):
        shares = (levels_of(images) + noise) / LEVELS
        if not margin:
            latents, density = flow(shares - 0.5, condition)
            return latents, density - dimensions * math.log(LEVELS)
        inner = margin + (1 - 2 * margin) * shares
        logits = inner.logit()
        latents, density = flow(logits, condition)
        # the derivative of the logit is 1 / (s (1 - s)), and log(s (1 - s)) is logsigmoid of both signs
        stretched = (math.log(1 - 2 * margin) - logsigmoid(logits) - logsigmoid(-logits)).flatten(1).sum(dim=1)
        return latents, density + stretched - dimensions * math.log(LEVELS)


def decode_pixels(
    flow: Flow, margin: float, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None
) -> Float[Tensor, "n c h w"]:
    """The images of latents, in [-1, 1]."""
    with torch.autocast(latents.device.type, enabled=False):
        x = flow.inverse(latents, condition)
        shares = (x.sigmoid() - margin) / (1 - 2 * margin) if margin else x + 0.5
        return images_of(shares * LEVELS - 0.5)


@dataclass(frozen=True, kw_only=True)
class FlowRecipe(SamplingImageRecipe):
    """A reversible network that learns by likelihood. A recipe adds the network."""

    ranges: ClassVar[Ranges] = {
        **SamplingImageRecipe.ranges,
        "weight_decay": {"at least": 0},
        "levels": {"at least": 1, "at most": 8},
        "width": {"at least": 1, "at most": 4096},
        "margin": {"at least": 0, "less than": 0.5},
    }

    learning_rate: float = 1e-3
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    weight_decay: float = 0.0
    """Weight decay: this many times the weights are added to the gradient."""
    warmup_samples: int = 10_000
    """Number of real samples over which the learning rate rises linearly from zero. 0: no warmup."""
    levels: int = 3
    """Number of levels. At each the side is halved, and at each but the last half of the numbers become latents."""
    width: int = 64
    """Number of channels of the couplings' networks."""
    margin: float = 0.0
    """Pixels are moved this far away from black and white, and then through a logit, so that the network may give any number. 0: they are
    not."""
    condition: Literal["none", "prior"] = "none"
    """prior: each class has a mean and a deviation of its own for the last latents."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + level_problems(spec, self.levels)
        found += self.class_problems(spec, self.condition)
        return found

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The power of two that is nearest to the images' own side without losing pixels, at most 64."""
        return nearest_square(super().size_for(native), 2**self.levels)

    def network(self, spec: ImageSpec) -> Flow:
        """The reversible network for such images."""
        raise NotImplementedError

    def build(self, spec: ImageSpec) -> FlowGame:
        """See Recipe."""
        return FlowGame(spec, self.network(spec), self)
