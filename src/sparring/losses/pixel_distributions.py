"""Distributions of the 256 levels of pixels: how likely a pixel is, and the pixel at a place of the distribution."""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from sparring.losses.likelihoods import LEVELS, images_of, levels_of, log_discretized_logistic

SMALLEST_LOG_SCALE = -7.0


class PixelDistribution(Protocol):
    """What the numbers of a prediction mean."""

    by_color: bool
    """Whether a prediction has numbers for each color, which are drawn one by one."""

    def numbers(self, channels: int) -> int:
        """How many numbers a prediction has (of each color, if `by_color`)."""
        ...

    def noise(self, channels: int) -> int:
        """How many random numbers a pixel takes."""
        ...

    def log_probability(self, predicted: Float[Tensor, "n _ h w"], images: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        """Natural logarithm of the probability of images as 8-bit pixels."""
        ...

    def draw(self, predicted: Float[Tensor, "n _"], noise: Float[Tensor, "n _"], channels: int, temperature: float) -> Float[Tensor, "n _"]:
        """Colors in [-1, 1] from a prediction and numbers in [0, 1)."""
        ...


class Categories:
    """Each level of each color has a logit of its own (van den Oord et al. 2016)."""

    by_color = True

    def numbers(self, channels: int) -> int:
        """See PixelDistribution."""
        return LEVELS

    def noise(self, channels: int) -> int:
        """See PixelDistribution."""
        return channels

    def log_probability(self, predicted: Float[Tensor, "n _ h w"], images: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        """See PixelDistribution."""
        n, channels, height, width = images.shape
        logits = predicted.reshape(n, channels, LEVELS, height, width).transpose(1, 2)
        return -cross_entropy(logits, levels_of(images).long(), reduction="none").flatten(1).sum(dim=1)

    def draw(self, predicted: Float[Tensor, "n _"], noise: Float[Tensor, "n _"], channels: int, temperature: float) -> Float[Tensor, "n _"]:
        """See PixelDistribution: of one color, as the inverse of the cumulative distribution."""
        below = (predicted / temperature).softmax(dim=1).cumsum(dim=1)
        levels = (below <= noise * below[:, -1:]).sum(dim=1, keepdim=True).clamp(max=LEVELS - 1)
        return images_of(levels.to(noise.dtype))


class LogisticMixture:
    """A mixture of discretized logistic distributions of whole pixels, where the means of later colors move with earlier ones (Salimans et
    al. 2017, sections 2.1 and 2.2).
    """

    by_color = False

    def __init__(self, components: int) -> None:
        self.components = components

    def numbers(self, channels: int) -> int:
        """See PixelDistribution."""
        return self.components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def noise(self, channels: int) -> int:
        """See PixelDistribution: one to choose a component, and one for each color."""
        return 1 + channels

    def split(
        self, predicted: Float[Tensor, "n _ *where"], channels: int
    ) -> tuple[
        Float[Tensor, "n k *where"], Float[Tensor, "n k c *where"], Float[Tensor, "n k c *where"], Float[Tensor, "n k pairs *where"]
    ]:
        """Logits of components; means and logarithms of scales by color; and coefficients by which later colors move with earlier ones."""
        parts = predicted.unflatten(1, (self.components, -1))
        logits, means, log_scales, coefficients = parts.split([1, channels, channels, channels * (channels - 1) // 2], dim=2)
        return logits[:, :, 0], means, log_scales.clamp(min=SMALLEST_LOG_SCALE), coefficients.tanh()

    def log_probability(self, predicted: Float[Tensor, "n _ h w"], images: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        """See PixelDistribution."""
        channels = images.shape[1]
        logits, means, log_scales, coefficients = self.split(predicted, channels)
        exact = images_of(levels_of(images))[:, None].expand(-1, self.components, -1, -1, -1)
        moved = [mean + shift_of_mean(coefficients, exact, color, 2) for color, mean in enumerate(means.unbind(dim=2))]
        found = log_discretized_logistic(exact, torch.stack(moved, dim=2), log_scales).sum(dim=2)
        return (logits.log_softmax(dim=1) + found).logsumexp(dim=1).flatten(1).sum(dim=1)

    def draw(self, predicted: Float[Tensor, "n _"], noise: Float[Tensor, "n _"], channels: int, temperature: float) -> Float[Tensor, "n _"]:
        """See PixelDistribution: all colors."""
        logits, means, log_scales, coefficients = self.split(predicted, channels)
        below = (logits / temperature).softmax(dim=1).cumsum(dim=1)
        chosen = (below <= noise[:, :1] * below[:, -1:]).sum(dim=1).clamp(max=self.components - 1)
        rows = torch.arange(len(predicted), device=predicted.device)
        means, log_scales, coefficients = (each[rows, chosen] for each in (means, log_scales, coefficients))
        drawn = torch.zeros_like(means)
        for color in range(channels):
            place = noise[:, 1 + color]
            mean = means[:, color] + shift_of_mean(coefficients, drawn, color, 1)
            # of a logistic distribution the logit is the inverse of the cumulative distribution, and a level has all that rounds to it
            drawn[:, color] = images_of(levels_of(mean + temperature * log_scales[:, color].exp() * place.logit()))
        return drawn


def shift_of_mean(coefficients: Tensor, known: Tensor, color: int, dim: int) -> Tensor | float:
    """How far the means of a color move with the colors before it, which are in `dim` of `known`. `coefficients` has all pairs in that
    dimension: of the second color with the first, of the third with the first and with the second.
    """
    if not color:
        return 0.0
    own = coefficients.narrow(dim, color * (color - 1) // 2, color)
    return (own * known.narrow(dim, 0, color)).sum(dim=dim)
