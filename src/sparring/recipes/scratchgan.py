"""ScratchGAN: a generator of sequences that learns by rewards alone, from its first step."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import softplus

from sparring.core.settings_checks import Ranges
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.adversarial_sequences import AdversarialSequenceGame, AdversarialSequenceRecipe, Condition
from sparring.games.language_model import negative_log_likelihood
from sparring.games.sequence_game import places_read
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.losses.policy_gradient import entropy_of, reinforce_loss, returns_of
from sparring.nets.sequence_discriminators import TokenDiscriminator


class ScratchGANGame(AdversarialSequenceGame):
    """A recurrent discriminator says of each token whether it is real, given those before it, and the generator is rewarded for each."""

    baseline: Tensor

    def __init__(self, spec: SequenceSpec, settings: "ScratchGAN") -> None:
        discriminator = TokenDiscriminator(
            spec.vocabulary,
            embedding=settings.discriminator_embedding,
            hidden=settings.discriminator_hidden,
            layers=1,
            length=spec.length,
            dropout=settings.discriminator_dropout,
            classes=len(spec.classes),
        )
        super().__init__(spec, settings, discriminator)
        self.register_buffer("baseline", torch.zeros(()))

    @property
    def recipe(self) -> "ScratchGAN":
        """The settings."""
        return cast(ScratchGAN, self.settings)

    def play_discriminator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame. The mean over places of the cross-entropy, half of it of real and half of generated tokens."""
        batch = context.batch
        condition = self.condition(batch.labels)
        real, fake = batch.samples.long(), self.generated(context, condition)
        of_real, of_fake = self.discriminator(real, condition), self.discriminator(fake, condition)
        read = places_read(real), places_read(fake)
        context.metrics["logit/real"] = mean_over(of_real.detach(), read[0]).mean()
        context.metrics["logit/generated"] = mean_over(of_fake.detach(), read[1]).mean()
        return {"real": mean_over(softplus(-of_real), read[0]) / 2, "generated": mean_over(softplus(of_fake), read[1]) / 2}

    def play_generator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame. A token's reward is 2 D - 1 (equation 3 of the paper), and what it is worth that of later ones as
        well; the baseline is a moving average of the mean worth.
        """
        condition = self.condition(self.asked_labels(context))
        codes = self.generated(context, condition)
        read = places_read(codes)
        with torch.no_grad():
            rewards = (2 * self.discriminator(codes, condition).float().sigmoid() - 1) * read
            returns = returns_of(rewards, self.recipe.discount)
            mean = (returns * read).sum() / read.sum()
            self.baseline.lerp_(mean, 1 - self.recipe.baseline_decay)
        context.metrics["reward"] = (rewards.sum() / read.sum()).detach()
        places = read.sum(dim=1).mean()
        with self.without_dropout():
            log_chances = -negative_log_likelihood(self.model, codes, condition)
            losses = {"policy": reinforce_loss(log_chances, returns, self.baseline, read) / places}
            if self.recipe.entropy:
                entropy = entropy_of(self.model(codes, condition).float())
                losses["entropy"] = -self.recipe.entropy * (entropy * read).sum(dim=1) / places
        return losses

    def mean_logits(self, codes: Int64[Tensor, "n length"], condition: Condition) -> Float[Tensor, " n"]:
        """See AdversarialSequenceGame."""
        return mean_over(self.discriminator(codes, condition), places_read(codes))


def mean_over(values: Float[Tensor, "n length"], read: Float[Tensor, "n length"]) -> Float[Tensor, " n"]:
    """Mean over the places that are read."""
    return (values * read).sum(dim=1) / read.sum(dim=1)


@dataclass(frozen=True, kw_only=True)
class ScratchGAN(AdversarialSequenceRecipe):
    """A generator that learns by rewards for each token, in large batches, and without any step by likelihood."""

    title: ClassVar[str] = "ScratchGAN: texts, by a reward for each token, without a warm start"
    paper: ClassVar[str] = "de Masson d'Autume et al. 2019: Training language GANs from Scratch (arXiv:1905.09922)"
    data: ClassVar[str] = "texts (.txt, .csv and others with --text), SMILES (.smi)"
    ranges: ClassVar[Ranges] = {
        **AdversarialSequenceRecipe.ranges,
        "discount": {"at least": 0, "at most": 1},
        "baseline_decay": {"at least": 0, "less than": 1},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "entropy": {"at least": 0},
    }

    batch_size: int = 512
    """Number of texts in each batch. Large batches are what lets rewards be learned from."""
    ema_samples: float = 100_000
    """Half-life, in texts, of the moving average of the weights."""
    fit_steps: int = 0
    """Number of steps at the beginning in which the generator learns by likelihood, as lm does. 0, as in the paper: none."""
    generator_learning_rate: float = 1e-3
    """Learning rate of the generator's adversarial steps. (learning_rate is that of its steps by likelihood, if there are any.)"""
    discriminator_learning_rate: float = 3e-3
    """Learning rate of the discriminator."""
    adversarial_betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    discriminator_weight_decay: float = 1e-6
    """Weight decay of the discriminator: this many times the weights are added to the gradient."""
    discriminator_dropout: float = 0.1
    """Dropout rate of the discriminator."""
    discriminator_hidden: int = 256
    """Number of the discriminator's recurrent units."""
    discount: float = 0.23
    """How much the reward of the next token counts for a token: 0 is its own reward alone, 1 the sum of all to the end."""
    baseline_decay: float = 0.08
    """How much of the baseline, which is subtracted from rewards, is kept in each step."""

    entropy: float = 0.0
    """Weight of the entropy of each token's distribution, which is added to the rewards: it keeps rare tokens in play, where data are so
    regular that the generator would settle on wrong ones. Not in the paper."""

    def build(self, spec: SequenceSpec) -> ScratchGANGame:
        """See Recipe."""
        return ScratchGANGame(spec, self)


RECIPE = ScratchGAN
