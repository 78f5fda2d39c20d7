"""RelGAN: a generator of sequences that learns by gradients through a straight-through Gumbel softmax."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.sequences.sequence_spec import END, SequenceSpec
from sparring.games.adversarial_sequences import AdversarialSequenceGame, AdversarialSequenceRecipe, Condition
from sparring.games.game import evaluating
from sparring.games.sequence_game import places_read, until_end
from sparring.games.step_context import StepContext
from sparring.losses.gumbel import gumbel_of, sharpness_at, straight_through, without_gradient_after_end
from sparring.losses.objectives import Losses, ObjectiveName, objective
from sparring.nets.sequence_discriminators import SequenceCNN

WIDTHS, FEATURES = (2, 3, 4, 5), 100
"""Places that convolutions see at once, and features of a sequence, as in the authors' code."""


class RelGANGame(AdversarialSequenceGame):
    """Real sequences are compared in pairs with generated ones, by each of several embeddings of their tokens."""

    def __init__(self, spec: SequenceSpec, settings: "RelGAN") -> None:
        discriminator = SequenceCNN(
            spec.vocabulary,
            representations=settings.representations,
            embedding=settings.discriminator_embedding // settings.representations,
            widths=WIDTHS,
            filters=settings.filters,
            features=FEATURES,
            dropout=settings.discriminator_dropout,
            classes=len(spec.classes),
        )
        super().__init__(spec, settings, discriminator)
        self.objective = objective(settings.objective)

    @property
    def recipe(self) -> "RelGAN":
        """The settings."""
        return cast(RelGAN, self.settings)

    def play_discriminator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame."""
        batch = context.batch
        condition = self.condition(batch.labels)
        real = self.discriminator(batch.samples.long(), condition)
        fake = self.discriminator(self.generated(context, condition), condition)
        context.metrics["logit/real"], context.metrics["logit/generated"] = real.detach().mean(), fake.detach().mean()
        return of_sequences(self.objective.discriminator(real.flatten(), fake.flatten()), len(real))

    def play_generator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame. Sequences are drawn by the largest logit plus a Gumbel number; gradients are those of the softmax of
        these sums, ever sharper.
        """
        batch = context.batch
        condition = self.condition(batch.labels)
        begins = self.recipe.fit_steps + self.recipe.discriminator_fit_steps
        sharpness = sharpness_at(context.step - begins, self.recipe.sharpen_steps, self.recipe.sharpness)
        one_hots = self.straight_through_sequences(context, condition, sharpness)
        fake = self.discriminator(one_hots, condition)
        real = self.discriminator(batch.samples.long(), condition).detach() if self.objective.compares else fake.detach()
        return of_sequences(self.objective.generator(real.flatten(), fake.flatten()), len(real))

    def straight_through_sequences(
        self, context: StepContext, condition: Condition, sharpness: float
    ) -> Float[Tensor, "n length vocabulary"]:
        """One-hot tokens of generated sequences that let gradients through. The tokens that the model has read are taken as given, as in
        the authors' code; gradients from one place to earlier ones go through its state alone.
        """
        spec = self.sequence_spec
        noise = gumbel_of((context.streams.uniform("gumbel", context.batch_size, spec.length, spec.vocabulary) + 1) / 2)
        if spec.unknown is not None:
            noise[:, :, spec.unknown] = -torch.inf
        codes = self.draw_by_noise(noise, condition)
        with self.without_dropout(), torch.autocast(codes.device.type, enabled=False):
            scores = self.model(codes, condition).float() + noise
        return without_gradient_after_end(straight_through(scores, codes, sharpness), places_read(codes))

    def draw_by_noise(self, noise: Float[Tensor, "n length vocabulary"], condition: Condition) -> Int64[Tensor, "n length"]:
        """The tokens with the largest sums of logit and noise, one place after the other."""
        drawn = []
        with evaluating(self.model), torch.autocast(noise.device.type, enabled=False):
            codes, state = self.model.begin(len(noise), condition)
            for place in range(noise.shape[1]):
                logits, state = self.model.step(codes, state)
                codes = (logits + noise[:, place]).argmax(dim=1)
                drawn.append(codes)
                if bool((torch.stack(drawn, dim=1) == END).any(dim=1).all()):
                    break
        found = torch.stack(drawn, dim=1)
        missing = noise.shape[1] - found.shape[1]
        return until_end(torch.nn.functional.pad(found, (0, missing), value=END))

    def mean_logits(self, codes: Int64[Tensor, "n length"], condition: Condition) -> Float[Tensor, " n"]:
        """See AdversarialSequenceGame."""
        return self.discriminator(codes, condition).mean(dim=1)


def of_sequences(losses: Mapping[str, Float[Tensor, " logits"]], n: int) -> Losses:
    """Losses of all representations of `n` sequences as means of each sequence."""
    return {name: each.view(n, -1).mean(dim=1) for name, each in losses.items()}


@dataclass(frozen=True, kw_only=True)
class RelGAN(AdversarialSequenceRecipe):
    """A generator that gets gradients through its own choices of tokens, against a discriminator that compares real and generated sequences
    by several embeddings.
    """

    title: ClassVar[str] = "RelGAN: texts, by gradients through a straight-through Gumbel softmax"
    paper: ClassVar[str] = "Nie et al. 2019: RelGAN: Relational Generative Adversarial Networks for Text Generation (ICLR 2019)"
    data: ClassVar[str] = "texts (.txt, .csv and others with --text), SMILES (.smi)"
    ranges: ClassVar[Ranges] = {
        **AdversarialSequenceRecipe.ranges,
        "representations": {"at least": 1, "at most": 1024},
        "filters": {"at least": 1, "at most": 2**12},
        "sharpness": {"at least": 1},
        "sharpen_steps": {"at least": 1},
    }

    discriminator_steps: int = 5
    """Number of discriminator updates per generator update."""
    objective: ObjectiveName = "relativistic"
    """Losses of discriminator and generator; the paper's compares each real sequence with a generated one."""
    representations: int = 16
    """Number of embeddings by which the discriminator sees a sequence, each of discriminator_embedding / representations dimensions."""
    filters: int = 64
    """Number of convolution filters of each width (2, 3, 4 and 5 tokens)."""
    sharpness: float = 100.0
    """Largest inverse temperature of the Gumbel softmax: larger, gradients are truer and noisier, and samples better and less varied."""
    sharpen_steps: int = 2000
    """Number of adversarial steps over which the inverse temperature rises from 1 to sharpness, by equal factors."""

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.discriminator_embedding % max(1, self.representations):
            found.append(
                f"discriminator_embedding ({self.discriminator_embedding}) must be a multiple of representations ({self.representations})."
            )
        return found

    def build(self, spec: SequenceSpec) -> RelGANGame:
        """See Recipe."""
        return RelGANGame(spec, self)


RECIPE = RelGAN
