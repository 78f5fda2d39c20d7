"""The original GAN: fully connected networks and the minimax game."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.nets import mlp as nets


@dataclass(frozen=True, kw_only=True)
class GAN(AdversarialRecipe):
    """Fully connected networks.

    The generator minimizes -log D(G(z)); for the minimax game itself, use `--objective saturating` (section 3 of the paper). The paper
    trains by gradient descent with momentum and gives no learning rate. (The authors' code has 0.1, but limits the norm of each unit's
    weights to 1.9; without that, 0.1 diverges.) So Adam is used here.
    """

    title: ClassVar[str] = "The original GAN: fully connected networks"
    paper: ClassVar[str] = "Goodfellow et al. 2014: Generative Adversarial Networks (arXiv:1406.2661)"
    data: ClassVar[str] = "small images of any shape, with or without classes"
    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "generator_hidden": {"at least": 1, "at most": 2**16},
        "discriminator_hidden": {"at least": 1, "at most": 2**16},
        "pieces": {"at least": 0, "at most": 64},
        "dropout": {"at least": 0, "less than": 1},
        "input_dropout": {"at least": 0, "less than": 1},
    }

    batch_size: int = 100
    """Number of real images in each discriminator batch."""
    latent_size: int = 100
    """Number of dimensions of the latent vector."""
    latent: Literal["normal", "uniform"] = "uniform"
    """Distribution of latent vectors: standard normal, or uniform in [-1, 1]."""
    generator_hidden: tuple[int, ...] = (1200, 1200)
    """Number of ReLU units in each hidden layer of the generator."""
    discriminator_hidden: tuple[int, ...] = (240, 240)
    """Number of maxout units in each hidden layer of the discriminator."""
    pieces: int = 5
    """Number of linear maps in each maxout unit, which outputs the largest. 0: ReLU in place of maxout."""
    dropout: float = 0.5
    """Dropout rate of the discriminator's hidden units, 0 to 1."""
    input_dropout: float = 0.2
    """Dropout rate of the discriminator's input pixels, 0 to 1."""

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The images' own side, at most 32: the networks see every pixel at once."""
        return min(32, super().size_for(native))

    def networks(self, spec: ImageSpec) -> tuple[nn.Module, nn.Module]:
        """See AdversarialRecipe."""
        channels, height, width = spec.shape
        generator = nets.Generator(spec.shape, self.latent_size, self.generator_hidden, **self.generator_classes(spec))
        discriminator = nets.Discriminator(
            (channels * self.packing, height, width),
            self.discriminator_hidden,
            pieces=self.pieces,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            minibatch_deviation=self.minibatch_deviation,
            **self.discriminator_classes(spec),
        )
        return generator, discriminator


RECIPE = GAN
