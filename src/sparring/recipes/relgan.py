"""RelGAN: a generator of sequences that learns by gradients through its own choices of tokens."""

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
from sparring.games.language_model import negative_log_likelihood
from sparring.games.sequence_game import draw_several, places_read, until_end
from sparring.games.step_context import StepContext
from sparring.losses.gumbel import gumbel_of, sharpness_at, straight_through, without_gradient_after_end
from sparring.losses.objectives import Losses, ObjectiveName, objective
from sparring.losses.token_candidates import loss_of_candidates
from sparring.nets.sequence_discriminators import SequenceCNN

FEATURES = 100
"""Features of a sequence, as in the authors' code."""


@dataclass(frozen=True)
class Candidates:
    """Sequences that the generator drew."""

    codes: Int64[Tensor, "n length"]
    candidates: Int64[Tensor, "n length k"]
    """Tokens that were drawn independently at each place, the first of which is that of the sequence."""
    condition: Condition


class RelGANGame(AdversarialSequenceGame):
    """Real sequences are compared in pairs with generated ones, by each of several embeddings of their tokens."""

    def __init__(self, spec: SequenceSpec, settings: "RelGAN") -> None:
        discriminator = SequenceCNN(
            spec.vocabulary,
            representations=settings.representations,
            embedding=settings.discriminator_embedding // settings.representations,
            widths=settings.widths,
            filters=settings.filters,
            features=FEATURES,
            dropout=settings.discriminator_dropout,
            classes=len(spec.classes),
        )
        super().__init__(spec, settings, discriminator)
        self.objective = objective(settings.objective)
        self.drawn: dict[int, Candidates] = {}  # of each part of a batch, from the discriminator's turn to the generator's in the same step

    @property
    def recipe(self) -> "RelGAN":
        """The settings."""
        return cast(RelGAN, self.settings)

    @property
    def cnn(self) -> SequenceCNN:
        """The discriminator, by its class."""
        return cast(SequenceCNN, self.discriminator)

    def play_discriminator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame."""
        batch = context.batch
        condition = self.condition(batch.labels)
        real = self.discriminator(batch.samples.long(), condition)
        if self.recipe.candidates:
            self.drawn[context.part] = self.draw_candidates(context, condition)
            codes = self.drawn[context.part].codes
        else:
            codes = self.generated(context, condition)
        fake = self.discriminator(codes, condition)
        context.metrics["logit/real"], context.metrics["logit/generated"] = real.detach().mean(), fake.detach().mean()
        return of_sequences(self.objective.discriminator(real.flatten(), fake.flatten()), len(real))

    def play_generator(self, context: StepContext) -> Losses:
        """See AdversarialSequenceGame. The sequences are those that the discriminator saw last."""
        if not self.recipe.candidates:
            return self.play_by_gumbel(context)
        batch, drawn = context.batch, self.drawn.pop(context.part)
        vectors = self.cnn.embedding(drawn.codes).detach().requires_grad_()
        fake = self.cnn.of_vectors(vectors, drawn.condition)
        real = fake.detach()
        if self.objective.compares:
            with torch.no_grad():
                real = self.discriminator(batch.samples.long(), self.condition(batch.labels))
        losses = of_sequences(self.objective.generator(real.flatten(), fake.flatten()), len(real))
        (gradient,) = torch.autograd.grad(torch.stack([each.sum() for each in losses.values()]).sum(), vectors)
        found = {name: each.detach() for name, each in losses.items()}
        found["choices"] = self.loss_of_choices(drawn, gradient)
        if self.recipe.likelihood_weight:
            real_codes = batch.samples.long()
            nats = negative_log_likelihood(self.model, real_codes, self.condition(batch.labels)).sum(dim=1)
            found["likelihood"] = self.recipe.likelihood_weight * nats / places_read(real_codes).sum(dim=1).mean()
        return found

    def loss_of_choices(self, drawn: "Candidates", gradient: Float[Tensor, "n length size"]) -> Float[Tensor, " n"]:
        """Zero, with the gradient of the generator's loss. `gradient`: of that loss, with respect to the vectors that the discriminator has
        for the tokens; to the first order it says what each candidate in its place would cost. Tokens that the model has read are taken as
        given, as in the authors' code.
        """
        vectors = self.cnn.embedding.table.detach()[drawn.candidates]
        costs = (vectors @ gradient[..., None])[..., 0]
        with self.without_dropout(), torch.autocast(gradient.device.type, enabled=False):
            hidden = self.model.hidden(drawn.codes, drawn.condition)
            losses = loss_of_candidates(self.model.logits_of_some(hidden, drawn.candidates), costs)
        found = (losses * places_read(drawn.codes)).sum(dim=1)
        return found - found.detach()

    def draw_candidates(self, context: StepContext, condition: Condition) -> "Candidates":
        """Sequences as the generator draws them, and at each place other tokens that it could as well have drawn."""
        spec, found = self.sequence_spec, []
        chance = (context.streams.uniform("candidates", context.batch_size, spec.length, self.recipe.candidates) + 1) / 2
        with evaluating(self.model), torch.autocast(chance.device.type, enabled=False):
            codes, state = self.model.begin(len(chance), condition)
            going = torch.ones_like(codes, dtype=torch.bool)
            for place in range(spec.length):
                logits, state = self.model.step(codes, state)
                found.append(draw_several(logits, chance[:, place], unknown=spec.unknown))
                codes = found[-1][:, 0]
                going = going & (codes != END)
                if not going.any():
                    break
        missing = spec.length - len(found)
        candidates = torch.nn.functional.pad(torch.stack(found, dim=1), (0, 0, 0, missing), value=END)
        return Candidates(until_end(candidates[:, :, 0]), candidates, condition)

    def play_by_gumbel(self, context: StepContext) -> Losses:
        """The generator's turn with gradients through all tokens. Sequences are drawn by the largest logit plus a Gumbel number; gradients
        are those of the softmax of these sums, ever sharper.
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

    title: ClassVar[str] = "RelGAN: texts, by gradients through the choice of each token"
    paper: ClassVar[str] = "Nie et al. 2019: RelGAN: Relational Generative Adversarial Networks for Text Generation (ICLR 2019)"
    data: ClassVar[str] = "texts (.txt, .csv and others with --text), SMILES (.smi)"
    ranges: ClassVar[Ranges] = {
        **AdversarialSequenceRecipe.ranges,
        "representations": {"at least": 1, "at most": 1024},
        "widths": {"at least": 1, "at most": 64},
        "candidates": {"at least": 0, "at most": 2**12},
        "likelihood_weight": {"at least": 0},
        "filters": {"at least": 1, "at most": 2**12},
        "sharpness": {"at least": 1},
        "sharpen_steps": {"at least": 1},
    }

    of_older_runs: ClassVar[Mapping[str, object]] = {"widths": (2, 3, 4, 5), "candidates": 0, "likelihood_weight": 0.0}

    discriminator_fit_steps: int = 100
    """Number of steps after those by likelihood in which the discriminator learns alone."""
    discriminator_steps: int = 1
    """Number of discriminator updates per generator update (in the paper: 5)."""
    generator_learning_rate: float = 2e-4
    """Learning rate of the generator's adversarial steps. A wider generator needs a smaller one: about 0.07 / hidden. (learning_rate is
    that of its steps by likelihood.)"""
    discriminator_learning_rate: float = 5e-3
    """Learning rate of the discriminator."""
    discriminator_dropout: float = 0.0
    """Dropout rate of the discriminator."""
    objective: ObjectiveName = "relativistic"
    """Losses of discriminator and generator; the paper's compares each real sequence with a generated one."""
    representations: int = 4
    """Number of embeddings by which the discriminator sees a sequence, each of discriminator_embedding / representations dimensions."""
    filters: int = 32
    """Number of convolution filters of each width."""
    widths: tuple[int, ...] = (2, 3)
    """Numbers of tokens that convolutions see at once (in the paper: 2, 3, 4 and 5)."""
    candidates: int = 16
    """Number of tokens that the model samples at each place, the first to be used, all to compare: gradients go through these alone. 0:
    through the whole vocabulary, by the paper's Gumbel softmax, which takes several times as long."""
    likelihood_weight: float = 0.3
    """Weight of the likelihood of real texts (nats a token) in the generator's adversarial steps. Not in the paper."""
    sharpness: float = 100.0
    """Largest inverse temperature of the Gumbel softmax (candidates 0): larger, gradients are truer and noisier, and samples better and
    less varied."""
    sharpen_steps: int = 2000
    """Number of adversarial steps over which the inverse temperature rises from 1 to sharpness, by equal factors (candidates 0)."""

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.discriminator_embedding % max(1, self.representations):
            found.append(
                f"discriminator_embedding ({self.discriminator_embedding}) must be a multiple of representations ({self.representations})."
            )
        if self.candidates == 1:
            found.append("candidates must be 0, or at least 2: one token has nothing to be compared with.")
        return found

    def build(self, spec: SequenceSpec) -> RelGANGame:
        """See Recipe."""
        return RelGANGame(spec, self)


RECIPE = RelGAN
