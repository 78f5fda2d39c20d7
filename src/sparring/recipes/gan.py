"""The first GAN: fully connected networks and the minimax game."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from torch.optim import SGD, Adam

from sparring.core.settings import Ranges
from sparring.core.specs import ImageSpec
from sparring.game import Recipe, TwoPlayerGame, condition_problems
from sparring.nets import mlp as nets
from sparring.objectives import NON_SATURATING, SATURATING


@dataclass(frozen=True, kw_only=True)
class Gan(Recipe):
    """Fully connected networks play the minimax game."""

    title: ClassVar[str] = "The first GAN: fully connected networks, the minimax game"
    paper: ClassVar[str] = "Goodfellow et al. 2014: Generative Adversarial Networks (arXiv:1406.2661)"
    data: ClassVar[str] = "small pictures of any shape, with or without classes"
    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        "discriminator_steps": {"at least": 1},
        "generator_hidden": {"at least": 1, "at most": 2**16},
        "discriminator_hidden": {"at least": 1, "at most": 2**16},
        "pieces": {"at least": 1, "at most": 64},
        "dropout": {"at least": 0, "less than": 1},
        "input_dropout": {"at least": 0, "less than": 1},
        "momentum": {"at least": 0, "less than": 1},
    }

    batch_size: int = 100
    """Real pictures in each turn's batch."""
    latent_size: int = 100
    """Numbers in a latent vector."""
    latent: Literal["uniform", "normal"] = "uniform"
    """What latents are drawn from: uniform in [-1, 1], or standard normal."""
    generator_loss: Literal["non-saturating", "saturating"] = "non-saturating"
    """What the generator minimises: -log D(G(z)), or log(1 - D(G(z))) as in the minimax game itself (section 3 of the paper)."""
    discriminator_steps: int = 1
    """Discriminator steps for each generator step: the paper's k."""
    generator_hidden: tuple[int, ...] = (1200, 1200)
    """Rectified units in each hidden layer of the generator."""
    discriminator_hidden: tuple[int, ...] = (240, 240)
    """Maxout units in each hidden layer of the discriminator."""
    pieces: int = 5
    """Linear maps that each maxout unit takes the largest of."""
    dropout: float = 0.5
    """Share of the discriminator's hidden units dropped in training."""
    input_dropout: float = 0.2
    """Share of the discriminator's input pixels dropped in training."""
    optimiser: Literal["adam", "sgd"] = "adam"
    """adam: Adam with betas (0.5, 0.999); sgd: gradient descent with momentum, as in the paper, which gives no rate for it.
    (Its authors' code has 0.1, but holds the norm of each unit's weights below 1.9; without that, 0.1 diverges.)"""
    learning_rate: float = 2e-4
    """For both networks."""
    momentum: float = 0.5
    """Of gradient descent; Adam does not use it."""
    condition: Literal["none", "concatenate"] = "none"
    """How classes enter: not at all, or as one-hot concatenated to the latent and to the pixels (Mirza and Osindero 2014)."""

    def misfits(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        return super().misfits(spec) + condition_problems(self.condition, spec)

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The pictures' own side, at most 32: the networks see every pixel at once."""
        return min(32, super().size_for(native))

    def build(self, spec: ImageSpec) -> TwoPlayerGame:
        """See Recipe."""
        classes = len(spec.classes) if self.condition == "concatenate" else 0
        if self.optimiser == "sgd":
            optimiser = partial(SGD, lr=self.learning_rate, momentum=self.momentum, fused=True)
        else:
            optimiser = partial(Adam, lr=self.learning_rate, betas=(0.5, 0.999), fused=True)
        return TwoPlayerGame(
            spec,
            nets.Generator(spec.shape, self.latent_size, self.generator_hidden, classes),
            nets.Discriminator(spec.shape, self.discriminator_hidden, self.pieces, self.dropout, self.input_dropout, classes),
            latent_size=self.latent_size,
            latent=self.latent,
            conditional=classes > 0,
            objective=SATURATING if self.generator_loss == "saturating" else NON_SATURATING,
            generator_optimiser=optimiser,
            discriminator_optimiser=optimiser,
            discriminator_steps=self.discriminator_steps,
        )


RECIPE = Gan
