"""Games whose generator draws music step by step: it learns by likelihood first, then from a discriminator, by the score function."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.game import Player, Turn
from sparring.games.music_gan import MusicRecipe
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.optimizers.optimizers import maker

STEADY_BETAS = (0.9, 0.99)
"""Adam's decay rates for the generator, both by likelihood and by rewards, whose gradients are noisy."""
DRAWS = 2
"""Number of phrases that the generator draws in its turn for each of a batch."""
SMALLEST_SPREAD = 1e-3
"""Added to the standard deviation of logits, by which rewards are divided."""


class LikelihoodFirstGame(TwoPlayerGame):
    """In the first `fit_steps` steps the generator learns by likelihood. Then the discriminator learns alone for a while, and after that
    both play.
    """

    def begin_by_likelihood(self, settings: "FitSettings", networks: tuple[str, ...], play_fit: Callable[[StepContext], Losses]) -> None:
        """Set players and turns. `networks`: those that learn by likelihood together."""
        model = Player("model", networks, maker("adam", settings.fit_learning_rate, betas=STEADY_BETAS, momentum=0.0))
        player, opponent = self.players
        optimizer = maker(settings.optimizer, settings.learning_rate, betas=STEADY_BETAS, momentum=settings.momentum)
        self.players = (model, replace(player, optimizer=optimizer), opponent)
        begins = settings.fit_steps
        against = Turn("discriminator", "discriminator", self.play_discriminator, repeat=settings.discriminator_steps, start=begins)
        play = Turn("generator", "generator", self.play_generator, start=begins + settings.discriminator_fit_steps)
        self.turns = (Turn("fit", "model", play_fit, stop=begins), against, play)

    def rewards(self, context: StepContext, generated: Float[Tensor, "n planes steps pitches"]) -> Float[Tensor, " n"]:
        """The advantage of each generated phrase, by the discriminator's logit as its reward: what is expected is the mean of the others of
        its batch. Gradients of the mean of advantages times log-probabilities are then right on average but for their scale (the score
        function, Williams 1992).
        """
        logits, _ = self.discriminate(self.discriminator_input(generated, "generated", context), None)
        return advantages(logits.float().repeat_interleave(self.settings.packing))


def advantages(rewards: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """By how much each reward is above the mean of the others, in standard deviations of all."""
    n = len(rewards)
    if n < 2:
        return torch.zeros_like(rewards)
    return (rewards - rewards.mean()) * (n / (n - 1)) / (rewards.std() + SMALLEST_SPREAD)


@dataclass(frozen=True, kw_only=True)
class FitSettings(MusicRecipe):
    """Settings of games whose generator may learn by likelihood first, where it draws music step by step."""

    ranges: ClassVar[Ranges] = {
        **MusicRecipe.ranges,
        "fit_steps": {"at least": 0},
        "fit_learning_rate": {"more than": 0},
        "fit_dropout": {"at least": 0, "less than": 1},
        "discriminator_fit_steps": {"at least": 0},
    }
    for_stepwise: ClassVar[tuple[str, ...]] = ("fit_steps", "fit_learning_rate", "fit_dropout", "discriminator_fit_steps")
    """Names of settings that nothing else uses."""

    voices: str = "stepwise"
    """How notes are drawn."""
    fit_steps: int = 2400
    """Number of steps at the beginning in which the generator learns by likelihood. 0: it begins at random. For stepwise voices alone."""
    fit_learning_rate: float = 2e-3
    """Learning rate by likelihood, from which it falls to nothing over fit_steps."""
    fit_dropout: float = 0.25
    """Dropout rate while the generator learns by likelihood: of what it knows of other notes, and of hidden units."""
    discriminator_fit_steps: int = 150
    """Number of steps after those in which the discriminator learns alone."""

    def incompatibilities(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.voices == "stepwise":
            if self.unroll:
                found.append("unroll needs gradients of generated phrases, which stepwise voices have none of. Leave it out.")
            return found
        for name in self.for_stepwise:
            if getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} only works with voices='stepwise'. Set that too, or leave it out.")
        return found

    def remarks(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().remarks(spec)
        if self.voices == "stepwise" and self.fit_steps:
            found.append(f"The generator learns by likelihood for {self.fit_steps:,} steps (--fit-steps). Then the game begins.")
        return found

    def rate_factor(self, real_samples: int) -> float:
        """See Recipe. By likelihood the rate falls along a line."""
        left = 1 - real_samples / max(1, self.fit_steps * self.batch_size)
        fitting = self.voices == "stepwise" and left > 0
        return super().rate_factor(real_samples) * (max(left, 0.02) if fitting else 1.0)
