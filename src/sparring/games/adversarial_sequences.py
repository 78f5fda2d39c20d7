"""Language models that learn to pass for real before a discriminator, after a warm start by likelihood."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.settings_checks import Ranges
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.game import Player, Turn, evaluating
from sparring.games.language_model import LanguageModelGame, LanguageModelRecipe, draw_sequences
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.optimizers.optimizers import maker

Condition = Float[Tensor, "n classes"] | None


class AdversarialSequenceGame(LanguageModelGame):
    """A language model (the generator) and a discriminator. In the first `fit_steps` steps the model learns by likelihood; then the
    discriminator learns, and after `discriminator_fit_steps` more steps both play. Adversarial steps of the generator have an optimizer of
    their own, for they are far smaller. Subclasses say what a turn minimizes.
    """

    def __init__(self, spec: SequenceSpec, settings: "AdversarialSequenceRecipe", discriminator: nn.Module) -> None:
        super().__init__(spec, settings)
        self.discriminator = discriminator
        (model,) = self.players
        betas, decay = settings.adversarial_betas, settings.discriminator_weight_decay
        generator = maker("adam", settings.generator_learning_rate, betas=betas, momentum=0.0)
        against = maker("adam", settings.discriminator_learning_rate, betas=betas, momentum=0.0, weight_decay=decay)
        self.players = (model, Player("generator", ("model",), generator), Player("discriminator", ("discriminator",), against))
        begins = settings.fit_steps
        self.turns = (
            Turn("fit", "model", self.play, stop=begins),
            Turn("discriminator", "discriminator", self.play_discriminator, repeat=settings.discriminator_steps, start=begins),
            Turn("generator", "generator", self.play_generator, start=begins + settings.discriminator_fit_steps),
        )

    def play_discriminator(self, context: StepContext) -> Losses:
        """What the discriminator minimizes."""
        raise NotImplementedError

    def play_generator(self, context: StepContext) -> Losses:
        """What the generator minimizes."""
        raise NotImplementedError

    def asked_labels(self, context: StepContext) -> Labels | None:
        """Classes of the sequences that are generated, as often as they are in the data."""
        return context.draw_labels() if self.conditional else None

    def generated(self, context: StepContext, condition: Condition) -> Int64[Tensor, "n length"]:
        """Sequences as the generator draws them, without gradients and without dropout."""
        chance = (context.streams.uniform("tokens", context.batch_size, self.sequence_spec.length) + 1) / 2
        with evaluating(self.model):
            return draw_sequences(self.model, self.sequence_spec, chance, condition)

    @contextlib.contextmanager
    def without_dropout(self) -> Iterator[None]:
        """The model as it draws sequences, with gradients."""
        dropping = [module for module in self.model.modules() if isinstance(module, nn.Dropout) and module.training]
        for module in dropping:
            module.training = False
        try:
            yield
        finally:
            for module in dropping:
                module.training = True

    def mean_logits(self, codes: Int64[Tensor, "n length"], condition: Condition) -> Float[Tensor, " n"]:
        """One logit of each whole sequence."""
        raise NotImplementedError

    def discriminate(
        self, samples: Float[Tensor, "n length"], labels: Labels | None
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"]]:
        """See `capabilities.HasDiscriminator`."""
        logits = self.mean_logits(samples.long(), None if labels is None else self.condition(labels))
        return logits, torch.zeros(len(samples), 0, device=samples.device)


@dataclass(frozen=True, kw_only=True)
class AdversarialSequenceRecipe(LanguageModelRecipe):
    """A language model against a discriminator."""

    ranges: ClassVar[Ranges] = {
        **LanguageModelRecipe.ranges,
        "fit_steps": {"at least": 0},
        "discriminator_fit_steps": {"at least": 0},
        "discriminator_steps": {"at least": 1},
        "generator_learning_rate": {"more than": 0},
        "discriminator_learning_rate": {"more than": 0},
        "adversarial_betas": {"at least": 0, "less than": 1},
        "discriminator_weight_decay": {"at least": 0},
        "discriminator_dropout": {"at least": 0, "less than": 1},
        "discriminator_embedding": {"at least": 1, "at most": 2**12},
    }

    packing: ClassVar[int] = 1
    """Number of samples that the discriminator sees together."""

    fit_steps: int = 2000
    """Number of steps at the beginning in which the generator learns by likelihood, as lm does. 0: it begins at random."""
    discriminator_fit_steps: int = 0
    """Number of steps after those in which the discriminator learns alone."""
    discriminator_steps: int = 1
    """Number of discriminator updates per generator update."""
    generator_learning_rate: float = 1e-4
    """Learning rate of the generator's adversarial steps. (learning_rate is that of its steps by likelihood.)"""
    discriminator_learning_rate: float = 1e-4
    """Learning rate of the discriminator."""
    adversarial_betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates in adversarial steps, for the mean and the variance of gradients."""
    discriminator_weight_decay: float = 0.0
    """Weight decay of the discriminator: this many times the weights are added to the gradient."""
    discriminator_dropout: float = 0.25
    """Dropout rate of the discriminator."""
    discriminator_embedding: int = 64
    """Number of dimensions of each token's vector in the discriminator."""

    def rate_factor(self, real_samples: int) -> float:
        """See Recipe. In adversarial steps the learning rates are constant, but for decay_from_samples."""
        fitting = real_samples < self.fit_steps * self.batch_size
        return Recipe.rate_factor(self if fitting else replace(self, constant_rate_samples=None), real_samples)
