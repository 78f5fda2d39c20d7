"""What a game can do, asked of the game itself and not of its class. Whoever uses a trained game asks by these."""

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor, nn

Direction = Literal["a2b", "b2a"]
"""Which way a translator goes: from inputs to targets, or back."""


@runtime_checkable
class Samples(Protocol):
    """Draws new samples."""

    @property
    def conditional(self) -> bool:
        """Whether samples are asked for by class."""
        ...

    def sample(
        self, n: int, seed: int = 0, labels: Int64[Tensor, " n"] | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n ..."]:
        """Samples `first` to `first + n - 1` of `seed`: the same, to the bit, however they are split into calls."""
        ...


@runtime_checkable
class Translates(Protocol):
    """Makes images of images."""

    translators: Mapping[Direction, str]
    """The network of each direction, by name."""

    def translate(self, images: Float[Tensor, "n c h w"], direction: Direction = "a2b") -> Float[Tensor, "n o h w"]:
        """Translations of images in [-1, 1], of any size."""
        ...


@runtime_checkable
class HasDiscriminator(Protocol):
    """Has a network that tells real samples from generated ones."""

    discriminator: nn.Module

    def discriminate(
        self, samples: Float[Tensor, "packs ..."], labels: Int64[Tensor, " n"] | None
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """Logits of samples, and class logits."""
        ...


@runtime_checkable
class HasLikelihood(Protocol):
    """Has a density."""

    def log_likelihood(self, samples: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """Natural logarithm of the density of each sample, or a lower bound of it."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """Finds the latents of samples."""

    def encode(self, samples: Float[Tensor, "n ..."]) -> Float[Tensor, "n latent"]:
        """A latent of each sample."""
        ...
