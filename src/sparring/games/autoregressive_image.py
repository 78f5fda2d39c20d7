"""Images as a product of conditionals: one player predicts each pixel from those above it and to its left."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import ExportChoices, Part, PartName
from sparring.games.game import Player, Turn, evaluating
from sparring.games.image_recipe import SamplingImageRecipe
from sparring.games.latent_game import LatentGame
from sparring.games.step_context import StepContext
from sparring.losses.likelihoods import bits_per_dimension
from sparring.losses.objectives import Losses
from sparring.losses.pixel_distributions import Categories, LogisticMixture, PixelDistribution
from sparring.nets.pixelcnn import DTYPE, PixelCNN, RowByRow
from sparring.optimizers.optimizers import maker


class AutoregressiveImageGame(LatentGame):
    """Every pixel is predicted from those before it, in the order of reading; samples are drawn pixel by pixel."""

    likelihood_kind: ClassVar[LikelihoodKind] = "exact"

    def __init__(self, spec: ImageSpec, settings: "AutoregressiveImageRecipe") -> None:
        super().__init__(spec)
        self.settings, self.dimensions = settings, math.prod(spec.shape)
        self.pixels: PixelDistribution = Categories() if settings.head == "categories" else LogisticMixture(settings.components)
        self.predictor = PixelCNN(
            spec.channels,
            self.pixels.numbers(spec.channels),
            settings.width,
            settings.layers,
            settings.kernel,
            len(spec.condition_names) if self.conditional else 0,
            by_color=self.pixels.by_color,
        )
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=0.0)
        self.players = (Player("predictor", ("predictor",), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("fit", "predictor", self.play),)
        self.sampling_networks = ("predictor",)
        self.sample_chunk = 64  # of single pixels; more at a time cost little more

    @property
    def conditional(self) -> bool:
        """See LatentGame."""
        return self.settings.condition != "none"

    def play(self, context: StepContext) -> Losses:
        """Make the images of a batch likelier: bits for each number of an image."""
        found = self.log_probability(context.batch.samples, self.condition(context.batch.labels))
        return {"bits_per_dimension": bits_per_dimension(found, self.dimensions)}

    def log_probability(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, " n"]:
        """Natural logarithm of the probability of images as 8-bit pixels."""
        predicted = self.predictor(images, condition)
        with torch.autocast(images.device.type, enabled=False):
            return self.pixels.log_probability(predicted, images)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        height, width = self.spec.shape[1:]
        raise SettingsError(
            f"This model draws every pixel from those before it, in {height * width:,} passes of its network, and an exported file is one "
            "pass. Use it with Sparring, or train a recipe that draws images at once, such as dcgan or vae."
        )

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: for every pixel the places, in [0, 1), at which its distribution is looked up."""
        spec = self.spec
        return (streams.uniform("latent", n, self.pixels.noise(spec.shape[0]) * math.prod(spec.shape[1:])) + 1) / 2

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """See LatentGame. Truncation is the temperature of every pixel's distribution."""
        return torch.stack(list(self.rows(latents, condition, truncation)), dim=2).to(latents.dtype)

    def rows(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Iterator[Float[Tensor, "n c w"]]:
        """Row by row, what `generate` draws."""
        channels, height, width = self.spec.shape
        noise = latents.to(DTYPE).view(len(latents), height, width, -1)
        temperature = 1.0 if truncation is None else truncation
        numbers = self.pixels.numbers(channels)
        colors = [slice(color, color + 1) for color in range(channels)] if self.pixels.by_color else [slice(0, self.pixels.noise(channels))]
        network = RowByRow(self.predictor, len(latents), width, condition)
        for row in range(height):
            with evaluating(self), torch.autocast(latents.device.type, enabled=False):  # not while the caller looks at a row
                network.begin_row()
                for column in range(width):
                    for color in colors:
                        predicted = network.predict(column, slice(numbers * color.start, numbers * (color.start + 1)))
                        drawn = self.pixels.draw(predicted, noise[:, row, column, color], channels, temperature)
                        network.set_pixel(column, color, drawn)
                done = network.end_row()
            yield done

    def log_likelihood(self, samples: Float[Tensor, "n c h w"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`."""
        with evaluating(self):
            return self.log_probability(samples, self.condition(labels))


@dataclass(frozen=True, kw_only=True)
class AutoregressiveImageRecipe(SamplingImageRecipe):
    """Predicts every pixel of an image from those before it."""

    smallest_side: ClassVar[int | None] = 8
    ranges: ClassVar[Ranges] = {
        **SamplingImageRecipe.ranges,
        "width": {"at least": 1, "at most": 4096},
        "layers": {"at least": 1, "at most": 256},
        "kernel": {"at least": 3, "at most": 15},
        "components": {"at least": 1, "at most": 256},
    }

    batch_size: int = 32
    """Number of images in each batch."""
    learning_rate: float = 1e-3
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    width: int = 48
    """Number of channels of each stack. Of color images with categories, a third is about each color."""
    layers: int = 7
    """Number of layers after the first, which looks 3 pixels far. Each looks half a kernel farther."""
    kernel: int = 3
    """Side of the convolutions after the first. Odd."""
    head: Literal["categories", "logistics"] = "categories"
    """How a pixel is distributed: categories (256 levels, one color after the other, van den Oord 2016), or logistics (a mixture of
    logistic distributions of whole pixels, Salimans 2017)."""
    components: int = 10
    """Number of distributions in the mixture. Only for logistics."""
    condition: Literal["none", "bias"] = "none"
    """bias: each class adds to the features of every layer."""

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.head == "categories" and self.width % spec.channels:
            found.append(f"width must be a multiple of {spec.channels}, the number of colors; {self.width} is not.")
        if not self.kernel % 2:
            found.append(f"kernel must be odd; {self.kernel} is not.")
        if self.head != "logistics" and self.components != type(self).components:
            found.append("components only works with head='logistics'. Set that too, or leave it out.")
        found += self.class_problems(spec, self.condition)
        return found

    def build(self, spec: ImageSpec) -> AutoregressiveImageGame:
        """See Recipe."""
        return AutoregressiveImageGame(spec, self)
