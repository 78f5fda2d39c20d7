"""The first GAN: fully connected networks and the minimax game."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from sparring.core.settings import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.nets import mlp as nets


@dataclass(frozen=True, kw_only=True)
class GAN(AdversarialRecipe):
    """Fully connected networks play the minimax game.

    Its generator minimizes -log D(G(z)); `objective="saturating"` is the minimax game itself (section 3 of the paper).
    The paper trains by gradient descent with momentum and gives no rate. (Its authors' code has 0.1, but holds the
    norm of each unit's weights below 1.9; without that, 0.1 diverges.) Hence Adam here.
    """

    title: ClassVar[str] = "The first GAN: fully connected networks, the minimax game"
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
    """Real images in each turn's batch."""
    latent_size: int = 100
    """Numbers in a latent vector."""
    latent: Literal["normal", "uniform"] = "uniform"
    """What latents are drawn from: standard normal, or uniform in [-1, 1]."""
    generator_hidden: tuple[int, ...] = (1200, 1200)
    """Rectified units in each hidden layer of the generator."""
    discriminator_hidden: tuple[int, ...] = (240, 240)
    """Maxout units in each hidden layer of the discriminator."""
    pieces: int = 5
    """Linear maps that each maxout unit takes the largest of. 0: rectified units in place of maxout."""
    dropout: float = 0.5
    """Share of the discriminator's hidden units dropped in training."""
    input_dropout: float = 0.2
    """Share of the discriminator's input pixels dropped in training."""

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
