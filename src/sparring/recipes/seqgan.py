"""SeqGAN: a generator of sequences whose tokens are worth what a discriminator says of the ways that they could go on."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.adversarial_sequences import AdversarialSequenceGame, AdversarialSequenceRecipe, Condition
from sparring.games.game import evaluating
from sparring.games.language_model import negative_log_likelihood
from sparring.games.rollouts import rollout_rewards, rollouts
from sparring.games.sequence_game import places_read
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses, minimax_discriminator
from sparring.losses.policy_gradient import reinforce_loss
from sparring.nets.sequence_discriminators import SequenceCNN

WIDTHS, FEATURES = (1, 2, 3, 4, 5, 8), 100
"""Places that convolutions see at once, and features of a sequence."""


class SeqGANGame(AdversarialSequenceGame):
    """A discriminator of whole sequences; a token is worth its mean probability of being real, over several ways to go on."""

    baseline: Tensor

    def __init__(self, spec: SequenceSpec, settings: "SeqGAN") -> None:
        discriminator = SequenceCNN(
            spec.vocabulary,
            representations=1,
            embedding=settings.discriminator_embedding,
            widths=WIDTHS,
            filters=settings.filters,
            features=FEATURES,
            dropout=settings.discriminator_dropout,
            classes=len(spec.classes),
        )
        super().__init__(spec, settings, discriminator)
        self.register_buffer("baseline", torch.full((spec.length,), 0.5))

    @property
    def recipe(self) -> "SeqGAN":
        """The settings."""
        return cast(SeqGAN, self.settings)

    def play_discriminator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame."""
        batch = context.batch
        condition = self.condition(batch.labels)
        real = self.mean_logits(batch.samples.long(), condition)
        fake = self.mean_logits(self.generated(context, condition), condition)
        context.metrics["logit/real"], context.metrics["logit/generated"] = real.detach().mean(), fake.detach().mean()
        return minimax_discriminator(real, fake)

    def play_generator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame. The baseline of each place is a moving average of what its tokens were worth."""
        condition = self.condition(self.asked_labels(context))
        codes = self.generated(context, condition)
        read = places_read(codes)
        with evaluating(self):
            worth = self.worth_of(context, codes, condition)
            mean = (worth * read).sum(dim=0) / read.sum(dim=0).clamp_min(1)
            kept = torch.where(read.sum(dim=0) > 0, self.recipe.baseline_decay, 1.0)
            self.baseline.copy_(kept * self.baseline + (1 - kept) * mean)
        context.metrics["reward"] = worth[:, -1].mean()
        with self.without_dropout():
            log_chances = -negative_log_likelihood(self.model, codes, condition)
        return {"policy": reinforce_loss(log_chances, worth, self.baseline, read) / read.sum(dim=1).mean()}

    def worth_of(self, context: StepContext, codes: Int64[Tensor, "n length"], condition: Condition) -> Float[Tensor, "n length"]:
        """What each token is worth: how real the ways look that the sequence could go on after it."""

        def reward(sequences: Int64[Tensor, "m length"]) -> Float[Tensor, " m"]:
            classes = None if condition is None else condition.repeat(len(sequences) // len(codes), 1)
            return self.mean_logits(sequences, classes).float().sigmoid()

        names = (f"rollout {number}" for number in range(self.recipe.rollouts))
        ways = [rollouts(self.model, self.sequence_spec, codes, condition, context.streams, name) for name in names]
        return rollout_rewards(reward, codes, ways)

    def mean_logits(self, codes: Int64[Tensor, "n length"], condition: Condition) -> Float[Tensor, " n"]:
        """See AdversarialSequenceGame."""
        return self.discriminator(codes, condition)[:, 0]


@dataclass(frozen=True, kw_only=True)
class SeqGAN(AdversarialSequenceRecipe):
    """A generator that learns by rewards of whole sequences, which random continuations spread over its tokens."""

    title: ClassVar[str] = "SeqGAN: texts, by rewards for the ways that a beginning could go on"
    paper: ClassVar[str] = "Yu et al. 2017: SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient (arXiv:1609.05473)"
    data: ClassVar[str] = "texts (.txt, .csv and others with --text), SMILES (.smi)"
    ranges: ClassVar[Ranges] = {
        **AdversarialSequenceRecipe.ranges,
        "filters": {"at least": 1, "at most": 2**12},
        "rollouts": {"at least": 1, "at most": 256},
        "baseline_decay": {"at least": 0, "less than": 1},
    }

    discriminator_fit_steps: int = 200
    """Number of steps after those by likelihood in which the discriminator learns alone."""
    discriminator_steps: int = 5
    """Number of discriminator updates per generator update."""
    generator_learning_rate: float = 1e-3
    """Learning rate of the generator's adversarial steps. (learning_rate is that of its steps by likelihood.)"""
    filters: int = 64
    """Number of convolution filters of each width (1 to 5, and 8 tokens)."""
    rollouts: int = 4
    """Number of continuations after each token that its reward is the mean of (in the paper: 16). A step takes as many times as long."""
    baseline_decay: float = 0.9
    """How much of the baseline, which is subtracted from rewards, is kept in each step."""

    def build(self, spec: SequenceSpec) -> SeqGANGame:
        """See Recipe."""
        return SeqGANGame(spec, self)


RECIPE = SeqGAN
