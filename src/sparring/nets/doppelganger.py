"""DoppelGANger's networks (Lin et al. 2020): attributes first, then the range of a window, then its steps, several at a time."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from sparring.nets.temporal import Recurrent, perceptron

SMALLEST_HALF = 1e-4
"""Added to half the range of every window, so that constant ones can be divided by it (as in the authors' code)."""


def normalized_by_range(values: Float[Tensor, "n v t"]) -> tuple[Float[Tensor, "n v t"], Float[Tensor, "n v"], Float[Tensor, "n v"]]:
    """Windows with each value stretched to [-1, 1] by its own smallest and largest number, and the middle and half of that range."""
    low, high = values.amin(dim=2), values.amax(dim=2)
    middle, half = (high + low) / 2, (high - low) / 2 + SMALLEST_HALF
    return (values - middle[:, :, None]) / half[:, :, None], middle, half


def likeliest(shares: Float[Tensor, "n width"], categories: Sequence[int]) -> Float[Tensor, "n width"]:
    """Indicators of the likeliest category of each column. `categories`: number of categories of each."""
    parts = shares.split(list(categories), dim=1)
    return torch.cat([one_hot(part.argmax(dim=1), part.shape[1]).to(shares.dtype) for part in parts], dim=1)


def with_given(drawn: Float[Tensor, "n width"], given: Float[Tensor, "n width"], categories: Sequence[int]) -> Float[Tensor, "n width"]:
    """Indicators of columns as they are given, and as they are drawn where none is given (all 0)."""
    pairs = zip(drawn.split(list(categories), dim=1), given.split(list(categories), dim=1), strict=True)
    return torch.cat([torch.where(one.sum(dim=1, keepdim=True) > 0, one, other) for other, one in pairs], dim=1)


class AttributesFirstGenerator(nn.Module):
    """From noise to attributes by a perceptron, from these to the range of each value by another, and from both to the steps of a window by
    a GRU that makes several at a time.
    """

    def __init__(
        self, latent_size: int, values: int, categories: Sequence[int], attribute_hidden: int, hidden: int, steps: int, together: int
    ) -> None:
        super().__init__()
        self.latent_size, self.values, self.categories = latent_size, values, tuple(categories)
        self.steps, self.together = steps, together
        self.passes = -(-steps // together)
        width, sizes = sum(categories), (attribute_hidden, attribute_hidden)
        self.to_attributes = perceptron((latent_size, *sizes, width)) if width else None
        self.to_range = perceptron((latent_size + width, *sizes, 2 * values))
        self.to_steps = Recurrent(width + 2 * values + latent_size, values * together, hidden, 1, nn.Tanh())

    @property
    def noise_size(self) -> int:
        """Number of random numbers for each window: for its attributes, its range, and each pass of the GRU."""
        return self.latent_size * (2 + self.passes)

    def forward(
        self, noise: Float[Tensor, "n noise"], given: Float[Tensor, "n width"] | None = None
    ) -> tuple[Float[Tensor, "n v t"], Float[Tensor, "n width"], Float[Tensor, "n width"]]:
        """Values of each step, shares of the categories of each attribute, and indicators of those that were chosen, which the values are
        made for. `given`: indicators of known attributes, 0 where there are none.
        """
        of_attributes, of_range, of_steps = noise.split([self.latent_size, self.latent_size, self.latent_size * self.passes], dim=1)
        shares, chosen = self.attributes(of_attributes)
        if given is not None and self.categories:
            chosen = with_given(chosen, given, self.categories)
        middle, raw = self.to_range(torch.cat([chosen, of_range], dim=1)).float().chunk(2, dim=1)
        half = softplus(raw)
        told = torch.cat([chosen, middle.detach(), half.detach()], dim=1)  # attributes are told without gradients (authors' code)
        inputs = [told[:, :, None].expand(-1, -1, self.passes), of_steps.view(noise.shape[0], self.latent_size, self.passes)]
        made = self.to_steps(torch.cat(inputs, dim=1)).float()  # n (v together) passes
        made = made.view(noise.shape[0], self.values, self.together, self.passes).transpose(2, 3).flatten(2)[:, :, : self.steps]
        return middle[:, :, None] + half[:, :, None] * made, shares, chosen

    def attributes(self, noise: Float[Tensor, "n latent"]) -> tuple[Float[Tensor, "n width"], Float[Tensor, "n width"]]:
        """Shares of the categories of each attribute, and indicators of the likeliest."""
        if self.to_attributes is None:
            nothing = noise.new_zeros(noise.shape[0], 0)
            return nothing, nothing
        logits = self.to_attributes(noise).float()
        shares = torch.cat([part.softmax(dim=1) for part in logits.split(list(self.categories), dim=1)], dim=1)
        return shares, likeliest(shares.detach(), self.categories)


class WindowAndAttributeCritics(nn.Module):
    """Two perceptrons: one scores attributes, ranges and steps, the other attributes and ranges alone."""

    def __init__(self, attributes: int, steps: int, packing: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.attributes = attributes
        sizes = (hidden,) * (layers - 1)
        self.of_all = perceptron(((attributes + steps) * packing, *sizes, 1))
        self.of_attributes = perceptron((attributes * packing, *sizes, 1))

    def forward(self, seen: Float[Tensor, "packs packing features"], condition: None = None) -> Float[Tensor, "packs two"]:
        """Logits of all, and of attributes and ranges alone, which come first among the features."""
        return torch.cat([self.of_all(seen.flatten(1)), self.of_attributes(seen[:, :, : self.attributes].flatten(1))], dim=1)
